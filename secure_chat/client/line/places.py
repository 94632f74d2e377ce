"""Where the person is: the rooms and conversations entered, the one that lines go to, how far each was read, drafts."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from secure_chat.client.direct.events import Trust

HOME: Final = "lobby"  # where a person is at the start, if a member of it
_PERSON: Final = "@"  # before a name where a room could be meant; no name begins with it


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
    is_being_left: bool = False  # the person has asked to leave it

    @property
    def title(self) -> str:
        """As people write it, and no conversation is written."""
        return f"#{self.room}"

    @property
    def draft_name(self) -> str:
        """Under which name its draft is kept."""
        return self.room


@dataclass(slots=True)
class Conversation:
    """Direct messages with one person."""

    peer: str
    state: Trust = Trust.UNVERIFIED
    was_verified: bool = False  # before the key changed
    is_contradicted: bool = False  # two device lists of this person were shown
    fingerprint: bytes = field(default=b"", repr=False)  # of the changed key that this person was told of
    shown: int = 0  # the highest row on the screen
    read: int = 0  # the highest row that the person has had before the eyes
    draft: str = ""  # typed here and not sent

    @property
    def title(self) -> str:
        """As people write it."""
        return self.peer

    @property
    def draft_name(self) -> str:
        """Under which name its draft is kept: none that a room has."""
        return f"{_PERSON}{self.peer}"


Where: TypeAlias = Place | Conversation


class Places:
    """All rooms and conversations of the person, each in order of its name, and the one in front."""

    def __init__(self) -> None:
        self._rooms: dict[str, Place] = {}
        self._conversations: dict[str, Conversation] = {}
        self._current: Where | None = None

    @property
    def current(self) -> Where | None:
        """Where lines go; None: nowhere."""
        return self._current

    # --- rooms -----------------------------------------------------------------------------------

    @property
    def names(self) -> tuple[str, ...]:
        """The rooms, in order."""
        return tuple(sorted(self._rooms))

    def get(self, room: str) -> Place | None:
        """One of the rooms."""
        return self._rooms.get(room)

    def rooms(self) -> Iterable[Place]:
        """Every room, in no order."""
        return self._rooms.values()

    def enter(self, place: Place) -> Place:
        """Be in a room."""
        self._rooms[place.room] = place
        return place

    def leave(self, room: str) -> None:
        """Be in a room no more."""
        left = self._rooms.pop(room, None)
        if left is not None and left is self._current:
            self._current = None

    @property
    def nearest(self) -> Place | None:
        """Where to go from nowhere; None when there is no room at all."""
        return self._rooms.get(HOME) or next((self._rooms[name] for name in self.names), None)

    # --- conversations ---------------------------------------------------------------------------

    @property
    def peers(self) -> tuple[str, ...]:
        """The people with whom there is a conversation, in order."""
        return tuple(sorted(self._conversations))

    def with_peer(self, peer: str) -> Conversation | None:
        """The conversation with somebody."""
        return self._conversations.get(peer)

    def conversations(self) -> Iterable[Conversation]:
        """Every conversation, in no order."""
        return self._conversations.values()

    def begin(self, peer: str) -> Conversation:
        """A conversation with somebody."""
        return self._conversations.setdefault(peer, Conversation(peer))

    def end(self, peer: str) -> None:
        """There is nobody of that name."""
        ended = self._conversations.pop(peer, None)
        if ended is not None and ended is self._current:
            self._current = None

    # --- moving ----------------------------------------------------------------------------------

    def all(self) -> tuple[Where, ...]:
        """The rooms and then the conversations, in order."""
        return (
            *(self._rooms[name] for name in self.names),
            *(self._conversations[peer] for peer in self.peers),
        )

    def go(self, where: Where) -> None:
        """Make this the place that lines go to."""
        self._current = where

    def stand_nowhere(self) -> None:
        """Lines go nowhere."""
        self._current = None

    def beside(self, step: int) -> Where | None:
        """What lies `step` places further, round about; from nowhere the first one; None where there is no other."""
        everywhere, current = self.all(), self._current
        if current is None:
            return next(iter(everywhere), None)
        if len(everywhere) < 2:
            return None
        return everywhere[(everywhere.index(current) + step) % len(everywhere)]

    def matching(self, text: str) -> list[Where]:
        """What may be meant by `text`: what has that name, else what begins so, else what holds it.

        #NAME means a room alone, @NAME a person.
        """
        name = text.removeprefix("#").removeprefix(_PERSON).lower()
        named = [(where, where.title.removeprefix("#")) for where in self._meant(text)]
        for fits in (str.__eq__, str.startswith, str.__contains__):
            found = [where for where, title in named if fits(title, name)]
            if found:
                return found
        return []

    def _meant(self, text: str) -> Iterable[Where]:
        if text.startswith("#"):
            return (where for where in self.all() if isinstance(where, Place))
        if text.startswith(_PERSON):
            return (where for where in self.all() if isinstance(where, Conversation))
        return self.all()
