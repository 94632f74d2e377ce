"""Device lists and prekeys that the server accepts: checked against all it has ever accepted, then kept.

PROTOCOL.md, "Device lists". Clients trust none of these checks; they keep honest clients from mistakes, and one person
from listing another's keys.
"""

from typing import Final

from secure_chat.directory.device_list import AcceptedDeviceList, SeenDevice
from secure_chat.directory.keys import (
    KEY_BYTES,
    DeviceDhKey,
    DeviceId,
    DeviceSigningKey,
    IdentityPublicKey,
    checked_device_id,
)
from secure_chat.directory.leaf import LeafType
from secure_chat.directory.prekeys import PublishedSignedPrekey, check_fresh
from secure_chat.errors import DeviceListError
from secure_chat.storage.draft import Draft
from secure_chat.storage.queries import people as queries

LATEST_TIME: Final = 2**63 - 1  # milliseconds since 1970 UTC; SQLite's largest number


def check_keys_unused(draft: Draft, accepted: AcceptedDeviceList, account: int | None) -> None:
    """Refuse a key that any other device, of whatever account and time, has had. Raises `DeviceListError`."""
    for device in accepted.device_list.devices:
        owners = draft.all(queries.DEVICES_WITH_KEY, signing_key=device.signing_key.raw, dh_point=_point(device.dh_key))
        if any(owner != (account, device.device_id) for owner in owners):
            raise DeviceListError("A key in this device list belongs to another device.")


def check_times(accepted: AcceptedDeviceList) -> None:
    """Refuse a time that no row can hold: it would fail in the middle of a batch. Raises `DeviceListError`."""
    device_list = accepted.device_list
    if max(device_list.created, *(device.added_at for device in device_list.devices)) > LATEST_TIME:
        raise DeviceListError("A time in this device list is beyond every calendar.")


def check_signed_prekey(draft: Draft, accepted: AcceptedDeviceList, device_id: int, prekey: bytes) -> None:
    """Check that this device of the list published it, and recently.

    Raises `DeviceUnknown`, `EncodingError`, `SignatureError`, `PrekeyError`.
    """
    device = accepted.device(DeviceId(device_id))
    published = PublishedSignedPrekey.parse(prekey)
    published.check_signature(device.signing_key, accepted.device_list.user_id, device.device_id)
    check_fresh(published.prekey, draft.now_ms)


def seen_devices(draft: Draft, account: int) -> list[SeenDevice]:
    """Every device that any version of the account's list held."""
    return [
        SeenDevice(
            IdentityPublicKey(identity_key),
            checked_device_id(number),
            DeviceSigningKey(signing_key),
            DeviceDhKey(dh_key),
        )
        for number, identity_key, signing_key, dh_key, _ in draft.all(queries.DEVICES_OF, account=account)
    ]


def listed_devices(draft: Draft, account: int) -> list[int]:
    """The numbers of the devices in the account's newest list."""
    return list(draft.listed(account))


def append_to_directory(
    draft: Draft, leaf: LeafType, user_id: bytes, name: str, version: int, digest: bytes, device_list: bytes | None
) -> int:
    """Add the next row of the append-only table; tell its number."""
    row = draft.one(queries.NEXT_DIRECTORY_ROW)
    number: int = row[0] if row else 0
    draft.insert(
        queries.ADD_DIRECTORY_ROW, number, leaf.value, user_id, name, version, digest, draft.now_ms, device_list
    )
    return number


def append_list(draft: Draft, leaf: LeafType, accepted: AcceptedDeviceList) -> int:
    """Add an accepted device list to the directory; tell the row's number."""
    device_list = accepted.device_list
    return append_to_directory(
        draft,
        leaf,
        device_list.user_id,
        device_list.name,
        device_list.version,
        accepted.digest,
        accepted.signed.encode(),
    )


def keep_devices(draft: Draft, account: int, accepted: AcceptedDeviceList) -> list[int]:
    """Make the list's devices the listed ones; tell those that were listed before and are not any more.

    What waits for the removed ones goes with them.
    """
    before = set(listed_devices(draft, account))
    known = {row[0] for row in draft.all(queries.DEVICES_OF, account=account)}
    device_list = accepted.device_list
    now_listed = {int(device.device_id) for device in device_list.devices}
    for device in device_list.devices:
        if device.device_id in known:
            draft.write(queries.SET_LISTED, of_account=account, of_device=device.device_id, is_listed=1)
            continue
        draft.insert(
            queries.ADD_DEVICE,
            account,
            device.device_id,
            device_list.identity_key.raw,
            device.signing_key.raw,
            device.dh_key.raw,
            _point(device.dh_key),
            1,
            0,
            device.added_at,
        )
    draft.put_listed(account, now_listed)
    removed = sorted(before - now_listed)
    for number in removed:
        draft.write(queries.SET_LISTED, of_account=account, of_device=number, is_listed=0)
        forget_shelf(draft, account, number)
    return removed


def keep_signed_prekey(draft: Draft, account: int, device_id: int, prekey: bytes) -> None:
    """The device's newest signed prekey."""
    draft.write(queries.FORGET_SIGNED_PREKEY, account=account, device_id=device_id)
    draft.insert(queries.ADD_SIGNED_PREKEY, account, device_id, prekey, draft.now_ms)


def forget_shelf(draft: Draft, account: int, device_id: int) -> None:
    """Remove a device's prekeys and its mailbox."""
    draft.write(queries.FORGET_SIGNED_PREKEY, account=account, device_id=device_id)
    draft.write(queries.FORGET_ONE_TIME_PREKEYS, account=account, device_id=device_id)
    draft.changes_mail().empty((account, device_id))


def _point(key: DeviceDhKey) -> bytes:
    return key.point.to_bytes(KEY_BYTES, "little")
