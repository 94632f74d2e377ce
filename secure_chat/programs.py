"""How this installation's programs are called from a shell here: by name where it finds them, else by their path."""

import os
import re
import sys
from pathlib import Path
from typing import Final

PROGRAMS: Final = ("secure-chat", "secure-chat-server", "secure-chat-admin", "secure-chat-certs")

# A program's name is a command at the beginning and after a stop, with something behind it; else it is spoken of.
_COMMAND: Final = re.compile(r"(^|[:,;.`?·] ?|\bor )(secure-chat(?:-server|-admin|-certs)?)(?= [a-z-]|`|\.?$)")


def called(name: str) -> str:
    """A program as a shell in the working directory finds it."""
    import shutil  # here, because most starts never need it

    beside = Path(sys.executable).with_name(name)
    found = shutil.which(name)
    if not beside.exists() or (found is not None and os.path.samefile(found, beside)):
        return name
    return from_here(beside)


def from_here(path: Path) -> str:
    """A path for a shell, relative to the working directory where it is below."""
    import shlex

    here, path = Path.cwd(), path.absolute()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


def typable(text: str) -> str:
    """A next step whose commands are written as this program was called, so that they can be typed as they stand.

    As they are where it was not started as a program of ours.
    """
    if Path(sys.argv[0]).name not in PROGRAMS:
        return text
    return _COMMAND.sub(lambda match: match[1] + called(match[2]), text)
