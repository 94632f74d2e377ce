"""Where the person is: the rooms entered, the one that lines go to, how far each was shown and read, drafts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

HOME: Final = "lobby"  # where a person is at the start, if a member of it


@dataclass(slots=True)
class Place:
    """One room that the person is in."""

    room: str
    topic: str = ""
    members: int = 0
    first: int = 1  # the oldest number that the server keeps
    head: int = 0  # the newest number known
    shown: int = 0  # the highest number on the screen
    read: int = 0  # the highest number that the person has had before the eyes
    draft: str = ""  # typed here and not sent
    has_known_members: bool = False  # their names can be completed


class Places:
    """All rooms of the person, in order of their names, and the one in front."""

    def __init__(self) -> None:
        self._places: dict[str, Place] = {}
        self._current = ""

    @property
    def current(self) -> Place | None:
        """The room that lines go to; None: there is none."""
        return self._places.get(self._current)

    @property
    def names(self) -> tuple[str, ...]:
        """The rooms, in order."""
        return tuple(sorted(self._places))

    def get(self, room: str) -> Place | None:
        """One of the rooms."""
        return self._places.get(room)

    def all(self) -> Iterable[Place]:
        """Every room, in no order."""
        return self._places.values()

    def enter(self, place: Place) -> Place:
        """Be in a room."""
        self._places[place.room] = place
        return place

    def leave(self, room: str) -> None:
        """Be in a room no more."""
        self._places.pop(room, None)

    @property
    def nearest(self) -> str | None:
        """Where to go from nowhere; None when there is no room at all."""
        return HOME if HOME in self._places else next(iter(self.names), None)

    def go(self, room: str) -> Place:
        """Make a room that the person is in the current one."""
        self._current = room
        return self._places[room]

    def beside(self, step: int) -> str | None:
        """The room `step` places further in the order of names, round about; None where there is no other."""
        names = self.names
        if len(names) < 2 or self._current not in names:
            return None
        return names[(names.index(self._current) + step) % len(names)]

    def matching(self, text: str) -> list[str]:
        """The rooms that may be meant by `text`: the one of that name, else those that begin so, else that hold it."""
        name = text.removeprefix("#").lower()
        if name in self._places:
            return [name]
        beginning = [room for room in self.names if room.startswith(name)]
        return beginning or [room for room in self.names if name in room]
