"""Commands of this installation, written so that they can be pasted into a shell here."""

import shlex
from pathlib import Path

from secure_chat.programs import called, from_here
from secure_chat.protocol.link import Link
from secure_chat.server.settings.paths import user_settings_file


def join(link: "Link") -> str:
    """The command by which whoever has the link joins; it holds the link's token."""
    return f"{called('secure-chat')} join '{link.format()}'"


def administration(settings_file: Path, *arguments: str) -> str:
    """A command for the operator of the server whose settings are in this file."""
    config = [] if settings_file == user_settings_file() else ["--config", from_here(settings_file)]
    return " ".join([called("secure-chat-admin"), *config, *map(shlex.quote, arguments)])
