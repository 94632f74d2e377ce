"""Token buckets: how often an account may ask for what."""

import enum
import math
from collections.abc import Callable
from typing import Final

from secure_chat.errors import RateLimited
from secure_chat.limits import NAMED_ENVELOPES_AT_ONE_RATE
from secure_chat.protocol import commands as c
from secure_chat.server.settings.model import Rates

SECONDS_PER_MINUTE: Final = 60


class TokenBucket:
    """`burst` tokens at most, `rate` new ones a second; it starts full. `now` is seconds, monotonic."""

    __slots__ = ("_at", "_tokens")

    def __init__(self, burst: float, now: float) -> None:
        self._tokens = burst
        self._at = now

    def take(self, rate: float, burst: float, now: float) -> float:
        """Take a token and return 0, or take none and return the seconds until there is one."""
        tokens = self._tokens + (now - self._at) * rate
        if tokens > burst:
            tokens = burst
        self._at = now
        if tokens >= 1:
            self._tokens = tokens - 1
            return 0.0
        self._tokens = tokens
        return (1 - tokens) / rate

    def spend(self, tokens: float) -> None:
        """Take so many, whether there are any or not: what is missing has to come back first."""
        self._tokens -= tokens

    def is_full(self, rate: float, burst: float, now: float) -> bool:
        """Whether forgetting this bucket would change nothing."""
        return self._tokens + (now - self._at) * rate >= burst


class Kind(enum.StrEnum):  # a string's hash is computed once, an Enum's each time
    """What is counted apart from the rest."""

    POSTS = "posts"
    JOINS = "joins"
    READS = "reads"
    DIRECTS = "directs"
    ACKNOWLEDGEMENTS = "acknowledgements"
    CLAIMS = "claims"


KINDS: Final[dict[type[c.Command], Kind]] = {
    c.RoomPost: Kind.POSTS,
    c.RoomTopic: Kind.POSTS,
    c.RoomKick: Kind.POSTS,
    c.RoomCreate: Kind.JOINS,
    c.RoomJoin: Kind.JOINS,
    c.RoomLeave: Kind.JOINS,
    c.RoomHistory: Kind.READS,
    c.RoomSearch: Kind.READS,
    c.RoomList: Kind.READS,
    c.RoomMembers: Kind.READS,
    c.UserList: Kind.READS,
    c.PassphraseChange: Kind.READS,
    c.DirectSend: Kind.DIRECTS,
    c.DirectAcknowledge: Kind.ACKNOWLEDGEMENTS,
    c.DirectDefer: Kind.ACKNOWLEDGEMENTS,
    c.PrekeysClaim: Kind.CLAIMS,
    c.PrekeysPublish: Kind.READS,
    c.DeviceListQuery: Kind.READS,
    c.InviteCreate: Kind.JOINS,
    c.InviteOwn: Kind.READS,
    c.InviteSettle: Kind.JOINS,
}
"""Which bucket a command takes from; what is absent is bounded by credits and turns alone."""


def tokens_beyond_one(command: c.Command) -> int:
    """What a command costs its bucket besides the one token, because it is about many things."""
    if isinstance(command, (c.DirectAcknowledge, c.DirectDefer)):
        return (len(command.envelope_ids) - 1) // NAMED_ENVELOPES_AT_ONE_RATE
    return 0


_RATE_AND_BURST: Final[dict[Kind, Callable[[Rates], tuple[float, float]]]] = {
    Kind.POSTS: lambda rates: (rates.posts_per_second, rates.posts_burst),
    Kind.JOINS: lambda rates: (rates.joins_per_second, rates.joins_burst),
    Kind.READS: lambda rates: (rates.reads_per_second, rates.reads_burst),
    Kind.DIRECTS: lambda rates: (rates.directs_per_second, rates.directs_burst),
    Kind.ACKNOWLEDGEMENTS: lambda rates: (rates.acknowledgements_per_second, rates.acknowledgements_burst),
    Kind.CLAIMS: lambda rates: (rates.claims_per_minute / SECONDS_PER_MINUTE, rates.claims_burst),
}


def rate_and_burst(rates: Rates, kind: Kind) -> tuple[float, float]:
    """Tokens a second and at most, of one kind."""
    return _RATE_AND_BURST[kind](rates)


class RateLimits:
    """The buckets of the accounts that one I/O thread serves; those that are full again are forgotten.

    They outlive connections: who reconnects finds his bucket as he left it. A connection belongs to one account, so a
    bucket of its own could never be empty before the account's.
    """

    __slots__ = ("_buckets", "_figures", "_sweep_at")

    SWEEP_SECONDS: Final = 60.0

    def __init__(self, rates: Rates) -> None:
        self._buckets: dict[tuple[Kind, int], TokenBucket] = {}  # kind, account
        self._sweep_at = 0.0
        self.reload(rates)

    def __len__(self) -> int:
        return len(self._buckets)

    def reload(self, rates: Rates) -> None:
        """These hold from now on."""
        self._figures = {kind: rate_and_burst(rates, kind) for kind in Kind}

    def take(self, kind: Kind, account: int, now: float) -> None:
        """One token. Raises `RateLimited`, which says when there will be one."""
        rate, burst = self._figures[kind]
        bucket = self._buckets.get((kind, account))
        if bucket is None:
            bucket = self._new_bucket(kind, account, burst, now)
        wait = bucket.take(rate, burst, now)
        if wait > 0:
            raise RateLimited(retry_after=math.ceil(wait * 100) / 100)

    def charge(self, kind: Kind, account: int, tokens: float, now: float) -> None:
        """What something has cost beyond its one token, known only afterwards: the next one waits for it."""
        bucket = self._buckets.get((kind, account)) or self._new_bucket(kind, account, self._figures[kind][1], now)
        bucket.spend(tokens)

    def _new_bucket(self, kind: Kind, account: int, burst: float, now: float) -> TokenBucket:
        if now >= self._sweep_at:
            self._sweep(now)
        bucket = self._buckets[kind, account] = TokenBucket(burst, now)
        return bucket

    def _sweep(self, now: float) -> None:
        self._sweep_at = now + self.SWEEP_SECONDS
        for key, bucket in list(self._buckets.items()):
            if bucket.is_full(*self._figures[key[0]], now):
                del self._buckets[key]
