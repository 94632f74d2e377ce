"""Whether prekeys are their device's: the signatures, verified on the reader thread before the journal has them."""

from secure_chat.directory.keys import DeviceId, DeviceSigningKey, UserId
from secure_chat.directory.prekeys import check_published
from secure_chat.errors import DeviceUnknown
from secure_chat.server.read_requests import CheckPrekeys
from secure_chat.storage.entries import PublishPrekeys
from secure_chat.storage.records import DeviceKey


def check_prekeys(request: CheckPrekeys, key: DeviceKey | None) -> PublishPrekeys:
    """The entry that puts them on the shelf. `key`: the asking device's; None: it is in its owner's list no more.

    Each signature takes 0.1 ms, in which other threads run. Raises `DeviceUnknown`, `EncodingError`, `SignatureError`.
    """
    if key is None:
        raise DeviceUnknown("This device is in your device list no more.")
    check_published(
        UserId(key.user_id),
        DeviceId(request.device),
        DeviceSigningKey(key.signing_key),
        request.signed_prekey,
        request.one_time,
    )
    return PublishPrekeys(
        request.account, request.device, key.signing_key, request.signed_prekey, request.one_time, request.replace
    )
