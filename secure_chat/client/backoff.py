"""How long to wait before the next attempt to connect: doubled each time, jittered, never sooner than asked."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from secure_chat.limits import RECONNECT_FIRST_SECONDS, RECONNECT_MOST_SECONDS

_JITTER: Final = 0.5  # up to half as much again: a server that comes back is not met by everybody at once

_system: Final = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class BackoffLimits:
    """The shortest and the longest wait, in seconds."""

    first: float = RECONNECT_FIRST_SECONDS
    most: float = RECONNECT_MOST_SECONDS


class Backoff:
    """One series of attempts."""

    def __init__(
        self,
        limits: BackoffLimits = BackoffLimits(),
        chance: Callable[[], float] = _system.random,
    ) -> None:
        """`chance` gives numbers from 0 to 1."""
        self._limits = limits
        self._chance = chance
        self._attempts = 0

    def next_wait(self, retry_after: float | None = None) -> float:
        """Seconds until the next attempt; `retry_after`: the least that the server asks for."""
        shortest = min(self._limits.first * 2.0 ** min(self._attempts, 30), self._limits.most / (1 + _JITTER))
        self._attempts += 1
        if retry_after is not None:
            shortest = max(shortest, retry_after)
        return shortest * (1 + _JITTER * self._chance())

    def reset(self) -> None:
        """A connection stood long enough: the next series begins with the shortest wait."""
        self._attempts = 0
