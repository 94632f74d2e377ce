"""The key schedule: HKDF, X25519, and the keys of sessions, chains and messages derived with them.

PROTOCOL.md 20.3 and 21; RFC 5869; Double Ratchet, section 5.2. Everything here is secret but its inputs' names.
"""

import hashlib
import hmac
from typing import Final, NamedTuple

from nacl.bindings import crypto_scalarmult
from nacl.exceptions import RuntimeError as SodiumError

from secure_chat.encoding import tag
from secure_chat.errors import KeyWorthless

_HASH: Final = "sha256"
_ZERO_SALT: Final = bytes(32)
_FIRST_INPUT: Final = b"\xff" * 32  # before the secrets of a set-up, as in X3DH
_INIT, _ROOT, _MESSAGE = tag("init"), tag("root"), tag("msg")
SETUP_BYTES: Final = 64
_MESSAGE_BYTES: Final = 88


class MessageKeys(NamedTuple):
    """What one message key and one associated data give; used once."""

    key: bytes  # 32 bytes, XChaCha20-Poly1305
    nonce: bytes  # 24 bytes
    commitment: bytes  # 32 bytes, sent along: it binds the ciphertext to this key and associated data

    def __repr__(self) -> str:
        return "<MessageKeys>"


def hkdf(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    """HKDF-SHA-256 (RFC 5869), `length` bytes, at most 255 * 32."""
    extracted = hmac.digest(salt, secret, _HASH)
    block = output = hmac.digest(extracted, info + b"\x01", _HASH)
    counter = 1
    while len(output) < length:
        counter += 1
        block = hmac.digest(extracted, block + info + bytes((counter,)), _HASH)
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
    output = hkdf(_ZERO_SALT, _FIRST_INPUT + b"".join(agreed), _INIT + transcript_hash, SETUP_BYTES)
    return output[:32], output[32:]


def root_step(root_key: bytes, agreed: bytes) -> tuple[bytes, bytes]:
    """KDF_RK: (next root key, first key of the new chain), 32 bytes each."""
    output = hkdf(root_key, agreed, _ROOT, 64)
    return output[:32], output[32:]


def chain_step(chain_key: bytes) -> tuple[bytes, bytes]:
    """Advance a chain once: (next chain key, message key), 32 bytes each."""
    return hmac.digest(chain_key, b"\x02", _HASH), hmac.digest(chain_key, b"\x01", _HASH)


def message_keys(message_key: bytes, associated: bytes) -> MessageKeys:
    """The keys of one message under its associated data: `T("ad") || SID || TH || header`."""
    output = hkdf(_ZERO_SALT, message_key, _MESSAGE + hashlib.sha256(associated).digest(), _MESSAGE_BYTES)
    return MessageKeys(output[:32], output[32:56], output[56:])
