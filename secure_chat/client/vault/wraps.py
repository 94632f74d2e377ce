"""A secret sealed under a passphrase: Argon2id and its bounds, one wrap, a header of one or two.

PROTOCOL.md, "The vault": a header is version 1, count 1, then for each wrap kdf 1, ops 4, memory in KiB 4, salt 16,
nonce 24, sealed 48 (bytes each). A wrap is XChaCha20-Poly1305 under Argon2id v1.3 of the passphrase; its associated
data is `T(tag) || version || its own bytes before the nonce`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Self

from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt, crypto_aead_xchacha20poly1305_ietf_encrypt
from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id

from secure_chat import limits
from secure_chat.encoding import Reader, Writer, tag
from secure_chat.errors import EncodingError, VaultDamaged, VaultPassphrase, VaultVersion

VERSION: Final = 1
SECRET_BYTES: Final = 32
SALT_BYTES: Final = 16
NONCE_BYTES: Final = 24
SEALED_BYTES: Final = SECRET_BYTES + 16

VAULT_TAG: Final = "wrap-vault"  # around the master key
IDENTITY_TAG: Final = "wrap-uik"  # around the seed of the user identity key

_ARGON2ID: Final = 1  # the one kdf of version 1: Argon2id v1.3, one lane


@dataclass(frozen=True, slots=True)
class Cost:
    """What one guess at the passphrase costs: passes, and memory in KiB.

    Raises `VaultDamaged` outside of the bounds: an altered file can neither make guessing cheap nor stop the machine.
    """

    ops: int
    memory_kib: int

    def __post_init__(self) -> None:
        if not limits.MIN_VAULT_ARGON2_OPS <= self.ops <= limits.MAX_VAULT_ARGON2_OPS:
            raise VaultDamaged(f"The vault asks for {self.ops} passes of Argon2id, which is out of bounds.")
        if not limits.MIN_VAULT_ARGON2_MEMORY_KIB <= self.memory_kib <= limits.MAX_VAULT_ARGON2_MEMORY_KIB:
            raise VaultDamaged(f"The vault asks for {self.memory_kib} KiB for Argon2id, which is out of bounds.")


DEFAULT_COST: Final = Cost(limits.VAULT_ARGON2_OPS, limits.VAULT_ARGON2_MEMORY_KIB)


@dataclass(frozen=True, slots=True)
class Wrap:
    """One secret of 32 bytes under one passphrase."""

    cost: Cost
    salt: bytes  # 16 bytes, random and used nowhere else
    nonce: bytes  # 24 bytes
    sealed: bytes = field(repr=False)  # 48 bytes: the secret and its tag

    @classmethod
    def seal(cls, purpose: str, secret: bytes, passphrase: bytes, cost: Cost, random: Callable[[int], bytes]) -> Self:
        """Seal 32 bytes; `purpose` is one of the two tags, `passphrase` the prepared UTF-8."""
        salt, nonce = random(SALT_BYTES), random(NONCE_BYTES)
        key = _derive(passphrase, salt, cost)
        associated = _associated(purpose, cost, salt)
        return cls(cost, salt, nonce, crypto_aead_xchacha20poly1305_ietf_encrypt(secret, associated, nonce, key))

    def open(self, purpose: str, passphrase: bytes) -> bytes | None:
        """The 32 bytes, or None under another passphrase and when any byte of the wrap was altered."""
        key = _derive(passphrase, self.salt, self.cost)
        associated = _associated(purpose, self.cost, self.salt)
        try:
            return crypto_aead_xchacha20poly1305_ietf_decrypt(self.sealed, associated, self.nonce, key)
        except CryptoError:
            return None

    def encode(self) -> bytes:
        """97 bytes."""
        return _before_nonce(self.cost, self.salt) + self.nonce + self.sealed


@dataclass(frozen=True, slots=True)
class Header:
    """The wraps of one secret: one, or an older and a newer while the passphrase is being changed."""

    wraps: tuple[Wrap, ...]

    def open(self, purpose: str, passphrase: bytes) -> tuple[bytes, int]:
        """The secret and which wrap opened, 0 or 1. Raises `VaultPassphrase` when none does."""
        for position, wrap in enumerate(self.wraps):
            secret = wrap.open(purpose, passphrase)
            if secret is not None:
                return secret, position
        raise VaultPassphrase

    def only(self, position: int) -> "Header":
        """The header without the other wrap."""
        return Header((self.wraps[position],))

    def encode(self) -> bytes:
        """2 bytes and 97 for each wrap."""
        return Writer().u8(VERSION).u8(len(self.wraps)).rest(b"".join(wrap.encode() for wrap in self.wraps)).finish()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a header from an untrusted file. Raises `VaultVersion` or `VaultDamaged`."""
        try:
            return cls(_decode(Reader(data)))
        except EncodingError as error:
            raise VaultDamaged("The vault's header was damaged or altered.") from error


def _decode(reader: Reader) -> tuple[Wrap, ...]:
    version = reader.u8()
    if version > VERSION:
        raise VaultVersion
    count = reader.u8()
    if version != VERSION or count not in (1, 2):
        raise EncodingError("Such a header was never written.")
    wraps = tuple(_decode_wrap(reader) for _ in range(count))
    reader.end()
    return wraps


def _decode_wrap(reader: Reader) -> Wrap:
    if reader.u8() != _ARGON2ID:
        raise EncodingError("This key derivation is unknown.")
    cost = Cost(reader.u32(), reader.u32())
    return Wrap(cost, reader.fixed(SALT_BYTES), reader.fixed(NONCE_BYTES), reader.fixed(SEALED_BYTES))


def _derive(passphrase: bytes, salt: bytes, cost: Cost) -> bytes:
    return argon2id.kdf(SECRET_BYTES, passphrase, salt, opslimit=cost.ops, memlimit=cost.memory_kib * 1024)


def _associated(purpose: str, cost: Cost, salt: bytes) -> bytes:
    return tag(purpose) + bytes([VERSION]) + _before_nonce(cost, salt)


def _before_nonce(cost: Cost, salt: bytes) -> bytes:
    return Writer().u8(_ARGON2ID).u32(cost.ops).u32(cost.memory_kib).fixed(salt, SALT_BYTES).finish()
