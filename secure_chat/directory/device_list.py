"""The signed list of a person's devices: its bytes, and what must be true of it before anybody uses it.

PROTOCOL.md 5.2. A `SignedDeviceList` is what somebody claims; an `AcceptedDeviceList` has passed
`check_registration`, `check_first_contact` or `check_successor` and is the only one to take keys from.
"""

import hashlib
import hmac
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from secure_chat import encoding, errors
from secure_chat.directory import keys
from secure_chat.directory.keys import DeviceDhKey, DeviceId, DeviceSigningKey, IdentityPublicKey, UserId
from secure_chat.errors import DeviceListError, EncodingError
from secure_chat.limits import MAX_DEVICES_PER_USER, MAX_NAME_BYTES

DIGEST_BYTES: Final = 32  # SHA-256
NO_PREVIOUS: Final = bytes(DIGEST_BYTES)  # prev_hash of version 1
FIRST_VERSION: Final = 1
NAME_FIELD: Final = encoding.text_field(MAX_NAME_BYTES, least=1)
VERSION_FIELD: Final = encoding.number_field(encoding.U32, FIRST_VERSION)
DIGEST_FIELD: Final = encoding.fixed_field(DIGEST_BYTES)


@dataclass(frozen=True, slots=True)
class SeenDevice:
    """A device's number and keys and its owner's identity, which belong together for ever once they were seen."""

    identity_key: IdentityPublicKey
    device_id: DeviceId
    signing_key: DeviceSigningKey
    dh_key: DeviceDhKey

    def overlaps(self, other: Self) -> bool:
        """Whether the two share their number or one of their keys."""
        return (
            self.device_id == other.device_id
            or self.signing_key == other.signing_key
            or self.dh_key.point == other.dh_key.point
        )


@dataclass(frozen=True, slots=True)
class DeviceEntry(encoding.Encoded):
    """One device in a list, 140 bytes: number, keys, time of adding, and its proof of possession."""

    layout = (keys.DEVICE_ID_FIELD, keys.SIGNING_FIELD, keys.DH_FIELD, encoding.U64, keys.SIGNATURE_FIELD)
    device_id: DeviceId
    signing_key: DeviceSigningKey
    dh_key: DeviceDhKey
    added_at: int  # milliseconds since 1970 UTC
    pop: bytes  # 64 bytes: the signing key over `proof_of_possession_payload`


@dataclass(frozen=True, slots=True)
class DeviceList(encoding.Encoded):
    """DL: 97 bytes, the name, and 140 bytes for each device."""

    layout = (
        *(keys.USER_ID_FIELD, NAME_FIELD, keys.IDENTITY_FIELD, VERSION_FIELD, DIGEST_FIELD, encoding.U64),
        encoding.list_field(MAX_DEVICES_PER_USER, encoding.struct_field(DeviceEntry)),
    )
    user_id: UserId
    name: str  # in its mapped form
    identity_key: IdentityPublicKey
    version: int  # from 1
    prev_hash: bytes  # 32 bytes: `digest` of the version before; zeros at version 1
    created: int  # milliseconds since 1970 UTC
    devices: tuple[DeviceEntry, ...]  # 1 to 8, ascending by device_id

    def seen_devices(self) -> tuple[SeenDevice, ...]:
        """The parts of the entries that never change, in their order."""
        return tuple(
            SeenDevice(self.identity_key, device.device_id, device.signing_key, device.dh_key)
            for device in self.devices
        )

    def signing_payload(self) -> bytes:
        """What the identity key signs: T("devlist") || DL."""
        return encoding.tag("devlist") + self.encode()

    def _check(self) -> None:
        if (self.version == FIRST_VERSION) != (self.prev_hash == NO_PREVIOUS):
            raise EncodingError("Version 1 of a device list, and no other, has a previous hash of zeros.")
        numbers = [device.device_id for device in self.devices]
        if any(first >= second for first, second in itertools.pairwise(numbers)):
            raise EncodingError("The devices of a list are not strictly ascending.")


@dataclass(frozen=True, slots=True)
class SignedDeviceList(encoding.Encoded):
    """A list and a signature over it, which nobody has checked yet. DL || signature, as it travels and is stored."""

    layout = (encoding.struct_field(DeviceList), keys.SIGNATURE_FIELD)
    device_list: DeviceList
    signature: bytes  # 64 bytes: the identity key over `DeviceList.signing_payload`

    def digest(self) -> bytes:
        """DLH, 32 bytes: SHA-256(T("dl") || DL || signature). What prev_hash, leaves and comparisons use."""
        return hashlib.sha256(encoding.tag("dl") + self.encode()).digest()


@dataclass(frozen=True, slots=True)
class AcceptedDeviceList:
    """A list whose signatures, proofs and name were checked. Only the checks of this module make one."""

    signed: SignedDeviceList
    digest: bytes  # DLH, 32 bytes

    @property
    def device_list(self) -> DeviceList:
        """The list itself."""
        return self.signed.device_list

    def device(self, device_id: DeviceId) -> DeviceEntry:
        """The device of that number. Raises `DeviceUnknown` for one that was removed or never there."""
        for device in self.device_list.devices:
            if device.device_id == device_id:
                return device
        raise errors.DeviceUnknown(f"{self.device_list.name} has no such device, or has removed it.")

    @classmethod
    def from_own_store(cls, data: bytes) -> Self:
        """A list that this program accepted and stored before: parsed, not checked again."""
        signed = SignedDeviceList.parse(data)
        return cls(signed, signed.digest())


def proof_of_possession_payload(
    user_id: UserId, identity_key: IdentityPublicKey, device_id: DeviceId, dh_key: DeviceDhKey
) -> bytes:
    """What a device's signing key signs, so that nobody lists another's device as his own.

    T("device-pop") || user_id 16, UIK 32, device_id 4, DDH 32.
    """
    layout = (keys.USER_ID_FIELD, keys.IDENTITY_FIELD, keys.DEVICE_ID_FIELD, keys.DH_FIELD)
    return encoding.tag("device-pop") + encoding.encode_fields(layout, user_id, identity_key, device_id, dh_key)


def check_registration(candidate: SignedDeviceList, name: str) -> AcceptedDeviceList:
    """Check the list of a new account: version 1, and all that `check_first_contact` checks."""
    if candidate.device_list.version != FIRST_VERSION:
        raise DeviceListError("A new account begins with version 1 of its device list.")
    return check_first_contact(candidate, name)


def check_first_contact(candidate: SignedDeviceList, name: str) -> AcceptedDeviceList:
    """Check a list of any version of which no earlier one is known here.

    `name`: the mapped name that was asked for; the list must bear exactly it. Raises `DeviceListError` or
    `SignatureError`.
    """
    if candidate.device_list.name != name:
        raise DeviceListError("This device list belongs to another name than the one asked for.")
    _check_no_key_twice(candidate.device_list)
    _check_signatures(candidate)
    return AcceptedDeviceList(candidate, candidate.digest())


def check_successor(
    previous: AcceptedDeviceList, candidate: SignedDeviceList, seen: Iterable[SeenDevice] = ()
) -> AcceptedDeviceList:
    """Check that `candidate` is the next version after `previous`.

    `seen`: every device of any version of this user's lists; those of `previous` need not be among them. The identity
    key may have changed (a reset): whether to trust the new one is for the caller, who compares it with his pin.
    Raises `DeviceListConflict` for another validly signed list of the same version (evidence against the server or
    the owner), `DeviceListOutdated` for a lower version, `DeviceListGap` when versions between are missing, otherwise
    `DeviceListError` or `SignatureError`.
    """
    if candidate.device_list.user_id != previous.device_list.user_id:
        raise DeviceListError("A device list does not pass from one account to another.")
    accepted = check_first_contact(candidate, previous.device_list.name)
    _check_version(previous, accepted)
    if not hmac.compare_digest(candidate.device_list.prev_hash, previous.digest):
        raise DeviceListError("This device list does not continue the one before it.")
    _check_against_seen(candidate.device_list, {*previous.device_list.seen_devices(), *seen})
    return accepted


def _check_version(previous: AcceptedDeviceList, candidate: AcceptedDeviceList) -> None:
    version, last = candidate.device_list.version, previous.device_list.version
    if version == last and not hmac.compare_digest(candidate.digest, previous.digest):
        raise errors.DeviceListConflict
    if version <= last:
        raise errors.DeviceListOutdated(f"Version {version} of this device list is not newer than version {last}.")
    if version > last + 1:
        raise errors.DeviceListGap(f"Between versions {last} and {version} of this device list some are missing.")


def _check_no_key_twice(device_list: DeviceList) -> None:
    devices = device_list.seen_devices()
    for index, device in enumerate(devices):
        if any(device.overlaps(other) for other in devices[:index]):
            raise DeviceListError("A key stands twice in this device list.")


def _check_signatures(signed: SignedDeviceList) -> None:
    device_list = signed.device_list
    device_list.identity_key.verify_payload(device_list.signing_payload(), signed.signature)
    for device in device_list.devices:
        payload = proof_of_possession_payload(
            device_list.user_id, device_list.identity_key, device.device_id, device.dh_key
        )
        device.signing_key.verify_payload(payload, device.pop)


def _check_against_seen(device_list: DeviceList, seen: set[SeenDevice]) -> None:
    for device, earlier in itertools.product(device_list.seen_devices(), seen):
        if device in seen or not device.overlaps(earlier):
            continue
        if device.identity_key != earlier.identity_key:
            raise DeviceListError("A list under a new identity key must not hold a device of the old one.")
        raise DeviceListError("A device's number and keys never change, and never move to another device.")
