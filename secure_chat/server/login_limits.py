"""How often an address may try: token buckets for logins and registrations, counts of wrong passphrases."""

import ipaddress
import math
import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from secure_chat.errors import AuthenticationFailed, RateLimited
from secure_chat.limits import FAILED_LOGIN_MEMORY_SECONDS, MAX_LIMITED_ADDRESSES
from secure_chat.server.rate_limit import TokenBucket
from secure_chat.server.settings.model import LoginRules, Rates

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

_IPV6_PREFIX: Final = 64  # one subscriber has at least so many addresses
_IPV6_SITE: Final = 48  # ... and at most so many networks of them (RFC 6177)
_SECONDS_PER_MINUTE: Final = 60.0
_SECONDS_PER_HOUR: Final = 3600.0


def address_prefix(address: str) -> str:
    """Whom an address stands for: an IPv4 address itself, an IPv6 network of 64 bits; a zone is left out."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, _IPV6_PREFIX), strict=False))


def address_network(address: str) -> str:
    """All addresses that one person may have at once: an IPv4 address itself, an IPv6 network of 48 bits."""
    prefix = address_prefix(address)
    network = ipaddress.ip_network(prefix)
    return str(network.supernet(new_prefix=_IPV6_SITE)) if isinstance(network, ipaddress.IPv6Network) else prefix


@dataclass(frozen=True, slots=True)
class _Tries:
    """Wrong passphrases in a row, and until when no more are taken."""

    count: int
    time: float
    paused_until: float = 0.0


class _Table(Generic[Key, Value]):
    """A mapping that never outgrows `MAX_LIMITED_ADDRESSES`: what was written longest ago goes first."""

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        return self._rows.get(key)

    def put(self, key: Key, value: Value) -> None:
        self._rows[key] = value
        self._rows.move_to_end(key)
        if len(self._rows) > MAX_LIMITED_ADDRESSES:
            self._rows.popitem(last=False)

    def drop(self, key: Key) -> None:
        self._rows.pop(key, None)

    def __len__(self) -> int:
        return len(self._rows)


class LoginLimits:
    """Asked before any expensive work, from every I/O thread and every thread of the pool; `now` in monotonic seconds.

    Counts are for an address and a name together, never for a name alone: nobody can lock another person out. They
    are kept for names that do not exist as for those that do.
    """

    def __init__(self, login: LoginRules, rates: Rates) -> None:
        self._lock = threading.Lock()  # tier 1: rules and tables
        self._login = login
        self._rates = rates
        self._logins: _Table[str, TokenBucket] = _Table()
        self._registrations: _Table[str, TokenBucket] = _Table()
        self._tries: _Table[tuple[str, str], _Tries] = _Table()

    def configure(self, login: LoginRules, rates: Rates) -> None:
        """Take over new rules; what was counted stays."""
        with self._lock:
            self._login = login
            self._rates = rates

    def admit_login(self, address: str, now: float) -> None:
        """One login, recovery or question about an invite. Raises `RateLimited`."""
        with self._lock:
            rate = self._rates.logins_per_minute / _SECONDS_PER_MINUTE
            _take(self._logins, address_prefix(address), rate, self._rates.logins_burst, now)

    def admit_registration(self, address: str, now: float) -> None:
        """One registration. Raises `RateLimited`."""
        with self._lock:
            rate = self._rates.registrations_per_hour / _SECONDS_PER_HOUR
            _take(self._registrations, address_prefix(address), rate, self._rates.registrations_burst, now)

    def check_pause(self, address: str, name: str, now: float) -> None:
        """Whether this address may try this name now. Raises `RateLimited` during a pause."""
        key = (address_prefix(address), name)
        with self._lock:
            tries = self._tries.get(key)
            if tries is None or now >= tries.paused_until:
                return
            wait = tries.paused_until - now
        raise RateLimited("Too many wrong passphrases for this name from here.", retry_after=math.ceil(wait * 10) / 10)

    def failed(self, address: str, name: str, now: float) -> AuthenticationFailed:
        """Count a wrong passphrase; returns what to say, the same for names that exist and that do not."""
        key = (address_prefix(address), name)
        with self._lock:
            rules = self._login
            before = self._tries.get(key)
            known = before is not None and before.paused_until == 0 and now - before.time < FAILED_LOGIN_MEMORY_SECONDS
            count = before.count + 1 if before is not None and known else 1
            left = max(0, rules.tries - count)
            self._tries.put(key, _Tries(count, now, 0.0 if left else now + rules.pause_seconds))
        return AuthenticationFailed(_sentence(left, rules.pause_seconds))

    def succeeded(self, address: str, name: str) -> None:
        """The passphrase was right: earlier mistakes do not count any more."""
        with self._lock:
            self._tries.drop((address_prefix(address), name))

    def sizes(self) -> tuple[int, int, int]:
        """How many addresses logged in, registered, and failed for a name, as far as it is remembered."""
        with self._lock:
            return len(self._logins), len(self._registrations), len(self._tries)


def _take(table: _Table[str, TokenBucket], key: str, rate: float, burst: int, now: float) -> None:
    bucket = table.get(key) or TokenBucket(burst, now)
    table.put(key, bucket)
    wait = bucket.take(rate, burst, now)
    if wait > 0:
        raise RateLimited("Too many tries from this address.", retry_after=math.ceil(wait * 10) / 10)


def _sentence(left: int, pause: float) -> str:
    wrong = "User name or passphrase is wrong."
    if left == 0:
        return f"{wrong} No more tries for {pause:.0f} s."
    return f"{wrong} {left} {'try' if left == 1 else 'tries'} left before a {pause:.0f} s pause."
