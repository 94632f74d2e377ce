"""The two ends of a session: a device's public facts from an accepted device list, and this device with its secrets."""

from dataclasses import dataclass
from struct import Struct
from typing import Final, Self

import msgspec

from secure_chat.directory import keys
from secure_chat.directory.device_list import AcceptedDeviceList
from secure_chat.e2ee.device_keys import DeviceSecrets
from secure_chat.encoding import packed
from secure_chat.errors import DeviceUnknown, OwnKeyInUse

_PARTY: Final = Struct(">16s32sI32s32s")


class Address(msgspec.Struct, frozen=True, array_like=True):
    """Where an envelope comes from or goes to."""

    user_id: bytes  # 16 bytes
    device_id: int


@dataclass(frozen=True, slots=True)
class Party:
    """One device of a person, as an accepted device list has it; 116 bytes in a transcript."""

    user_id: keys.UserId
    identity_key: keys.IdentityPublicKey
    device_id: keys.DeviceId
    signing_key: keys.DeviceSigningKey
    dh_key: keys.DeviceDhKey

    @classmethod
    def of(cls, accepted: AcceptedDeviceList, device_id: keys.DeviceId) -> Self:
        """That device of the list. Raises `DeviceUnknown` for one that was removed or never there."""
        entry, device_list = accepted.device(device_id), accepted.device_list
        return cls(device_list.user_id, device_list.identity_key, device_id, entry.signing_key, entry.dh_key)

    def encode(self) -> bytes:
        """The 116 bytes. Raises `EncodingError`."""
        return packed(
            _PARTY, self.user_id, self.identity_key.raw, self.device_id, self.signing_key.raw, self.dh_key.raw
        )

    @property
    def address(self) -> Address:
        """Its address in envelopes."""
        return Address(self.user_id, self.device_id)


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

    def refuse_own_keys(self, *others: keys.DhPublicKey) -> None:
        """Refuse keys of another device that are this device's, in whatever form. Raises `OwnKeyInUse`."""
        if self.public.dh_key.point in [key.point for key in others]:
            raise OwnKeyInUse
