"""A connection that can only read, each time for a second at most, so that it never keeps the log from being reset."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from secure_chat.errors import Busy, StorageFailed
from secure_chat.limits import DATABASE_BUSY_SECONDS, READ_SECONDS
from secure_chat.storage.database import Row
from secure_chat.storage.faults import PRIMARY_CODE
from secure_chat.storage.statements import Statement, Value

_STEPS_BETWEEN_LOOKS: Final = 4000  # of SQLite's virtual machine; some tenths of a millisecond


class ReadingConnection:
    """Used by one thread at a time. Raises `StorageFailed` when the disk does."""

    def __init__(self, database: Path, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._deadline = 0.0
        with _faults_named():
            self._connection = sqlite3.connect(
                f"{database.absolute().as_uri()}?mode=ro",
                uri=True,
                isolation_level=None,
                timeout=DATABASE_BUSY_SECONDS,
                check_same_thread=False,
            )
        try:
            with _faults_named():
                self._connection.execute("PRAGMA query_only = ON")
        except BaseException:
            self._connection.close()
            raise
        self._connection.set_progress_handler(self._is_late, _STEPS_BETWEEN_LOOKS)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """All reads within see one state of the database. Raises `Busy` when they take longer than a second."""
        self._deadline = self._monotonic() + READ_SECONDS
        with _faults_named():
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def one(self, statement: Statement, **values: Value) -> Row | None:
        """The first row, if there is one."""
        row: Row | None = self._connection.execute(statement.sql, statement.bind(values)).fetchone()
        return row

    def all(self, statement: Statement, **values: Value) -> list[Row]:
        """All rows."""
        return self._connection.execute(statement.sql, statement.bind(values)).fetchall()

    def each(self, statement: Statement, **values: Value) -> Iterator[Row]:
        """Row after row, found as they are asked for."""
        rows: Iterator[Row] = self._connection.execute(statement.sql, statement.bind(values))
        return rows

    def close(self) -> None:
        """End it."""
        self._connection.close()

    def _is_late(self) -> int:
        return self._monotonic() > self._deadline


@contextlib.contextmanager
def _faults_named() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE
        if code in (sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_BUSY):
            raise Busy("This takes longer than the server has time for; narrow it down.") from error
        raise StorageFailed("The server's storage cannot be read.") from error
