"""Where a vault lies: who may read its directory and files, and the lock against a second process."""

import errno
import fcntl
import os
import shlex
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from secure_chat.errors import (
    ChatError,
    ProfileBusy,
    VaultFailed,
    VaultFull,
    VaultMissing,
    VaultOwner,
    VaultPermissions,
    VaultSymlink,
)

DATABASE_NAME: Final = "keystore.db"
LOCK_NAME: Final = "lock"
PRIVATE_DIRECTORY: Final = 0o700
PRIVATE_FILE: Final = 0o600

_OTHERS: Final = 0o077  # every right of the group and of everybody
_WRITABLE_BY_OTHERS: Final = 0o022
_COMPANIONS: Final = ("-wal", "-shm", "-journal")  # what SQLite may leave beside the database after a crash


def disk_error(error: OSError) -> ChatError:
    """What a person is told of an error of the operating system: `VaultFull` or `VaultFailed`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return VaultFull()
    return VaultFailed(f"{error.filename or 'The disk'}: {error.strerror}.")


def create_private_directory(path: Path) -> None:
    """Make the directory `path`, mode 0700 whatever the umask says. Raises `FileExistsError`."""
    path.mkdir(mode=PRIVATE_DIRECTORY)
    path.chmod(PRIVATE_DIRECTORY)


def create_private_file(path: Path) -> None:
    """Make the empty file `path`, mode 0600 whatever the umask says. Raises `FileExistsError`."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        os.fchmod(descriptor, PRIVATE_FILE)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_private_directory(path: Path) -> None:
    """Refuse a directory that is a link, belongs to somebody else or is open to others.

    Raises `VaultMissing`, `VaultSymlink`, `VaultOwner` or `VaultPermissions`.
    """
    _check(path, stat.S_ISDIR, PRIVATE_DIRECTORY)


def check_not_writable_by_others(path: Path) -> None:
    """Refuse a directory in which others could put a vault of theirs in the place of ours. A link is followed.

    Raises `VaultMissing`, `VaultOwner` or `VaultPermissions`.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise VaultMissing(f"{path} does not exist.") from error
    if found.st_uid != os.geteuid():
        raise VaultOwner(f"{path} belongs to another user of this machine.")
    if found.st_mode & _WRITABLE_BY_OTHERS:
        raise VaultPermissions(f"Others can write to {path}.", hint=f"chmod go-w {shlex.quote(str(path))}")


def check_private_file(path: Path) -> None:
    """Refuse a file that is a link, no regular file, has a second name, belongs to somebody else or is open to others.

    Raises as `check_private_directory` does.
    """
    _check(path, stat.S_ISREG, PRIVATE_FILE)


def check_vault(directory: Path) -> Path:
    """Check the directory of a vault and every file in it that SQLite will open; return the database's path."""
    check_private_directory(directory)
    database = directory / DATABASE_NAME
    check_private_file(database)
    for suffix in _COMPANIONS:
        companion = directory / (DATABASE_NAME + suffix)
        if os.path.lexists(companion):
            check_private_file(companion)
    return database


def synchronise_directory(path: Path) -> None:
    """Make names that were created, renamed or removed in `path` durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_private_file(path: Path, data: bytes) -> None:
    """Put `data`, mode 0600, in place of the file `path`: whole and durable or not at all.

    Raises `VaultFull` or `VaultFailed`; then what was there before is still there.
    """
    temporary = path.with_name(path.name + ".new")
    try:
        temporary.unlink(missing_ok=True)
        create_private_file(temporary)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        synchronise_directory(path.parent)
    except OSError as error:
        raise disk_error(error) from error


class ExclusiveLock:
    """The lock file of one directory, held until `release`: two processes on one vault would use one key twice.

    It is a file of its own, because closing any descriptor of the database would end SQLite's own locks.
    """

    def __init__(self, directory: Path) -> None:
        """Take the lock at once. Raises `ProfileBusy` when another process, or another vault here, holds it."""
        self._descriptor = _open_lock(directory / LOCK_NAME)
        try:
            self._take(directory / LOCK_NAME)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let go; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _take(self, path: Path) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ProfileBusy from error
        # Between open and lock the directory may have been removed, or another may have been put in its place.
        try:
            present = path.stat(follow_symlinks=False)
        except FileNotFoundError as error:
            raise ProfileBusy from error
        held = os.fstat(self._descriptor)
        if (present.st_dev, present.st_ino) != (held.st_dev, held.st_ino):
            raise ProfileBusy


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, PRIVATE_FILE)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise VaultMissing(f"{path.parent} does not exist.") from error
    except PermissionError as error:
        raise VaultOwner(f"{path} cannot be opened by this user.") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise VaultSymlink(f"{path} is a symbolic link.") from error
        raise disk_error(error) from error


def _check(path: Path, is_expected_kind: Callable[[int], bool], right_mode: int) -> None:
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise VaultMissing(f"{path} does not exist.") from error
    except PermissionError as error:
        raise VaultOwner(f"{path} cannot be reached by this user.") from error
    except OSError as error:
        raise disk_error(error) from error
    if not is_expected_kind(found.st_mode):
        raise VaultSymlink(f"{path} is a symbolic link, or not what belongs there.")
    if found.st_uid != os.geteuid():
        raise VaultOwner(f"{path} belongs to another user of this machine.")
    if found.st_mode & _OTHERS:
        raise VaultPermissions(f"{path} is open to others.", hint=f"chmod {right_mode:o} {shlex.quote(str(path))}")
    if stat.S_ISREG(found.st_mode) and found.st_nlink != 1:
        raise VaultSymlink(f"{path} has a second name elsewhere.")
