"""The key schedule: HKDF, X25519, and the keys of sessions, chains and messages derived with them.

PROTOCOL.md 20.3 and 21; RFC 5869; Double Ratchet, section 5.2. Everything here is secret but its inputs' names.
"""

from hashlib import sha256
from typing import TYPE_CHECKING, Final

from nacl.bindings import crypto_scalarmult
from nacl.exceptions import RuntimeError as SodiumError

from secure_chat.e2ee.hidden import Hidden
from secure_chat.encoding import tag
from secure_chat.errors import KeyWorthless

if TYPE_CHECKING:
    from _hashlib import HASH

_INNER, _OUTER = (bytes(byte ^ mask for byte in range(256)) for mask in (0x36, 0x5C))  # RFC 2104
_FIRST_INPUT: Final = b"\xff" * 32  # before the secrets of a set-up, as in X3DH
_INIT, _ROOT, _MESSAGE = tag("init"), tag("root"), tag("msg")


def hmac_key(key: bytes) -> "tuple[HASH, HASH]":
    """HMAC-SHA-256 (RFC 2104) under a key of at most 64 bytes: the inner and the outer hash, with the key in them.

    `hmac.digest` looks the hash up anew for every message: it takes three times as long, most of what a message costs.
    """
    block = key.ljust(64, b"\x00")
    return sha256(block.translate(_INNER)), sha256(block.translate(_OUTER))


def hmac_digest(inner: "HASH", outer: "HASH", message: bytes) -> bytes:
    """32 bytes. Both hashes are used up: a key that is needed again hands in copies."""
    inner.update(message)
    outer.update(inner.digest())
    return outer.digest()


_ZERO_SALT: Final = hmac_key(bytes(32))


class MessageKeys(Hidden, frozen=True):
    """What one message key and one associated data give; used once."""

    key: bytes  # 32 bytes, XChaCha20-Poly1305
    nonce: bytes  # 24 bytes
    commitment: bytes  # 32 bytes, sent along: it binds the ciphertext to this key and associated data


def hkdf(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    """HKDF-SHA-256 (RFC 5869), `length` bytes, at most 255 * 32; `salt`: at most 64 bytes."""
    inner, outer = hmac_key(hmac_digest(*hmac_key(salt), secret))
    output = block = b""
    for counter in range(1, -(-length // 32) + 1):
        block = hmac_digest(inner.copy(), outer.copy(), block + info + bytes((counter,)))
        output += block
    return output[:length]


def agree(secret: bytes, public: bytes) -> bytes:
    """X25519. Raises `KeyWorthless` for a public key of low order, with which the result would be zero."""
    try:
        return crypto_scalarmult(secret, public)
    except SodiumError as error:
        raise KeyWorthless from error


def setup_keys(agreed: list[bytes], transcript_hash: bytes) -> tuple[bytes, bytes]:
    """(first root key, SID), 32 bytes each, from DH1 to DH3 or DH4 and the KEM's secret, in this order."""
    output = hkdf(bytes(32), _FIRST_INPUT + b"".join(agreed), _INIT + transcript_hash, 64)
    return output[:32], output[32:]


def root_step(root_key: bytes, agreed: bytes) -> tuple[bytes, bytes]:
    """KDF_RK: (next root key, first key of the new chain), 32 bytes each."""
    output = hkdf(root_key, agreed, _ROOT, 64)
    return output[:32], output[32:]


def chain_step(chain_key: bytes) -> tuple[bytes, bytes]:
    """Advance a chain once: (next chain key, message key), 32 bytes each."""
    inner, outer = hmac_key(chain_key)
    return hmac_digest(inner.copy(), outer.copy(), b"\x02"), hmac_digest(inner, outer, b"\x01")


def message_keys(message_key: bytes, associated: bytes) -> MessageKeys:
    """The keys of one message under its associated data, `T("ad") || SID || TH || header`: 88 bytes of HKDF.

    Written out, because it is a quarter of what a message costs.
    """
    inner, outer = _ZERO_SALT
    inner, outer = hmac_key(hmac_digest(inner.copy(), outer.copy(), message_key))
    info = _MESSAGE + sha256(associated).digest()
    first = hmac_digest(inner.copy(), outer.copy(), info + b"\x01")
    second = hmac_digest(inner.copy(), outer.copy(), first + info + b"\x02")
    third = hmac_digest(inner, outer, second + info + b"\x03")
    return MessageKeys(first, second[:24], second[24:] + third[:24])
