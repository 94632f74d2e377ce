"""The two ends of a session: a device's public facts from an accepted device list, and this device with its secrets."""

from dataclasses import dataclass
from typing import Self

import msgspec

from secure_chat.directory.device_list import AcceptedDeviceList
from secure_chat.directory.keys import (
    KEY_BYTES,
    USER_ID_BYTES,
    DeviceDhKey,
    DeviceId,
    DeviceSigningKey,
    DhPublicKey,
    IdentityPublicKey,
    UserId,
)
from secure_chat.e2ee.device_keys import DeviceSecrets
from secure_chat.encoding import Writer
from secure_chat.errors import DeviceUnknown, OwnKeyInUse


class Address(msgspec.Struct, frozen=True, array_like=True):
    """Where an envelope comes from or goes to."""

    user_id: bytes  # 16 bytes
    device_id: int


@dataclass(frozen=True, slots=True)
class Party:
    """One device of a person, as an accepted device list has it."""

    user_id: UserId
    identity_key: IdentityPublicKey
    device_id: DeviceId
    signing_key: DeviceSigningKey
    dh_key: DeviceDhKey

    @classmethod
    def of(cls, accepted: AcceptedDeviceList, device_id: DeviceId) -> Self:
        """That device of the list. Raises `DeviceUnknown` for one that was removed or never there."""
        entry, device_list = accepted.device(device_id), accepted.device_list
        return cls(device_list.user_id, device_list.identity_key, device_id, entry.signing_key, entry.dh_key)

    @property
    def address(self) -> Address:
        """Its address in envelopes."""
        return Address(self.user_id, self.device_id)

    def write(self, writer: Writer) -> None:
        """Append the party as it stands in a transcript: user 16, UIK 32, device 4, DSK 32, DDH 32."""
        writer.identifier(self.user_id, USER_ID_BYTES).fixed(self.identity_key.raw, KEY_BYTES).u32(self.device_id)
        writer.fixed(self.signing_key.raw, KEY_BYTES).fixed(self.dh_key.raw, KEY_BYTES)


@dataclass(frozen=True, slots=True)
class OwnParty:
    """This device: what others see of it, and its secrets."""

    public: Party
    secrets: DeviceSecrets

    @classmethod
    def of(cls, accepted: AcceptedDeviceList, secrets: DeviceSecrets) -> Self:
        """This device in its owner's newest list. Raises `DeviceUnknown` when the list does not have these keys."""
        public = Party.of(accepted, secrets.device_id)
        if (public.signing_key, public.dh_key) != (secrets.signing_key, secrets.dh_key):
            raise DeviceUnknown("The device list has other keys for this device.")
        return cls(public, secrets)

    def refuse_own_keys(self, *keys: DhPublicKey) -> None:
        """Refuse keys of another device that are this device's, in whatever form. Raises `OwnKeyInUse`."""
        if any(key.point == self.public.dh_key.point for key in keys):
            raise OwnKeyInUse
