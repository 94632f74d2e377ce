"""The slash-commands: one list that the prompt, help, completion and every screen read."""

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from secure_chat.client.line.context import Context
from secure_chat.client.line.typed import Slash
from secure_chat.errors import SlashNotHere, SlashUnknown

_NAME: Final = re.compile("[a-z-]+")
_LIKENESS: Final = 0.6  # of a mistyped name to the one that is meant; 1 is the same


class Group(Enum):
    """Under which heading of the help a command stands."""

    TALK = "Talk"
    MOVE = "Move"
    FIND = "Find"
    KEYS = "Keys"
    SELF = "You and the connection"


class Completes(Enum):
    """What an argument of a command names."""

    ROOM = "any room that is known"
    OWN_ROOM = "a room that the person is in"
    PERSON = "somebody"
    PLACE = "a room that the person is in, or a conversation"
    SESSION = "nothing that has a name"
    HELP_TOPIC = "a topic of the help"


def stays(_argument: str) -> bool:
    """Of a command after which lines go where they went before."""
    return False


def moves(_argument: str) -> bool:
    """Of a command after which lines go elsewhere."""
    return True


@dataclass(frozen=True, slots=True)
class SlashCommand:
    """One command. `run` is called with what follows the name, and raises a ChatError when that makes no sense."""

    name: str
    usage: str  # what follows the name, as people write it: ROOM [--create]
    summary: str  # for the list of commands
    group: Group
    run: Callable[[Context, str], None]
    aliases: tuple[str, ...] = ()
    details: tuple[str, ...] = ()  # sentences for /help NAME
    examples: tuple[str, ...] = ()
    completes: tuple[Completes, ...] = ()  # argument by argument; the last one goes on
    options: tuple[str, ...] = ()  # words that begin with -, or end with :
    leads: Callable[[str], bool] = stays  # whether, with this argument, it is to lead to another place

    @property
    def synopsis(self) -> str:
        """As it is typed."""
        return f"/{self.name} {self.usage}".rstrip()


class Registry:
    """All commands of this version."""

    def __init__(self, commands: Sequence[SlashCommand]) -> None:
        self._commands = tuple(commands)
        self._by_name = {name: command for command in commands for name in (command.name, *command.aliases)}

    def __iter__(self) -> Iterator[SlashCommand]:
        return iter(self._commands)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that can be typed, aliases too, in order."""
        return tuple(sorted(self._by_name))

    def get(self, name: str) -> SlashCommand | None:
        """The command of that name or alias."""
        return self._by_name.get(name)

    def find(self, name: str) -> SlashCommand:
        """The command of that name. Raises `SlashNotHere` for one of a later version, `SlashUnknown` for any other."""
        command = self._by_name.get(name)
        if command is not None:
            return command
        if name in LATER:
            raise SlashNotHere(f"{LATER[name]} not in this version. Nothing was sent.")
        meant = self.closest(name)
        question = f", did you mean /{meant}?" if meant else "."
        raise SlashUnknown(f"Unknown command /{name}{question} Nothing was sent.")

    def leads_elsewhere(self, typed: Slash) -> bool:
        """Whether lines after this command are meant for another place; of a slip nobody knows, so it may be."""
        command = self._by_name.get(typed.name)
        return typed.name not in LATER if command is None else command.leads(typed.argument)

    def closest(self, name: str) -> str | None:
        """The name that was probably meant; None for what is no command at all, as a path."""
        if not _NAME.fullmatch(name):
            return None
        beginning = [each for each in self.names if each.startswith(name)]
        return next(iter(beginning or difflib.get_close_matches(name, self.names, 1, _LIKENESS)), None)


_FILES: Final = "Files are"
# What people type for things that this version cannot do, and what those things are.
LATER: Final = {
    **dict.fromkeys(("send-file", "accept", "decline", "transfers"), _FILES),
    **dict.fromkeys(("edit", "delete", "react"), "Changing what was said and reactions are"),
    **dict.fromkeys(("devices", "link-device"), "More than one device for each person is"),
    **dict.fromkeys(("block", "unblock"), "Blocking people is"),
}
