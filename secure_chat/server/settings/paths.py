"""Where the server's files lie: everything below one data directory that nobody else may enter."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from secure_chat.certificates.files import make_directories
from secure_chat.errors import DataDirectoryUnusable

PRIVATE_DIRECTORY_MODE: Final = 0o700
MAX_SOCKET_PATH_BYTES: Final = 100  # Linux takes 107, others fewer


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """The names of everything in the data directory."""

    path: Path

    @property
    def database(self) -> Path:
        """The database; its WAL lies beside it."""
        return self.path / "secure-chat.db"

    @property
    def lock(self) -> Path:
        """The file whose lock the one process that writes the database holds."""
        return self.path / "lock"

    @property
    def log(self) -> Path:
        """The newest log file."""
        return self.path / "log" / "app.log"

    @property
    def run(self) -> Path:
        """The directory of the administration socket."""
        return self.path / "run"

    @property
    def control_socket(self) -> Path:
        """The administration socket."""
        return self.run / "control.sock"

    @property
    def settings_file(self) -> Path:
        """The settings file that belongs to this directory, when it was named by itself."""
        return self.path / "secure-chat.toml"

    def prepare(self) -> bool:
        """Make what is missing, for this user alone; tell whether the directory itself is new.

        Raises `DataDirectoryUnusable` when others could enter or it cannot be made.
        """
        made = not self.path.exists()
        for path in (self.path, self.log.parent, self.run):
            _make_private(path)
        return made


def default_data_directory() -> Path:
    """Where data lies unless it is said otherwise, by the XDG rules."""
    return _xdg("XDG_DATA_HOME", Path(".local") / "share") / "secure-chat-server"


def user_settings_file() -> Path:
    """The user's settings file, by the XDG rules."""
    return _xdg("XDG_CONFIG_HOME", Path(".config")) / "secure-chat" / "secure-chat.toml"


# What `make run` of a checkout prepares, below the checkout. Relative, as it is typed there.
CHECKOUT_SETTINGS_FILE: Final = Path("var") / "secure-chat.toml"

SYSTEM_SETTINGS_FILE: Final = Path("/etc/secure-chat/secure-chat.toml")


@contextmanager
def socket_address(path: Path) -> Iterator[str]:
    """A name for a UNIX socket at `path` that is short enough for the system, usable inside the block.

    A path that is too long is reached through a descriptor of its directory. Raises `DataDirectoryUnusable`
    where the system has no such way.
    """
    name = os.fspath(path)
    if len(os.fsencode(name)) <= MAX_SOCKET_PATH_BYTES:
        yield name
        return
    if not sys.platform.startswith("linux"):
        raise DataDirectoryUnusable(f"The path {name} is too long for a socket; choose a shorter data directory.")
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def _xdg(variable: str, fallback: Path) -> Path:
    named = os.environ.get(variable, "")
    return Path(named) if named.startswith("/") else Path.home() / fallback


def _make_private(path: Path) -> None:
    try:
        with suppress(FileExistsError):
            make_directories(path)
        status = path.stat()
    except OSError as error:
        raise DataDirectoryUnusable(f"The directory {path} cannot be made: {error.strerror}.") from None
    if status.st_uid != os.geteuid():
        raise DataDirectoryUnusable(f"The directory {path} belongs to another user of this machine.")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise DataDirectoryUnusable(f"Others could enter {path}.", hint=f"chmod 700 {path}")
