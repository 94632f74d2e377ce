"""The one writing connection: its settings, transactions, savepoints and checkpoints."""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

from secure_chat.errors import StorageUnsupported
from secure_chat.limits import (
    CHECKPOINT_PAGES,
    CHECKPOINT_PAGES_IDLE,
    DATABASE_BUSY_SECONDS,
)
from secure_chat.storage.data_lock import check_private
from secure_chat.storage.faults import damaged
from secure_chat.storage.migrations import engine_for, migrate
from secure_chat.storage.schema import check, recognise
from secure_chat.storage.statements import Statement, Value

DATABASE_NAME: Final = "secure-chat.db"
OLDEST_SQLITE: Final = (3, 35, 0)

Row: TypeAlias = tuple[Any, ...]
Connect: TypeAlias = Callable[[str], sqlite3.Connection]

_SETTINGS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA journal_size_limit = 67108864",  # MAX_WRITE_AHEAD_LOG_BYTES: a PRAGMA takes no bound value
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    # Deleted rows are overwritten: an envelope is not kept after its delivery. Some builds do so by themselves.
    "PRAGMA secure_delete = ON",
)
# A page of the log holds what a row adds and what it dirties in indexes; both figures were measured, rounded up.
_PAGES_PER_TRANSACTION: Final = 12
_ROWS_PER_PAGE: Final = 2


def connect(database: str) -> sqlite3.Connection:
    """The driver's connection as it is in production; a test hands in one that fails when it is told to."""
    return sqlite3.connect(database, isolation_level=None, timeout=DATABASE_BUSY_SECONDS, check_same_thread=False)


class Database:
    """The database of a data directory whose lock is held. Used by one thread at a time.

    Raises `sqlite3.Error` from every method; `faults` says what it means.
    """

    def __init__(self, directory: Path, connect: Connect = connect) -> None:
        """Open, migrate, and check the whole file if the last stop was not clean.

        Nothing is written to a database that is not of this program and version. Raises `StorageUnsupported`,
        `StorageExposed`, `StorageForeign`, `StorageTooNew`, or `StorageFailed` for a damaged file.
        """
        self.path = directory / DATABASE_NAME
        self._log_path = directory / (DATABASE_NAME + "-wal")
        _check_sqlite()
        unclean = self._stopped_uncleanly()
        self._make_private()
        self._connection = connect(str(self.path))
        try:
            is_newest = recognise(self._connection, self.path)
            self._configure()
            if unclean:
                self._check_whole_file()
            if not is_newest:
                migrate(engine_for(self.path))
                check(self._connection, self.path)
        except BaseException:
            self._connection.close()
            raise
        self.commits = 0  # transactions that changed something
        self._pages = 0  # of the log since its last checkpoint; an estimate from above
        self._rows_before = self._connection.total_changes

    # --- statements ------------------------------------------------------------------------------

    def execute(self, statement: Statement, **values: Value) -> None:
        """Run a statement that answers nothing."""
        self._connection.execute(statement.sql, statement.bind(values))

    def execute_counting(self, statement: Statement, **values: Value) -> int:
        """Run a statement and tell how many rows it changed."""
        return self._connection.execute(statement.sql, statement.bind(values)).rowcount

    def insert(self, statement: Statement, row: tuple[Value, ...]) -> int:
        """Insert one row, its values in the statement's order; tell its row number."""
        return self._connection.execute(statement.sql, row).lastrowid or 0

    def insert_many(self, statement: Statement, rows: Iterable[tuple[Value, ...]]) -> None:
        """Run a statement once for each row of values, which stand in its order."""
        self._connection.executemany(statement.sql, rows)

    def one(self, statement: Statement, **values: Value) -> Row | None:
        """The first row, if there is one."""
        row: Row | None = self._connection.execute(statement.sql, statement.bind(values)).fetchone()
        return row

    def all(self, statement: Statement, **values: Value) -> list[Row]:
        """All rows."""
        return self._connection.execute(statement.sql, statement.bind(values)).fetchall()

    @property
    def changes(self) -> int:
        """Rows changed by this connection so far, those of full text's own tables included."""
        return self._connection.total_changes

    # --- transactions ----------------------------------------------------------------------------

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction that may write: on the disk once the block has ended, undone if it raises."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._commit()
        except BaseException:
            self._rollback()
            raise

    def _commit(self) -> None:
        self._connection.execute("COMMIT")
        rows = self._connection.total_changes
        if rows != self._rows_before:
            self.commits += 1
            self._pages += _PAGES_PER_TRANSACTION + (rows - self._rows_before) // _ROWS_PER_PAGE
            self._rows_before = rows

    def _rollback(self) -> None:
        # SQLite has undone some failures by itself; an error here hides none that matters more.
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        self._rows_before = self._connection.total_changes

    def set_savepoint(self) -> None:
        """From here on `return_to_savepoint` undoes."""
        self._connection.execute("SAVEPOINT entry")

    def release_savepoint(self) -> None:
        """Keep what was done since the savepoint."""
        self._connection.execute("RELEASE entry")

    def return_to_savepoint(self) -> None:
        """Undo what was done since the savepoint."""
        self._connection.execute("ROLLBACK TO entry")
        self._connection.execute("RELEASE entry")

    # --- the write-ahead log ---------------------------------------------------------------------

    def checkpoint_is_due(self, *, idle: bool) -> bool:
        """Whether the log has grown so far that it should be moved into the database."""
        return self._pages >= (CHECKPOINT_PAGES_IDLE if idle else CHECKPOINT_PAGES)

    def checkpoint(self) -> None:
        """Move the log into the database as far as no reader needs it; waits for nobody."""
        _busy, pages, moved = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        self._pages = max(0, pages - moved)

    def shorten_log(self) -> None:
        """Move the log and cut its file to nothing, which also ends what it still holds of deleted rows.

        Where a reader needs some of it nothing happens: another time will do.
        """
        self._connection.execute("PRAGMA busy_timeout = 0")
        try:
            busy, pages, moved = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._pages = max(0, pages - moved) if busy else 0
        finally:
            self._connection.execute("PRAGMA busy_timeout = 500")  # DATABASE_BUSY_SECONDS: no value can be bound here

    def close(self) -> None:
        """Close with all of the log moved into the database, so that the next start need not check the file."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()

    def abandon(self) -> None:
        """Close and leave every file as it is: the disk has failed, the next start shall check what is there."""
        # The last connection to close moves the log into the database. One that cannot write does not.
        last = None
        with contextlib.suppress(sqlite3.Error):
            last = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)
            last.execute("SELECT count(*) FROM sqlite_master").fetchone()
        self._connection.close()
        if last is not None:
            last.close()

    # --- opening ---------------------------------------------------------------------------------

    def _stopped_uncleanly(self) -> bool:
        try:
            return self._log_path.stat().st_size > 0
        except FileNotFoundError:
            return False

    def _make_private(self) -> None:
        # SQLite gives its other files the permissions of the database. The file is never opened here once SQLite
        # has it open: closing a descriptor would drop SQLite's locks.
        if not self.path.exists():
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        for path in (self.path, self._log_path):
            if path.exists():
                check_private(path)

    def _configure(self) -> None:
        for setting in _SETTINGS:
            self._connection.execute(setting).fetchall()

    def _check_whole_file(self) -> None:
        answers = self._connection.execute("PRAGMA quick_check").fetchall()
        if answers != [("ok",)]:
            raise damaged(self.path, answers[0][0])


def _check_sqlite() -> None:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise StorageUnsupported(f"SQLite {sqlite3.sqlite_version} is too old.")
    with contextlib.closing(sqlite3.connect(":memory:")) as memory:
        try:
            memory.execute("CREATE VIRTUAL TABLE probe USING fts5(body)")
        except sqlite3.OperationalError as error:
            raise StorageUnsupported("This Python's SQLite has no full text (FTS5).") from error
