"""How far one room has been shown: events in order, each once, what was missed fetched before what is newer.

Pure. PROTOCOL.md, "Rooms": after `room.opened` each event has the number of the one before + 1, or a `room.gap` stands
before it. Here a gap becomes a stretch of history to be asked for; newer events are held behind it, a bounded number of
them: beyond it they become part of the stretch.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from secure_chat.errors import ServerSaidNonsense
from secure_chat.limits import MAX_HELD_EVENTS
from secure_chat.protocol.events import RoomEvent


@dataclass(frozen=True, slots=True)
class Stretch:
    """Numbers `first` to `last`, both included."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Missing(Stretch):
    """Not kept by the server any more: never to be shown."""


class RoomLog:
    """One room of one account, across connections."""

    def __init__(self, seen: int, *, held_at_most: int = MAX_HELD_EVENTS) -> None:
        """`seen`: the highest number that needs not be shown."""
        self.seen = seen
        self._announced = seen  # the highest number that this connection has told of
        self._goal: int | None = None  # fetched up to here before anything newer is shown
        self._held: list[RoomEvent] = []
        self._held_at_most = held_at_most

    @property
    def wanted(self) -> Stretch | None:
        """The history to ask for next, or None."""
        return None if self._goal is None else Stretch(self.seen + 1, self._goal)

    def opened(self, after: int) -> None:
        """The server will send what comes after number `after`."""
        self._announced = max(self._announced, after)
        self._miss_up_to(after)

    def gap(self, last: int) -> None:
        """What comes up to `last` will not be sent by itself."""
        self._announced = max(self._announced, last)
        self._miss_up_to(last)

    def heard(self, event: RoomEvent) -> tuple[RoomEvent, ...]:
        """An event came: what is to be shown now, perhaps nothing."""
        if event.number <= self._announced:
            return ()
        if event.number > self._announced + 1:
            self._miss_up_to(event.number - 1)
        self._announced = event.number
        if self._goal is None:
            self.seen = event.number
            return (event,)
        self._held.append(event)
        if len(self._held) > self._held_at_most:
            self._held.clear()
            self._goal = event.number
        return ()

    def fetched(self, asked: Stretch, last: int, events: Iterable[RoomEvent]) -> list[RoomEvent | Missing]:
        """A page of history for `asked`, which covers it up to `last`: what is to be shown now.

        `last` below `asked.first`: the server keeps nothing of what was asked for. Raises `ServerSaidNonsense` for
        a page that is not what was asked for.
        """
        covered = asked.last if last < asked.first else last
        if covered > asked.last:
            raise ServerSaidNonsense("The server sent more history than was asked for.")
        shown = self._in_order(asked, covered, events)
        if self._goal is not None and self.seen >= self._goal:
            self._goal = None
            shown += self._held
            if self._held:
                self.seen = self._held[-1].number
            self._held = []
        return shown

    def give_up(self) -> list[RoomEvent | Missing]:
        """The history cannot be had any more, for the membership has ended: what is held is shown after the hole."""
        if self._goal is None:
            return []
        shown: list[RoomEvent | Missing] = [Missing(self.seen + 1, self._goal), *self._held]
        self.seen = self._held[-1].number if self._held else self._goal
        self._goal, self._held = None, []
        return shown

    def disconnected(self) -> None:
        """The connection is gone: the next one goes on after `seen`."""
        self._goal, self._held = None, []
        self._announced = self.seen

    def _miss_up_to(self, last: int) -> None:
        if last <= self.seen or (self._held and last <= self._held[-1].number):
            return
        # What is held is inside the stretch now and comes with it again.
        self._held = []
        self._goal = last if self._goal is None else max(self._goal, last)

    def _in_order(self, asked: Stretch, covered: int, events: Iterable[RoomEvent]) -> list[RoomEvent | Missing]:
        shown: list[RoomEvent | Missing] = []
        reached = asked.first - 1
        for event in events:
            if not reached < event.number <= covered:
                raise ServerSaidNonsense("The server sent history out of order.")
            if event.number > reached + 1:
                shown += self._missing(reached + 1, event.number - 1)
            if event.number > self.seen:
                shown.append(event)
                self.seen = event.number
            reached = event.number
        if covered > reached:
            shown += self._missing(reached + 1, covered)
        return shown

    def _missing(self, first: int, last: int) -> list[Missing]:
        first = max(first, self.seen + 1)
        if last < first:
            return []
        self.seen = last
        return [Missing(first, last)]
