"""Connections for tests that die or fail where they are told to; the product has no switch for it."""

import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from secure_chat.client.vault.database import ConnectionFactory

Hook = Callable[[int], None]


class SqliteFailure(sqlite3.OperationalError):
    """What the driver raises when the disk fails, with the number by which SQLite names the failure."""

    def __init__(self, code: int) -> None:
        super().__init__("planted")
        self.sqlite_errorcode = code


def around_commits(before: Hook, after: Hook = lambda _: None) -> ConnectionFactory:
    """A factory of connections that call `before` and `after` with the number of each COMMIT, from 1."""
    numbers = iter(range(1, 1_000_000))

    class Hooked(sqlite3.Connection):
        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            number = next(numbers) if sql == "COMMIT" else 0
            if number:
                before(number)
            cursor = super().execute(sql, *parameters)
            if number:
                after(number)
            return cursor

    def connect(path: Path) -> sqlite3.Connection:
        address = f"file:{quote(str(path))}?mode=rw"
        return sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False, factory=Hooked)

    return connect


def full_at_change(at: int) -> ConnectionFactory:
    """A factory of connections whose COMMIT number `at` of those that change something finds the disk full."""
    numbers = iter(range(1, 1_000_000))

    class Hooked(sqlite3.Connection):
        changes = 0

        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            if sql == "COMMIT" and self.total_changes != self.changes:
                self.changes = self.total_changes
                if next(numbers) == at:
                    raise SqliteFailure(sqlite3.SQLITE_FULL)
            return super().execute(sql, *parameters)

    def connect(path: Path) -> sqlite3.Connection:
        address = f"file:{quote(str(path))}?mode=rw"
        return sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False, factory=Hooked)

    return connect


def failing_commit(code: int, at: int = 1) -> ConnectionFactory:
    """A factory of connections whose COMMIT number `at` fails as SQLite says by `code`, and changes nothing."""

    def fail(number: int) -> None:
        if number == at:
            raise SqliteFailure(code)

    return around_commits(fail)


def dying(where: str, at: int) -> ConnectionFactory:
    """A factory of connections that kill this process, as kill -9 does, "before" or "after" COMMIT number `at`."""

    def die(number: int) -> None:
        if number == at:
            os.kill(os.getpid(), signal.SIGKILL)

    def live(_: int) -> None:
        return

    return around_commits(die, live) if where == "before" else around_commits(live, die)
