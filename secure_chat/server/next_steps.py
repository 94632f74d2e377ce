"""The next step after an error of the server's commands, written so that it means the same installation as the call."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from secure_chat.errors import ChatError

# A command of the server in a next step that names no installation yet.
_COMMAND: Final = re.compile(
    r"(secure-chat-server (?:quickstart|run|check-config|status|reload))(?![a-z-]| --(?:config|data)\b)"
)


def next_step(error: ChatError, place: Sequence[str], passed_over: Path | None) -> str:
    """What the error's hint says, with the options that the call named its installation by.

    `place`: these options. `passed_over`: where nothing is found, the settings of the installation that the call may
    have been about; following the hint as it stands would make a second one.
    """
    if passed_over is not None:
        named = shlex.quote(str(passed_over))
        return (
            f"see the one of this directory: secure-chat-server status --config {named} · "
            f"start it: secure-chat-server run --config {named}"
        )
    if not place:
        return error.next_step
    options = shlex.join(place)
    return _COMMAND.sub(lambda match: f"{match[1]} {options}", error.next_step)
