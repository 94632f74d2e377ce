"""The lock of a data directory: whoever holds it is the one process that works on the database."""

import fcntl
import os
import shlex
from pathlib import Path
from typing import Final

from secure_chat.errors import StorageExposed, StorageFailed, StorageLocked

LOCK_NAME: Final = "lock"

_OTHERS: Final = 0o077


class DataLock:
    """Hold DATA/lock until `release`, or until the process ends, however it does."""

    def __init__(self, directory: Path) -> None:
        """Take the lock at once.

        Raises `StorageLocked` when another process has it, `StorageExposed` for a directory that others may enter.
        """
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            check_private(directory)
            self._descriptor = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageFailed(f"The data directory {directory} cannot be used: {error.strerror}.") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise StorageLocked(
                f"Another process works on the database in {directory}.",
                hint=f"see it: secure-chat-server status --data {shlex.quote(str(directory))}",
            ) from error

    def release(self) -> None:
        """Let others have it."""
        os.close(self._descriptor)


def check_private(path: Path) -> None:
    """Raise `StorageExposed` unless `path` belongs to this user and nobody else may read or change it."""
    status = path.stat()
    if status.st_uid != os.geteuid():
        raise StorageExposed(f"{path} belongs to another user of this machine.", hint="run this as that user")
    if status.st_mode & _OTHERS:
        raise StorageExposed(f"{path} can be read or changed by others.", hint=f"chmod go= {path}")
