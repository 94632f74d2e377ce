"""What an error of SQLite means for the server: a full disk, a failed one, or a fault of one entry."""

import errno
import logging
import sqlite3
from pathlib import Path
from typing import Final

from secure_chat.errors import ChatError, StorageFailed, StorageForeign, StorageFull
from secure_chat.limits import STORAGE_RETRY_SECONDS

PRIMARY_CODE: Final = 0xFF  # the low byte of an extended result code (sqlite.org/rescode.html)
_FULL: Final = frozenset({sqlite3.SQLITE_FULL})
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
_FAILED: Final = frozenset(
    {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
    }
)
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})

_log: Final = logging.getLogger(__name__)


def disk_fault(error: BaseException) -> ChatError | None:
    """`StorageFull` or `StorageFailed` when the disk is the cause, None when it is not.

    Busy counts as full, after a wait that the connection has already made: nobody else may write this database.
    """
    if isinstance(error, StorageFull | StorageFailed):
        return error
    if isinstance(error, OSError):
        return _full() if error.errno in _NO_ROOM else StorageFailed()
    if not isinstance(error, sqlite3.Error):
        return None
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & PRIMARY_CODE
    if code in _FULL:
        return _full()
    if code in _BUSY:
        _log.error("another connection writes the database, which only the journal may do: %s", error)
        return _full()
    return StorageFailed() if code in _FAILED else None


def opening_fault(error: BaseException, database: Path) -> ChatError | None:
    """As `disk_fault`, while nothing but `database` can be the cause: named, as an operator can act on it."""
    if isinstance(error, sqlite3.DatabaseError):
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & PRIMARY_CODE
        if code == sqlite3.SQLITE_NOTADB:
            return StorageForeign(f"{database} is not a database.")
        if code == sqlite3.SQLITE_CORRUPT:
            return damaged(database, str(error))
    return disk_fault(error)


def damaged(database: Path, how: str) -> StorageFailed:
    """`how`: in SQLite's words."""
    return StorageFailed(f"The database {database} is damaged: {how}.", hint="keep the file, and restore a backup")


def _full() -> StorageFull:
    return StorageFull(retry_after=STORAGE_RETRY_SECONDS)
