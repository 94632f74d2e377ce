"""An authority's public key and what is computed from it: its pin, the server's identity; the log's pin, a leaf's hash.

PROTOCOL.md 2.1, 3 and 11.1. An authority travels as its compressed P-256 point, 33 bytes; people compare pins.
"""

import hashlib
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from secure_chat.encoding import encode_base32, tag
from secure_chat.errors import CertificateError

AUTHORITY_BYTES: Final = 33  # a compressed point of P-256: 0x02 or 0x03 and the x coordinate
PIN_BYTES: Final = 16  # only a second preimage helps an attacker: 128 bits are enough
LOG_KEY_BYTES: Final = 32  # Ed25519


def authority_key(authority: bytes) -> ec.EllipticCurvePublicKey:
    """The public key whose compressed point is `authority`, 33 bytes. Raises `CertificateError` when there is none."""
    if len(authority) != AUTHORITY_BYTES:
        raise CertificateError(f"An authority's key has {AUTHORITY_BYTES} bytes, not {len(authority)}.")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), authority)
    except ValueError as error:
        raise CertificateError("An authority's key is not a point of P-256.") from error


def compress(key: ec.EllipticCurvePublicKey) -> bytes:
    """The 33 bytes by which a public key of P-256 travels."""
    return key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


def authority_spki(authority: bytes) -> bytes:
    """The DER SubjectPublicKeyInfo (RFC 5280, 4.1.2.7) of an authority, with the point uncompressed: 91 bytes."""
    return authority_key(authority).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def authority_pin(authority: bytes) -> bytes:
    """The pin of an authority: the first 16 bytes of SHA-256 over its SubjectPublicKeyInfo, without a tag."""
    return hashlib.sha256(authority_spki(authority)).digest()[:PIN_BYTES]


def log_pin(log_public_key: bytes) -> bytes:
    """The pin of the key log's Ed25519 key, 32 bytes: 16 bytes."""
    if len(log_public_key) != LOG_KEY_BYTES:
        raise CertificateError(f"The key log's key has {LOG_KEY_BYTES} bytes, not {len(log_public_key)}.")
    return hashlib.sha256(tag("log-pin") + log_public_key).digest()[:PIN_BYTES]


def format_pin(pin: bytes) -> str:
    """A pin as people see and compare it: 26 base32 characters in groups of four."""
    return encode_base32(pin)


def server_id(first_authority: bytes) -> bytes:
    """The identity of an installation, 32 bytes: a tagged SHA-256 over the key of its *first* authority.

    A client computes it from the authority under which its own connection was verified, never from a message.
    """
    return hashlib.sha256(tag("server-id") + authority_spki(first_authority)).digest()


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256 of a connection's own certificate in DER: what a login signature binds."""
    return hashlib.sha256(leaf).digest()


def authority_name(authority: bytes) -> str:
    """The common name that an authority of this key has, and no other."""
    return f"secure_chat authority {format_pin(authority_pin(authority)).replace('-', '')[:8]}"
