"""Safety numbers: what two people compare to know that no key between them was exchanged, as digits and as QR code.

PROTOCOL.md 26.3 and 26.4. Name, user id and server are inside: the same key elsewhere has another number.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from secure_chat.directory.keys import KEY_BYTES, USER_ID_BYTES, IdentityPublicKey, UserId
from secure_chat.encoding import Reader, Writer, tag
from secure_chat.errors import EncodingError, NumberDiffers

ROUNDS: Final = 5200
QR_VERSION: Final = 1
_HASH_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class FingerprintParty:
    """Whose key is compared."""

    user_id: UserId
    name: str  # in its mapped form
    identity_key: IdentityPublicKey


def safety_number(own: FingerprintParty, peer: FingerprintParty, server_id: bytes) -> str:
    """60 digits in 12 groups of five with spaces between, the same on both sides. `server_id`: 32 bytes."""
    return " ".join(sorted(_digits(_fingerprint(party, server_id)) for party in (own, peer)))


def qr_payload(
    own: FingerprintParty, peer: FingerprintParty, server_id: bytes, sth_size: int = 0, sth_root: bytes = bytes(32)
) -> bytes:
    """The 105 bytes that the other's camera reads; `sth_size`, `sth_root`: the head of the key log, if one is known."""
    hashes = (_fingerprint(party, server_id)[:_HASH_BYTES] for party in (own, peer))
    return Writer().u8(QR_VERSION).rest(b"".join(hashes)).u64(sth_size).fixed(sth_root, 32).finish()


def check_qr(payload: bytes, own: FingerprintParty, peer: FingerprintParty, server_id: bytes) -> None:
    """Check a code shown by `peer`. Raises `EncodingError` for another thing, `NumberDiffers`."""
    reader = Reader(payload)
    if reader.u8() != QR_VERSION:
        raise EncodingError("This code is of a version that is not known here.")
    shown = reader.fixed(2 * _HASH_BYTES)
    reader.fixed(8 + 32)  # the head of the key log
    reader.end()
    expected = b"".join(_fingerprint(party, server_id)[:_HASH_BYTES] for party in (peer, own))
    if not hmac.compare_digest(shown, expected):
        raise NumberDiffers


def _fingerprint(party: FingerprintParty, server_id: bytes) -> bytes:
    """64 bytes; each round costs who searches for a key with the same digits."""
    key = party.identity_key.raw
    writer = Writer().rest(tag("fingerprint")).identifier(party.user_id, USER_ID_BYTES).text(party.name)
    digest = hashlib.sha512(writer.fixed(key, KEY_BYTES).fixed(server_id, 32).finish()).digest()
    for _ in range(ROUNDS):
        digest = hashlib.sha512(digest + key).digest()
    return digest


def _digits(fingerprint: bytes) -> str:
    numbers = (int.from_bytes(fingerprint[start : start + 5], "big") % 100_000 for start in range(0, 30, 5))
    return " ".join(f"{number:05}" for number in numbers)
