"""Who is online: what a room is told of it, once a second at most, and the list of all who are."""

import bisect
import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field

from secure_chat.limits import (
    PRESENCE_COUNT_ONLY_MEMBERS,
    PRESENCE_GRACE_SECONDS,
    PRESENCE_INTERVAL_SECONDS,
)
from secure_chat.protocol.events import Person, Presence
from secure_chat.protocol.states import Role


@dataclass(slots=True)
class _Account:
    """An account that is online, or whose grace has not ended."""

    name: str
    role: Role
    connections: set[int]
    rooms: set[str]
    gone_at: float | None = None  # the end of the grace, when no connection is left


@dataclass(slots=True)
class _Room:
    """What a room has been told. `changed`: accounts, and their names, that came or went since, in whatever order.

    Who did both is told as he is now, not left out: somebody may have asked for the list in between.
    """

    online: set[int] = field(default_factory=set)
    changed: dict[int, str] = field(default_factory=dict)
    told_count: int = 0
    next_time: float = 0.0
    waiting: bool = False


class PresenceTable:
    """Who is online in which room. Owned by the journal thread; `now` is monotonic seconds and never goes back.

    An account is online from its first connection until its last has ended and `grace` seconds have passed, or at
    once when its session was ended. A room hears of it in one delta for each `PRESENCE_INTERVAL_SECONDS`, the first
    at once. A room of `PRESENCE_COUNT_ONLY_MEMBERS` members hears the number alone.
    """

    def __init__(self, members: Iterable[tuple[str, int]] = (), grace: float = PRESENCE_GRACE_SECONDS) -> None:
        """`members`: the number of members of each room that has any."""
        self._grace = grace
        self._members: dict[str, int] = dict(members)
        self._accounts: dict[int, _Account] = {}
        self._rooms: dict[str, _Room] = {}
        self._sorted: list[tuple[str, int]] = []
        self._ending: list[tuple[float, int]] = []  # heap of (end of the grace, account); some are outdated
        self._due: list[tuple[float, str]] = []  # heap of (when a room may hear, room); each waiting room once

    # --- what happened -------------------------------------------------------------------------------

    def connected(self, account: int, connection: int, name: str, role: Role, rooms: Iterable[str]) -> None:
        """A connection has logged in. `connection`: its number, never used again."""
        known = self._accounts.get(account)
        if known is not None:
            known.connections.add(connection)
            known.gone_at = None
            return
        self._accounts[account] = added = _Account(name, role, {connection}, set(rooms))
        bisect.insort(self._sorted, (name, account))
        for room in added.rooms:
            self._appear(room, account, name)

    def disconnected(self, account: int, connection: int, now: float) -> None:
        """A connection has ended; the grace begins with the last one."""
        known = self._accounts.get(account)
        if known is None:
            return
        known.connections.discard(connection)
        if known.connections:
            return
        if self._grace <= 0:
            self._remove(account, known)
            return
        known.gone_at = now + self._grace
        heapq.heappush(self._ending, (known.gone_at, account))

    def sessions_ended(self, account: int, connection: int | None, except_connection: int | None) -> None:
        """Connections of an account are being closed, one, all, or all but one: they end without grace."""
        known = self._accounts.get(account)
        if known is None:
            return
        if connection is not None:
            known.connections.discard(connection)
        else:
            known.connections &= {except_connection}
        if not known.connections:
            self._remove(account, known)

    def membership_began(self, room: str, account: int) -> None:
        """Somebody joined a room, online or not."""
        self._members[room] = self._members.get(room, 0) + 1
        known = self._accounts.get(account)
        if known is not None and room not in known.rooms:
            known.rooms.add(room)
            self._appear(room, account, known.name)

    def membership_ended(self, room: str, account: int) -> None:
        """Somebody left a room; its members learn that from the numbered event, only the count changes here."""
        left = self._members.get(room, 0) - 1
        if left > 0:
            self._members[room] = left
        else:
            self._members.pop(room, None)
        known = self._accounts.get(account)
        if known is not None and room in known.rooms:
            known.rooms.discard(room)
            state = self._rooms[room]
            state.online.discard(account)
            state.changed.pop(account, None)
            self._changed(room, state)

    # --- what is to be told ----------------------------------------------------------------------------

    def next_time(self) -> float | None:
        """When `take_due` has something to do at the earliest, unless something happens before; None: never."""
        times = [heap[0][0] for heap in (self._ending, self._due) if heap]
        return min(times, default=None)

    def take_due(self, now: float) -> list[Presence]:
        """What rooms are to be told by `now`, one delta each."""
        while self._ending and self._ending[0][0] <= now:
            end, account = heapq.heappop(self._ending)
            known = self._accounts.get(account)
            if known is not None and known.gone_at == end:  # not one that was ended by a reconnect
                self._remove(account, known)
        deltas: list[Presence] = []
        while self._due and self._due[0][0] <= now:
            _, room = heapq.heappop(self._due)
            delta = self._tell(room, self._rooms[room], now)
            if delta is not None:
                deltas.append(delta)
        return deltas

    def people_after(self, name: str, rows: int) -> list[Person]:
        """At most `rows` people who are online, in order of names after `name`."""
        start = bisect.bisect_right(self._sorted, name, key=_name_of)
        return [
            Person(name, self._accounts[account].role.value, online=True)
            for name, account in self._sorted[start : start + rows]
        ]

    def online(self) -> frozenset[int]:
        """The accounts that are online."""
        return frozenset(self._accounts)

    def __len__(self) -> int:
        """How many people are online."""
        return len(self._accounts)

    # --- inside ----------------------------------------------------------------------------------------

    def _remove(self, account: int, known: _Account) -> None:
        del self._accounts[account]
        del self._sorted[bisect.bisect_left(self._sorted, (known.name, account))]
        for room in known.rooms:
            state = self._rooms[room]
            state.online.discard(account)
            state.changed[account] = known.name
            self._changed(room, state)

    def _appear(self, room: str, account: int, name: str) -> None:
        state = self._rooms.setdefault(room, _Room())
        state.online.add(account)
        state.changed[account] = name
        self._changed(room, state)

    def _changed(self, room: str, state: _Room) -> None:
        if not state.waiting:
            state.waiting = True
            heapq.heappush(self._due, (state.next_time, room))

    def _tell(self, room: str, state: _Room, now: float) -> Presence | None:
        changed, state.changed, state.waiting = state.changed, {}, False
        count = len(state.online)
        is_small = self._members.get(room, 0) < PRESENCE_COUNT_ONLY_MEMBERS
        came = sorted(name for account, name in changed.items() if account in state.online) if is_small else []
        went = sorted(name for account, name in changed.items() if account not in state.online) if is_small else []
        is_news = bool(came or went) or count != state.told_count
        state.told_count = count
        if not is_news or not state.online:
            return None  # nothing to tell, or nobody to be told
        state.next_time = now + PRESENCE_INTERVAL_SECONDS
        return Presence(room, came, went, count)


def _name_of(row: tuple[str, int]) -> str:
    return row[0]
