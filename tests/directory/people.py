"""People and devices whose keys come from fixed seeds, and who sign what a real client would sign."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from secure_chat.directory.device_list import (
    NO_PREVIOUS,
    AcceptedDeviceList,
    DeviceEntry,
    DeviceList,
    SignedDeviceList,
    proof_of_possession_payload,
)
from secure_chat.directory.keys import DeviceDhKey, DeviceId, DeviceSigningKey, IdentityPublicKey, UserId
from secure_chat.directory.prekeys import (
    KemPublicKey,
    OneTimePrekey,
    PrekeyDhKey,
    PublishedOneTimePrekey,
    PublishedSignedPrekey,
    SignedPrekey,
)

NOON = 1_790_000_000_000  # milliseconds: some time in September 2026


def drawn(label: str, length: int) -> bytes:
    """Bytes that look random and are the same in every run."""
    return hashlib.shake_256(label.encode()).digest(length)


class Device:
    """A device with its secrets. `label` decides its keys, `number` its place in a list."""

    def __init__(self, label: str, number: int) -> None:
        self.device_id = DeviceId(number)
        self.signer = SigningKey(drawn(f"{label} signing", 32))
        self.signing_key = DeviceSigningKey(bytes(self.signer.verify_key))
        self.dh_key = DeviceDhKey(bytes(PrivateKey(drawn(f"{label} dh", 32)).public_key))

    def signed_prekey(self, owner: "Person", *, created: int = NOON, suite_max: int = 1) -> PublishedSignedPrekey:
        prekey = SignedPrekey(drawn("spk id", 8), suite_max, *kem_pair("spk"), created)
        return PublishedSignedPrekey(prekey, self.sign(prekey.signing_payload(owner.user_id, self.device_id)))

    def one_time_prekey(self, owner: "Person", label: str = "otp") -> PublishedOneTimePrekey:
        prekey = OneTimePrekey(drawn(f"{label} id", 8), *kem_pair(label))
        return PublishedOneTimePrekey(prekey, self.sign(prekey.signing_payload(owner.user_id, self.device_id)))

    def sign(self, payload: bytes) -> bytes:
        return bytes(self.signer.sign(payload).signature)


def kem_pair(label: str) -> tuple[PrekeyDhKey, KemPublicKey]:
    """Both public halves of a prekey."""
    kem = MLKEM768PrivateKey.from_seed_bytes(drawn(f"{label} kem", 64)).public_key().public_bytes_raw()
    return PrekeyDhKey(bytes(PrivateKey(drawn(f"{label} x", 32)).public_key)), KemPublicKey(kem)


@dataclass
class Person:
    """A person with an identity; `identity` changes it, `name` decides everything else."""

    name: str
    identity: str = "first"

    @cached_property
    def user_id(self) -> UserId:
        return UserId(drawn(f"{self.name} user id", 16))

    @cached_property
    def identity_signer(self) -> SigningKey:
        return SigningKey(drawn(f"{self.name} {self.identity} identity", 32))

    @cached_property
    def identity_key(self) -> IdentityPublicKey:
        return IdentityPublicKey(bytes(self.identity_signer.verify_key))

    def entry(self, device: Device, *, added_at: int = NOON) -> DeviceEntry:
        payload = proof_of_possession_payload(self.user_id, self.identity_key, device.device_id, device.dh_key)
        return DeviceEntry(device.device_id, device.signing_key, device.dh_key, added_at, device.sign(payload))

    def device_list(
        self, *devices: Device, after: AcceptedDeviceList | SignedDeviceList | None = None, created: int = NOON
    ) -> DeviceList:
        """The unsigned list that comes after another one, or the first."""
        entries = tuple(self.entry(device) for device in devices)
        if after is None:
            return DeviceList(self.user_id, self.name, self.identity_key, 1, NO_PREVIOUS, created, entries)
        signed = after.signed if isinstance(after, AcceptedDeviceList) else after
        version = signed.device_list.version + 1
        return DeviceList(self.user_id, self.name, self.identity_key, version, signed.digest(), created, entries)

    def sign(self, device_list: DeviceList) -> SignedDeviceList:
        payload = device_list.signing_payload()
        return SignedDeviceList(device_list, bytes(self.identity_signer.sign(payload).signature))

    def signed_list(
        self, *devices: Device, after: AcceptedDeviceList | SignedDeviceList | None = None
    ) -> SignedDeviceList:
        return self.sign(self.device_list(*devices, after=after))

    def with_new_identity(self, identity: str = "second") -> "Person":
        """The same account after an identity reset."""
        return replace(self, identity=identity)
