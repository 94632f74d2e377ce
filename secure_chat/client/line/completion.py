"""What Tab proposes: commands, rooms, names, options, by what stands before the cursor."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from secure_chat.client.line.known_names import KnownNames
from secure_chat.client.line.places import Places
from secure_chat.client.line.registry import Completes, Registry, SlashCommand

_LAST_WORD: Final = re.compile(r"\S*\Z")
_IN: Final = "in:"
_FROM: Final = "from:"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What may stand in place of the last `replaces` characters before the cursor."""

    replaces: int
    choices: tuple[str, ...]

    @property
    def common(self) -> str:
        """What all choices begin with; the only choice as a whole."""
        if not self.choices:
            return ""
        first, last = min(self.choices), max(self.choices)
        pairs = enumerate(zip(first, last, strict=False))
        return first[: next((index for index, (one, other) in pairs if one != other), len(first))]


@dataclass(frozen=True, slots=True)
class Completion:
    """All that may be proposed."""

    registry: Registry
    places: Places
    people: KnownNames
    rooms: KnownNames

    def propose(self, before: str) -> Proposal:
        """Proposals for the word that ends at the cursor; `before`: the text before it."""
        match = _LAST_WORD.search(before)
        word = match[0] if match else ""
        fitting = {choice for choice in self._choices(before.lstrip(), word) if choice.startswith(word.lower())}
        return Proposal(len(word), tuple(sorted(fitting)))

    def _choices(self, text: str, word: str) -> Iterable[str]:
        if text.startswith("/") and not text.startswith("//"):
            if text == word:
                return [f"/{name} " for name in self.registry.names]
            return self._arguments(text, word)
        if word.startswith("#"):
            return [f"#{room} " for room in self._all_rooms]
        if word.startswith("@"):
            return [f"@{name} " for name in self.people]
        if not word:
            return []
        return [f"{name}: " if word == text else f"{name} " for name in self.people]

    def _arguments(self, text: str, word: str) -> Iterable[str]:
        command = self.registry.get(text.split(None, 1)[0][1:].lower())
        if command is None:
            return []
        if command.name == "search" and word.startswith(_IN):
            rooms, people = self.places.names, self.places.peers
            return [*(f"{_IN}#{room} " for room in rooms), *(f"{_IN}@{peer} " for peer in people)]
        if command.name == "search" and word.startswith(_FROM):
            return [f"{_FROM}{name} " for name in self.people]
        options = [option if option.endswith(":") else f"{option} " for option in command.options]
        return [*options, *self._named(command, text, word)]

    def _named(self, command: SlashCommand, text: str, word: str) -> Iterable[str]:
        index = len(text[: len(text) - len(word)].split()) - 1  # of the argument that is typed
        match command.completes[index : index + 1]:
            case (Completes.PERSON,):
                return [f"{name} " for name in self.people]
            case (Completes.HELP_TOPIC,):
                return [f"{name} " for name in self.registry.names]
            case (Completes.PLACE,):
                people = () if word.startswith("#") else self.places.peers
                return [*(f"{peer} " for peer in people), *_rooms(self.places.names, word)]
            case (Completes.OWN_ROOM,):
                rooms = self.places.names
            case (Completes.ROOM,):
                rooms = self._all_rooms
            case _:
                return []
        return _rooms(rooms, word)

    @property
    def _all_rooms(self) -> tuple[str, ...]:
        return tuple(sorted({*self.places.names, *self.rooms}))


def _rooms(rooms: Iterable[str], word: str) -> list[str]:
    return [f"#{room} " if word.startswith("#") else f"{room} " for room in rooms]
