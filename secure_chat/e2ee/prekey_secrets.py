"""The secret halves of prekeys: made from handed-in randomness, signed by their device.

PROTOCOL.md, "Prekeys". An ML-KEM-768 key is kept as its seed of 64 bytes (FIPS 203, section 7.1, d || z).
"""

from dataclasses import dataclass, field
from typing import Final, Self

from nacl.bindings import crypto_scalarmult_base

from secure_chat.directory import prekeys
from secure_chat.directory.keys import UserId
from secure_chat.directory.prekeys import PublishedOneTimePrekey, PublishedSignedPrekey
from secure_chat.e2ee.device_keys import SECRET_BYTES, DeviceSecrets, Randomness, identifier
from secure_chat.e2ee.ml_kem import KEM_SEED_BYTES, public_key_bytes

SUITE_MAX: Final = 1  # the highest suite that this program speaks: X25519 and ML-KEM-768


@dataclass(frozen=True, slots=True)
class PrekeySecret:
    """Both secret halves of a prekey, of either kind."""

    dh_secret: bytes = field(repr=False)  # 32 bytes
    kem_seed: bytes = field(repr=False)  # 64 bytes

    @classmethod
    def generate(cls, random: Randomness) -> Self:
        """New halves."""
        return cls(random(SECRET_BYTES), random(KEM_SEED_BYTES))

    @property
    def dh_key(self) -> prekeys.PrekeyDhKey:
        """The public X25519 half."""
        return prekeys.PrekeyDhKey(crypto_scalarmult_base(self.dh_secret))

    @property
    def kem_key(self) -> prekeys.KemPublicKey:
        """The public ML-KEM-768 half."""
        return prekeys.KemPublicKey(public_key_bytes(self.kem_seed))


@dataclass(frozen=True, slots=True)
class SignedPrekeySecret:
    """A signed prekey of this device: its secrets, and what was published of it."""

    secret: PrekeySecret
    published: PublishedSignedPrekey

    @classmethod
    def generate(cls, device: DeviceSecrets, user_id: UserId, random: Randomness, now_ms: int) -> Self:
        """A new one; `now_ms`: milliseconds since 1970 UTC. Raises `PostQuantumMissing`."""
        secret, prekey_id = PrekeySecret.generate(random), identifier(random, prekeys.PREKEY_ID_BYTES)
        prekey = prekeys.SignedPrekey(prekey_id, SUITE_MAX, secret.dh_key, secret.kem_key, now_ms)
        signature = device.sign(prekey.signing_payload(user_id, device.device_id))
        return cls(secret, PublishedSignedPrekey(prekey, signature))


@dataclass(frozen=True, slots=True)
class OneTimePrekeySecret:
    """A one-time prekey of this device: its secrets, and what was published of it."""

    secret: PrekeySecret
    published: PublishedOneTimePrekey

    @classmethod
    def generate(cls, device: DeviceSecrets, user_id: UserId, random: Randomness) -> Self:
        """A new one. Raises `PostQuantumMissing`."""
        secret, prekey_id = PrekeySecret.generate(random), identifier(random, prekeys.PREKEY_ID_BYTES)
        prekey = prekeys.OneTimePrekey(prekey_id, secret.dh_key, secret.kem_key)
        signature = device.sign(prekey.signing_payload(user_id, device.device_id))
        return cls(secret, PublishedOneTimePrekey(prekey, signature))
