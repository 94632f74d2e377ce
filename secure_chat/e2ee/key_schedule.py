"""The key schedule: HKDF, X25519, and the keys of sessions, chains and messages derived with them.

PROTOCOL.md 20.3 and 21; RFC 5869; Double Ratchet, section 5.2. Everything here is secret but its inputs' names.
"""

from hashlib import sha256
from typing import Final

from nacl.bindings import crypto_scalarmult
from nacl.exceptions import RuntimeError as SodiumError

from secure_chat.e2ee.hidden import Hidden
from secure_chat.encoding import tag
from secure_chat.errors import KeyWorthless

_INNER, _OUTER = (bytes(byte ^ mask for byte in range(256)) for mask in (0x36, 0x5C))  # RFC 2104
_FIRST_INPUT: Final = b"\xff" * 32  # before the secrets of a set-up, as in X3DH
_INIT, _ROOT, _MESSAGE = tag("init"), tag("root"), tag("msg")


class HmacKey:
    """HMAC-SHA-256 (RFC 2104) under one key of at most 64 bytes, for several messages.

    `hmac.digest` looks the hash up anew for every message: it takes three times as long, most of what a message costs.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = key.ljust(64, b"\x00")
        self._inner, self._outer = sha256(block.translate(_INNER)), sha256(block.translate(_OUTER))

    def digest(self, message: bytes) -> bytes:
        """32 bytes."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()


_ZERO_SALT: Final = HmacKey(bytes(32))


class MessageKeys(Hidden, frozen=True):
    """What one message key and one associated data give; used once."""

    key: bytes  # 32 bytes, XChaCha20-Poly1305
    nonce: bytes  # 24 bytes
    commitment: bytes  # 32 bytes, sent along: it binds the ciphertext to this key and associated data


def hkdf(salt: HmacKey, secret: bytes, info: bytes, length: int) -> bytes:
    """HKDF-SHA-256 (RFC 5869), `length` bytes, at most 255 * 32."""
    extracted = HmacKey(salt.digest(secret))
    block = output = extracted.digest(info + b"\x01")
    counter = 1
    while len(output) < length:
        counter += 1
        block = extracted.digest(block + info + bytes((counter,)))
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
    output = hkdf(_ZERO_SALT, _FIRST_INPUT + b"".join(agreed), _INIT + transcript_hash, 64)
    return output[:32], output[32:]


def root_step(root_key: bytes, agreed: bytes) -> tuple[bytes, bytes]:
    """KDF_RK: (next root key, first key of the new chain), 32 bytes each."""
    output = hkdf(HmacKey(root_key), agreed, _ROOT, 64)
    return output[:32], output[32:]


def chain_step(chain_key: bytes) -> tuple[bytes, bytes]:
    """Advance a chain once: (next chain key, message key), 32 bytes each."""
    key = HmacKey(chain_key)
    return key.digest(b"\x02"), key.digest(b"\x01")


def message_keys(message_key: bytes, associated: bytes) -> MessageKeys:
    """The keys of one message under its associated data, `T("ad") || SID || TH || header`: 88 bytes of HKDF.

    Written out, because it is half of what a message costs.
    """
    extracted = HmacKey(_ZERO_SALT.digest(message_key))
    info = _MESSAGE + sha256(associated).digest()
    first = extracted.digest(info + b"\x01")
    second = extracted.digest(first + info + b"\x02")
    return MessageKeys(first, second[:24], second[24:] + extracted.digest(second + info + b"\x03")[:24])
