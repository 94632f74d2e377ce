"""Commands of this installation, written so that they can be pasted into a shell here."""

import shlex
import shutil
import sys
from pathlib import Path

from secure_chat.protocol.link import Link
from secure_chat.server.settings.paths import user_settings_file


def program(name: str) -> str:
    """How a program of this installation is called: by name where the shell finds it, else by its path."""
    beside = Path(sys.executable).with_name(name)
    found = shutil.which(name)
    if not beside.exists() or (found is not None and Path(found) == beside):
        return name
    return _from_here(beside)


def join(link: Link) -> str:
    """The command by which whoever has the link joins; it holds the link's token."""
    return f"{program('secure-chat')} join '{link.format()}'"


def administration(settings_file: Path, *arguments: str) -> str:
    """A command for the operator of the server whose settings are in this file."""
    config = [] if settings_file == user_settings_file() else ["--config", _from_here(settings_file)]
    return " ".join([program("secure-chat-admin"), *config, *map(shlex.quote, arguments)])


def _from_here(path: Path) -> str:
    """A path for a shell, relative to the working directory where it is below."""
    here, path = Path.cwd(), path.absolute()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))
