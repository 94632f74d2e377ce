"""The recovery key that a person writes down: the identity's seed and a checksum as 56 characters.

PROTOCOL.md, "Recovery key": `seed 32 || SHA-256(T("recovery") || seed)[:3]` in base32, in groups of four.
"""

import hashlib
import hmac
from typing import Final

from secure_chat.encoding import decode_base32, encode_base32, tag
from secure_chat.errors import EncodingError, RecoveryKeyInvalid

SEED_BYTES: Final = 32
CHECKSUM_BYTES: Final = 3


def recovery_key(seed: bytes) -> str:
    """The key as it is shown, once: 14 groups of four characters, `ABCD-…`. `seed`: 32 secret bytes."""
    if len(seed) != SEED_BYTES:
        raise ValueError("an identity's seed has 32 bytes")
    return encode_base32(seed + _checksum(seed))


def parse_recovery_key(text: str) -> bytes:
    """The 32-byte seed of a key that a person typed, in any case, with or without spaces and dashes.

    Raises `RecoveryKeyInvalid` for a slip: one in 16 million would pass.
    """
    try:
        data = decode_base32(text, SEED_BYTES + CHECKSUM_BYTES)
    except EncodingError as error:
        raise RecoveryKeyInvalid from error
    seed, checksum = data[:SEED_BYTES], data[SEED_BYTES:]
    if not hmac.compare_digest(checksum, _checksum(seed)):
        raise RecoveryKeyInvalid("There is a slip of the pen in this recovery key.")
    return seed


def _checksum(seed: bytes) -> bytes:
    return hashlib.sha256(tag("recovery") + seed).digest()[:CHECKSUM_BYTES]
