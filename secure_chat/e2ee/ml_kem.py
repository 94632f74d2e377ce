"""ML-KEM-768: whether this installation can do it, and public keys from their seeds.

Without it nothing is made or encrypted; the post-quantum half is never dropped.
"""

import hmac
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import UnsupportedAlgorithm

from secure_chat.errors import KeyWorthless, PostQuantumMissing

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey

KEM_SEED_BYTES: Final = 64  # d || z, FIPS 203, section 7.1
_MISSING: Final = (ImportError, UnsupportedAlgorithm)  # old releases lack the module; some have it and raise at use


def require_ml_kem() -> None:
    """Make a key, encapsulate to it and open the result; asked once at the start. Raises `PostQuantumMissing`."""
    key = private_key(bytes(KEM_SEED_BYTES))
    secret, ciphertext = key.public_key().encapsulate()
    if not hmac.compare_digest(key.decapsulate(ciphertext), secret):
        raise PostQuantumMissing("ML-KEM-768 of this installation does not open what it sealed.")


def private_key(seed: bytes) -> "MLKEM768PrivateKey":
    """The key that belongs to a seed of 64 secret bytes. Raises `PostQuantumMissing`."""
    try:
        from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey

        return MLKEM768PrivateKey.from_seed_bytes(seed)
    except _MISSING as error:
        raise PostQuantumMissing from error


def public_key_bytes(seed: bytes) -> bytes:
    """The 1,184 bytes of the public key that belongs to a seed of 64 secret bytes. Raises `PostQuantumMissing`."""
    return private_key(seed).public_key().public_bytes_raw()


def encapsulate(public: bytes) -> tuple[bytes, bytes]:
    """A fresh (secret of 32 bytes, ciphertext of 1,088) for a public key of 1,184 bytes.

    The randomness is the library's own, which takes none. Raises `PostQuantumMissing`, and `KeyWorthless` for bytes
    that are no key.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey

        return MLKEM768PublicKey.from_public_bytes(public).encapsulate()
    except _MISSING as error:
        raise PostQuantumMissing from error
    except ValueError as error:
        raise KeyWorthless("The ML-KEM key of a prekey is none.") from error


def decapsulate(seed: bytes, ciphertext: bytes) -> bytes:
    """The secret of 32 bytes; of an altered ciphertext another one, without a word (FIPS 203, section 6.3)."""
    return private_key(seed).decapsulate(ciphertext)
