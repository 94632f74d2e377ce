"""Deadlines of connections: which there are, and a wheel that costs nothing while nothing is due."""

import heapq
import math
from dataclasses import dataclass
from typing import Final

from secure_chat import limits

TICK_SECONDS: Final = 0.125  # of the wheel: a deadline may come this much late


@dataclass(frozen=True, slots=True)
class Durations:
    """How long a connection may take for what, in seconds. Tests make them shorter."""

    handshake: float = limits.HANDSHAKE_SECONDS
    login: float = limits.LOGIN_SECONDS
    limited: float = limits.LIMITED_SECONDS
    frame: float = limits.FRAME_SECONDS
    idle: float = limits.IDLE_PING_SECONDS
    pong: float = limits.PONG_SECONDS
    slow: float = limits.SLOW_READER_SECONDS
    drain: float = limits.DRAIN_SECONDS
    discard: float = limits.DISCARD_SECONDS
    busy: float = limits.BUSY_AFTER_SECONDS


class DeadlineWheel:
    """Serial numbers of connections, ordered by when they want to be looked at.

    Adding costs the same however many there are; nothing is ever removed: whoever is due is asked whether the time it
    was added for still stands.
    """

    __slots__ = ("_due_ticks", "_serials")

    def __init__(self) -> None:
        self._serials: dict[int, list[int]] = {}  # by tick
        self._due_ticks: list[int] = []  # the keys of the above, a heap

    def add(self, serial: int, at: float) -> int:
        """Look at this connection at `at` (seconds, monotonic) or up to a tick later. Returns the tick it is due at."""
        tick = math.ceil(at / TICK_SECONDS)
        serials = self._serials.get(tick)
        if serials is None:
            self._serials[tick] = [serial]
            heapq.heappush(self._due_ticks, tick)
        else:
            serials.append(serial)
        return tick

    def due(self, now: float) -> list[tuple[int, int]]:
        """All (tick, serial) whose time has come; they are not in the wheel any more."""
        due: list[tuple[int, int]] = []
        limit = math.floor(now / TICK_SECONDS)
        while self._due_ticks and self._due_ticks[0] <= limit:
            tick = heapq.heappop(self._due_ticks)
            due += [(tick, serial) for serial in self._serials.pop(tick)]
        return due

    def seconds_until_due(self, now: float) -> float | None:
        """How long nothing is due; None: nothing is in the wheel."""
        if not self._due_ticks:
            return None
        return max(0.0, self._due_ticks[0] * TICK_SECONDS - now)
