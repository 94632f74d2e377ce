"""ML-KEM-768: whether this installation can do it, and public keys from their seeds.

Without it nothing is made or encrypted; the post-quantum half is never dropped.
"""

import hmac
from typing import TYPE_CHECKING, Final

from secure_chat.errors import PostQuantumMissing

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey

KEM_SEED_BYTES: Final = 64  # d || z, FIPS 203, section 7.1


def require_ml_kem() -> None:
    """Make a key, encapsulate to it and open the result; asked once at the start. Raises `PostQuantumMissing`."""
    key = private_key(bytes(KEM_SEED_BYTES))
    secret, ciphertext = key.public_key().encapsulate()
    if not hmac.compare_digest(key.decapsulate(ciphertext), secret):
        raise PostQuantumMissing("ML-KEM-768 of this installation does not open what it sealed.")


def private_key(seed: bytes) -> "MLKEM768PrivateKey":
    """The key that belongs to a seed of 64 secret bytes. Raises `PostQuantumMissing`."""
    # Old releases of the library lack the module; some have it and raise at first use.
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
    except ImportError as error:
        raise PostQuantumMissing from error
    try:
        return MLKEM768PrivateKey.from_seed_bytes(seed)
    except UnsupportedAlgorithm as error:
        raise PostQuantumMissing from error


def public_key_bytes(seed: bytes) -> bytes:
    """The 1,184 bytes of the public key that belongs to a seed of 64 secret bytes. Raises `PostQuantumMissing`."""
    return private_key(seed).public_key().public_bytes_raw()
