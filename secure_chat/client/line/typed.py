"""What a typed line is: something to say, or a command. A command never goes out as text by mistake."""

import re
from dataclasses import dataclass, field
from typing import Final, TypeAlias

_BANG_EXIT: Final = "!exit"
_HALF_A_CHARACTER: Final = re.compile("[\ud800-\udfff]")
_COMMAND: Final = re.compile(r"/(\S*)\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Talk:
    """Something to say in the current room."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Slash:
    """A command as typed: its name without the slash in small letters, and what follows it."""

    name: str
    argument: str = field(repr=False)


Typed: TypeAlias = Talk | Slash


def read_typed(text: str) -> Typed | None:
    """What the person means; None for nothing. Blanks before a slash do not make a text of a command.

    A byte that is no UTF-8 came from the keyboard as half a character, which nothing could send: it becomes U+FFFD.
    """
    text = _HALF_A_CHARACTER.sub("\ufffd", text.rstrip())
    begun = text.lstrip()
    if not begun:
        return None
    if begun.lower() == _BANG_EXIT:
        return Slash("exit", "")
    if begun.startswith("//"):
        return Talk(begun[1:])
    match = _COMMAND.fullmatch(begun)
    return Talk(text.strip("\n")) if match is None else Slash(match[1].lower(), match[2])


def as_typed(text: str, *, action: bool = False) -> str:
    """What a person types to say `text`: the way back from `read_typed`."""
    if action:
        return f"/me {text}"
    return f"/{text}" if text.startswith("/") else text
