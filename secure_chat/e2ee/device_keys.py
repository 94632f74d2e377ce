"""A person's secret keys: the identity, one device's two keys, and the device lists and proofs they sign.

PROTOCOL.md, "Keys" and "Device lists". Randomness and time are handed in. Signatures are made by libsodium.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Self

from nacl.bindings import crypto_scalarmult_base
from nacl.signing import SigningKey

from secure_chat.directory import device_list as lists
from secure_chat.directory import keys
from secure_chat.directory.device_list import AcceptedDeviceList, DeviceEntry, DeviceList, SignedDeviceList
from secure_chat.directory.keys import DeviceDhKey, DeviceId, DeviceSigningKey, IdentityPublicKey, UserId
from secure_chat.errors import RecoveryKeyOther

Randomness = Callable[[int], bytes]  # a number of bytes to that many unpredictable ones

SECRET_BYTES: Final = 32
_DEVICE_ID_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class IdentitySecret:
    """The seed of a person's identity key (UIK, Ed25519): it signs device lists and nothing else."""

    seed: bytes = field(repr=False)  # 32 bytes

    @classmethod
    def generate(cls, random: Randomness) -> Self:
        """A new identity."""
        return cls(random(SECRET_BYTES))

    @property
    def public_key(self) -> IdentityPublicKey:
        """What contacts pin."""
        return IdentityPublicKey(bytes(SigningKey(self.seed).verify_key))

    def sign(self, device_list: DeviceList) -> SignedDeviceList:
        """Sign a list of devices."""
        return SignedDeviceList(device_list, SigningKey(self.seed).sign(device_list.signing_payload()).signature)


@dataclass(frozen=True, slots=True)
class DeviceSecrets:
    """One device's keys, made on it and never copied: DSK (Ed25519) signs, DDH (X25519) agrees on secrets."""

    device_id: DeviceId
    signing_seed: bytes = field(repr=False)  # 32 bytes
    dh_secret: bytes = field(repr=False)  # 32 bytes

    @classmethod
    def generate(cls, random: Randomness) -> Self:
        """A new device with a random number and two unrelated keys."""
        number = identifier(random, _DEVICE_ID_BYTES)
        return cls(keys.checked_device_id(int.from_bytes(number, "big")), random(SECRET_BYTES), random(SECRET_BYTES))

    @property
    def signing_key(self) -> DeviceSigningKey:
        """The public half of the signing key."""
        return DeviceSigningKey(bytes(SigningKey(self.signing_seed).verify_key))

    @property
    def dh_key(self) -> DeviceDhKey:
        """The public half of the X25519 key."""
        return DeviceDhKey(crypto_scalarmult_base(self.dh_secret))

    def sign(self, payload: bytes) -> bytes:
        """64 bytes: an Ed25519 signature over `payload`, which begins with its tag: a prekey's, a login's."""
        return SigningKey(self.signing_seed).sign(payload).signature

    def entry(self, user_id: UserId, identity_key: IdentityPublicKey, added_at: int) -> DeviceEntry:
        """This device as it stands in a list, with its proof of possession; `added_at`: milliseconds since 1970."""
        pop = self.sign(lists.proof_of_possession_payload(user_id, identity_key, self.device_id, self.dh_key))
        return DeviceEntry(self.device_id, self.signing_key, self.dh_key, added_at, pop)


def generate_user_id(random: Randomness) -> UserId:
    """A new account's number: 16 random bytes, never all zero."""
    return UserId(identifier(random, keys.USER_ID_BYTES))


def first_device_list(
    identity: IdentitySecret, device: DeviceSecrets, user_id: UserId, name: str, now_ms: int
) -> AcceptedDeviceList:
    """Version 1 of a new account's list, with this device alone. `name` in its mapped form."""
    entry = device.entry(user_id, identity.public_key, now_ms)
    version = (lists.FIRST_VERSION, lists.NO_PREVIOUS, now_ms)
    signed = identity.sign(DeviceList(user_id, name, identity.public_key, *version, (entry,)))
    return lists.check_registration(signed, name)


def recovered_device_list(
    identity: IdentitySecret, device: DeviceSecrets, previous: AcceptedDeviceList, now_ms: int
) -> AcceptedDeviceList:
    """The next version under the same identity, with this device in place of all others.

    Raises `RecoveryKeyOther` when `previous`, the newest list that the server shows, is under another identity.
    """
    if identity.public_key != previous.device_list.identity_key:
        raise RecoveryKeyOther
    return _successor(identity, device, previous, now_ms)


def reset_device_list(
    identity: IdentitySecret, device: DeviceSecrets, previous: AcceptedDeviceList, now_ms: int
) -> AcceptedDeviceList:
    """The next version under a new identity, with this device alone: a key change for every contact.

    Raises `ValueError` when the identity is not new.
    """
    if identity.public_key == previous.device_list.identity_key:
        raise ValueError("a reset is made under a new identity")
    return _successor(identity, device, previous, now_ms)


def _successor(
    identity: IdentitySecret, device: DeviceSecrets, previous: AcceptedDeviceList, now_ms: int
) -> AcceptedDeviceList:
    before = previous.device_list
    entry = device.entry(before.user_id, identity.public_key, now_ms)
    version = (before.version + 1, previous.digest, now_ms)
    signed = identity.sign(DeviceList(before.user_id, before.name, identity.public_key, *version, (entry,)))
    return lists.check_successor(previous, signed)


def identifier(random: Randomness, length: int) -> bytes:
    """`length` random bytes that are not all zero."""
    while not any(drawn := random(length)):
        pass  # zeros mean "none"; this happens once in 2**32 draws of a device's number
    return drawn
