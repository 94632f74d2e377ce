"""The vault's SQLite file: its settings, durable transactions, the disk's errors as typed errors."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from secure_chat.errors import ChatError, ProfileBusy, VaultDamaged, VaultFailed, VaultFull

ConnectionFactory = Callable[[Path], sqlite3.Connection]

_SETTINGS: Final = (
    "PRAGMA locking_mode=EXCLUSIVE",  # one process only, so the index of the WAL needs no shared file
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # NORMAL lost acknowledged rows at a power cut
    "PRAGMA secure_delete=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
)

_HEADER_TABLE: Final = "CREATE TABLE header (name TEXT PRIMARY KEY, content BLOB NOT NULL)"
_ROWS_TABLE: Final = (
    "CREATE TABLE rows (table_name TEXT NOT NULL, row_id TEXT NOT NULL, schema INTEGER NOT NULL,"
    " generation INTEGER NOT NULL, nonce BLOB NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (table_name, row_id))"
)
SCHEMA: Final = (_HEADER_TABLE, _ROWS_TABLE)

_BY_PRIMARY_CODE: Final[dict[int, type[ChatError]]] = {
    sqlite3.SQLITE_FULL: VaultFull,
    sqlite3.SQLITE_BUSY: ProfileBusy,
    sqlite3.SQLITE_LOCKED: ProfileBusy,
    sqlite3.SQLITE_CORRUPT: VaultDamaged,
    sqlite3.SQLITE_NOTADB: VaultDamaged,
    sqlite3.SQLITE_SCHEMA: VaultDamaged,
    sqlite3.SQLITE_IOERR: VaultFailed,
    sqlite3.SQLITE_CANTOPEN: VaultFailed,
    sqlite3.SQLITE_READONLY: VaultFailed,
    sqlite3.SQLITE_PERM: VaultFailed,
}
_ENDS_THE_VAULT: Final = (VaultFailed, VaultDamaged)  # after these nothing is written by this process any more


def connect(path: Path) -> sqlite3.Connection:
    """Open an existing database, never create one; transactions begin and end only where this package says so."""
    return sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, isolation_level=None, check_same_thread=False)


class Database:
    """One connection, the only one of its file. Used by one thread at a time."""

    def __init__(self, path: Path, factory: ConnectionFactory = connect) -> None:
        """Open and configure. Raises `VaultDamaged`, `VaultFailed` or `ProfileBusy`."""
        self._failure: type[ChatError] | None = None
        self._closed = False
        with self._typed_errors():
            self._connection = factory(path)
        self._connection.text_factory = _lenient_text
        try:
            with self._typed_errors():
                for setting in _SETTINGS:
                    self._connection.execute(setting).fetchall()
        except BaseException:
            self._connection.close()
            raise

    def execute(self, statement: str, parameters: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        """All rows of one statement. Raises the typed error of what the disk said."""
        with self._typed_errors():
            return self._connection.execute(statement, parameters).fetchall()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """BEGIN IMMEDIATE … COMMIT; on the disk when the block has ended, rolled back when anything was raised."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def check_schema(self) -> None:
        """Refuse a file with other tables than ours: a trigger or a view would act in our name."""
        found = self.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
        if [row[0] for row in found] != list(SCHEMA):
            raise VaultDamaged("The vault has tables that were never made here.")

    def truncate_log(self) -> None:
        """Move what was committed from the WAL into the database and empty the WAL."""
        self.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Checkpoint, truncate, close; a second call does nothing.

        A disk that fails now loses nothing: what was committed stays in the WAL.
        """
        if self._closed:
            return
        self._closed = True
        try:
            with contextlib.suppress(ChatError):
                self.truncate_log()
        finally:
            self._connection.close()

    def _roll_back(self) -> None:
        # After some errors SQLite has rolled back by itself. One that fails here fails again at the next statement.
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def _typed_errors(self) -> Iterator[None]:
        if self._failure is not None:
            raise self._failure
        try:
            yield
        except sqlite3.Error as error:
            kind = _kind(error)
            if kind is None:
                raise
            if issubclass(kind, _ENDS_THE_VAULT):
                self._failure = kind
            raise kind from error


def _lenient_text(data: bytes) -> str:
    # In an altered file a text may be no text; whatever becomes of it here fails the next check.
    return data.decode("utf-8", "replace")


def _kind(error: sqlite3.Error) -> type[ChatError] | None:
    code: int | None = getattr(error, "sqlite_errorcode", None)  # absent when Python's module itself complains
    return None if code is None else _BY_PRIMARY_CODE.get(code & 0xFF)
