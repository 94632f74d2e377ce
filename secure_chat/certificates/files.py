"""Files of keys and certificates: written once and to the disk, private keys read only when nobody else can."""

import contextlib
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from secure_chat.errors import CertificateError, CertificateExists, CertificateExposed, CertificateMissing
from secure_chat.limits import MAX_CERTIFICATE_FILE_BYTES

PRIVATE_DIRECTORY_MODE: Final = 0o700
PRIVATE_FILE_MODE: Final = 0o600
PUBLIC_FILE_MODE: Final = 0o644

_OTHERS: Final = 0o077  # whatever group and others may do


def exists(path: Path) -> bool:
    """Whether a file is there. Raises `CertificateExposed` where this user may not even look."""
    with _reported(path):
        return path.exists()


def read_public(path: Path) -> bytes:
    """The content of a certificate's file. Raises `CertificateMissing` or `CertificateError`."""
    with _reported(path), path.open("rb") as file:
        return _bounded(path, file.read(MAX_CERTIFICATE_FILE_BYTES + 1))


def read_private(path: Path) -> bytes:
    """The content of a private key's file.

    Raises `CertificateExposed` when group or others may do anything with it, or when it belongs to somebody who is
    neither this user nor root; `CertificateMissing`, `CertificateError`.
    """
    with _reported(path), path.open("rb") as file:
        status = os.fstat(file.fileno())  # of the file that is read, whatever the name means a moment later
        if not stat.S_ISREG(status.st_mode):
            raise CertificateError(f"{path} is not a file.")
        if status.st_mode & _OTHERS:
            raise CertificateExposed(f"Others can use the private key {path}.", hint=f"chmod 600 {path}")
        if os.geteuid() not in (0, status.st_uid) and status.st_uid != 0:
            raise CertificateExposed(f"The private key {path} belongs to another user.", hint="make it yours: chown")
        return _bounded(path, file.read(MAX_CERTIFICATE_FILE_BYTES + 1))


def write_new(path: Path, content: bytes, mode: int) -> None:
    """Write a file that is not there yet, to the disk; a failure leaves none. Raises `CertificateExists`."""
    with _reported(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            flush_directory(path.parent)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def replace(path: Path, content: bytes, mode: int) -> None:
    """Put a new content in the place of `path`, whole or not at all; what was there must have a second name."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    write_new(fresh, content, mode)
    with _reported(path):
        try:
            fresh.rename(path)
            flush_directory(path.parent)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise


def keep(path: Path, place: Path, name: str) -> None:
    """Give a file, if it is there, a second name in the directory `place`: `name` and its suffix, or the next free."""
    if not exists(path):
        return
    make_private_directory(place)
    with _reported(path):
        for number in range(1, 1000):
            target = place / (f"{name}{path.suffix}" if number == 1 else f"{name}.{number}{path.suffix}")
            with contextlib.suppress(FileExistsError):
                target.hardlink_to(path)
                flush_directory(place)
                return
            if target.samefile(path):
                return
    raise CertificateExists(f"{place} is full of old files; move them away.")


def make_private_directory(path: Path) -> None:
    """Make a directory for this user alone; one that is there must not be open to everybody's writing."""
    with _reported(path):
        try:
            make_directories(path)
        except FileExistsError:
            mode = path.stat().st_mode
            if not stat.S_ISDIR(mode):
                raise CertificateError(f"{path} is not a directory.") from None
            if mode & stat.S_IWOTH:
                raise CertificateExposed(f"Everybody can write to {path}.", hint=f"chmod 700 {path}") from None
        else:
            flush_directory(path.parent)


def make_directories(path: Path) -> None:
    """Make a directory and whatever is missing above it, all for this user alone, however loose the umask is.

    Whoever may write to a directory above may put another one in its place. Raises `FileExistsError` when `path` is
    there, and `OSError`.
    """
    missing = [path]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    for each in reversed(missing[1:]):
        each.mkdir(mode=PRIVATE_DIRECTORY_MODE, exist_ok=True)
    path.mkdir(mode=PRIVATE_DIRECTORY_MODE)


@contextmanager
def changing(directory: Path) -> Iterator[None]:
    """Hold the directory while its files change, so that two commands change it one after the other."""
    with _reported(directory):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def flush_directory(path: Path) -> None:
    """Wait until the names in a directory are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _bounded(path: Path, content: bytes) -> bytes:
    if len(content) > MAX_CERTIFICATE_FILE_BYTES:
        raise CertificateError(f"{path} is longer than any key or certificate.")
    return content


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    """Say what an operating system's refusal means."""
    try:
        yield
    except FileNotFoundError as error:
        raise CertificateMissing(f"There is no {path}.") from error
    except FileExistsError as error:
        raise CertificateExists(f"{path} exists; nothing was overwritten.") from error
    except PermissionError as error:
        raise CertificateExposed(f"This user may not use {path}.", hint="run it as the files' owner") from error
    except OSError as error:
        raise CertificateError(f"{path} cannot be used: {error.strerror}.") from error
