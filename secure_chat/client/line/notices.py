"""Who comes and goes, gathered: one line for many people, and the fewer lines the longer the coming and going lasts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import NamedTuple

from secure_chat.client.line.lines import Line, line, notice
from secure_chat.client.line.room_lines import room_piece
from secure_chat.client.line.times import LocalTimes
from secure_chat.limits import MAX_NAMES_IN_NOTICE, NEW_SECONDS, NOTICE_LONGEST_SECONDS, NOTICE_SECONDS
from secure_chat.sanitize import one_line


class Way(Enum):
    """Which way somebody went."""

    IN = auto()
    OUT = auto()


class TimedLine(NamedTuple):
    """A line, and the time that it bears."""

    time: int | None  # milliseconds since 1970 UTC
    line: Line


@dataclass(slots=True)
class _Gathered:
    """People of one room, or of all rooms together, since the last line about them."""

    first_time: int = 0  # milliseconds since 1970 UTC
    people: dict[str, tuple[Way, Way]] = field(default_factory=dict)  # first and last way, in order of appearance

    def add(self, name: str, way: Way) -> None:
        first, _ = self.people.get(name, (way, way))
        self.people[name] = (first, way)

    def having(self, first: Way, last: Way) -> list[str]:
        return [name for name, ways in self.people.items() if ways == (first, last)]


class Notices:
    """What is known about coming and going and not said yet. Times on one clock, in seconds."""

    def __init__(self, own_name: str, times: LocalTimes) -> None:
        self._own_name = own_name
        self._times = times
        self._members: dict[str, _Gathered] = {}
        self._presence = _Gathered()
        self._joined: dict[str, float] = {}  # who was said to have joined a room, and when
        self._here: set[str] = set()  # who came online and has not gone: in one more room that is no news
        self._since: float | None = None
        self._wait = NOTICE_SECONDS
        self._said_at = float("-inf")

    @property
    def due(self) -> float | None:
        """When to call `take`; None: there is nothing to say."""
        return None if self._since is None else self._since + self._wait

    def membership(self, room: str, name: str, way: Way, time: int, now: float) -> None:
        """Somebody joined or left a room."""
        gathered = self._members.setdefault(room, _Gathered(time))
        gathered.add(name, way)
        self._begin(now)

    def presence(self, online: Sequence[str], offline: Sequence[str], now: float) -> None:
        """People came online or went offline; the same people are named for each room that they are in."""
        joined = {name for name, time in self._joined.items() if now - time <= NEW_SECONDS} | set(self._having_joined())
        for name in online:
            if name != self._own_name and name not in self._here and name not in joined:
                self._presence.add(name, Way.IN)
                self._here.add(name)
        for name in offline:
            if name != self._own_name:
                self._presence.add(name, Way.OUT)
                self._here.discard(name)
        if self._presence.people:
            self._begin(now)

    def holds(self, room: str, name: str | None = None) -> bool:
        """Whether something is unsaid about a room, or about somebody in it."""
        gathered = self._members.get(room)
        if name is None:
            return gathered is not None
        return name in self._presence.people or (gathered is not None and name in gathered.people)

    def take(self, now: float) -> list[TimedLine]:
        """The lines that say it."""
        result = [each for room, gathered in self._members.items() for each in self._membership_lines(room, gathered)]
        result += (TimedLine(None, each) for each in self._presence_lines())
        self._remember_joined(now)
        self._members, self._presence, self._since = {}, _Gathered(), None
        self._said_at = now
        return result

    def _begin(self, now: float) -> None:
        if self._since is not None:
            return
        self._since = now
        quiet = now - self._said_at
        self._wait = min(2 * self._wait, NOTICE_LONGEST_SECONDS) if quiet < 2 * self._wait else NOTICE_SECONDS

    def _membership_lines(self, room: str, gathered: _Gathered) -> list[TimedLine]:
        told = (
            (gathered.having(Way.IN, Way.IN), "joined"),
            (gathered.having(Way.OUT, Way.OUT), "left"),
            (gathered.having(Way.IN, Way.OUT), "joined and left"),
            (gathered.having(Way.OUT, Way.IN), "left and came back"),
        )
        time = gathered.first_time
        return [
            TimedLine(time, line(f"{self._times.clock(time)} ", room_piece(room), f" · {name_list(names)} {verb}"))
            for names, verb in told
            if names
        ]

    def _presence_lines(self) -> list[Line]:
        # Who went and came back was never gone; who has just joined a room was spoken of.
        joined = set(self._having_joined())
        online = [name for name in self._presence.having(Way.IN, Way.IN) if name not in joined]
        told = ((online, "online"), (self._presence.having(Way.OUT, Way.OUT), "offline"))
        return [
            notice(f"{name_list(names)} {'is' if len(names) == 1 else 'are'} {state}") for names, state in told if names
        ]

    def _having_joined(self) -> Iterator[str]:
        return (name for gathered in self._members.values() for name in gathered.having(Way.IN, Way.IN))

    def _remember_joined(self, now: float) -> None:
        self._joined = {name: time for name, time in self._joined.items() if now - time <= NEW_SECONDS}
        self._joined.update(dict.fromkeys(self._having_joined(), now))


def name_list(names: Sequence[str]) -> str:
    """As "bob", "bob and carol", "bob, carol and 3 others"."""
    if len(names) > MAX_NAMES_IN_NOTICE:
        shown = [*map(one_line, names[: MAX_NAMES_IN_NOTICE - 1]), f"{len(names) - MAX_NAMES_IN_NOTICE + 1} others"]
    else:
        shown = list(map(one_line, names))
    *first, last = shown
    return f"{', '.join(first)} and {last}" if first else last
