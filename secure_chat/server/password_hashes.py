"""What the server keeps of a login secret: bcrypt, and the same work where there is nothing to compare with."""

import re
from collections.abc import Iterable
from typing import Final

import bcrypt

from secure_chat.limits import BCRYPT_COST_CEILING, BCRYPT_COST_FLOOR
from secure_chat.protocol.authentication import bcrypt_input

_HASH: Final = re.compile(rb"\$2b\$(\d\d)\$[./A-Za-z0-9]{53}")
_NOBODY: Final = b"." * 53  # a salt and a digest of zeros, which no secret that anybody knows has


def make_hash(login_secret: bytes, cost: int) -> bytes:
    """The hash of a login secret of 32 bytes; takes about 0.3 s of a core at cost 12."""
    return bcrypt.hashpw(bcrypt_input(login_secret), bcrypt.gensalt(cost))


def is_well_formed(stored: bytes) -> bool:
    """Whether a stored hash can be computed with: its form is bcrypt's, and its cost within our bounds."""
    match = _HASH.fullmatch(stored)
    return match is not None and BCRYPT_COST_FLOOR <= int(match[1]) <= BCRYPT_COST_CEILING


def highest_cost(beginnings: Iterable[bytes], cost: int) -> int:
    """The highest cost of stored hashes, of which `beginnings` are the first seven bytes, and of `cost`."""
    costs = (int(beginning[4:6]) for beginning in beginnings if is_well_formed(beginning + _NOBODY))
    return max(cost, *costs, 0)


def matches(login_secret: bytes, stored: bytes | None, cost: int) -> bool:
    """Whether `stored` is the hash of this secret.

    In every case the work is that of one hash at `cost`, or of `stored` where that is more: without a hash, with one
    that is not well-formed, and with one from before the cost was raised.
    """
    if stored is None or not is_well_formed(stored):
        _compute_for_nobody(login_secret, cost)
        return False
    is_right = bcrypt.checkpw(bcrypt_input(login_secret), stored)
    for missing in range(int(stored[4:6]), cost):  # each costs twice the one before: the first again, and so on
        _compute_for_nobody(login_secret, missing)
    return is_right


def _compute_for_nobody(login_secret: bytes, cost: int) -> None:
    bcrypt.checkpw(bcrypt_input(login_secret), b"$2b$%02d$" % cost + _NOBODY)
