"""Prekey bundles of a peer's device, as the server hands them out: checked before anything is made with them.

PROTOCOL.md 19.2 and 20.1. Only `check_bundle` makes a `Bundle`; nobody keeps one.
"""

from dataclasses import dataclass

from secure_chat.directory import prekeys
from secure_chat.directory.prekeys import SeenPrekey
from secure_chat.e2ee.parties import OwnParty, Party


@dataclass(frozen=True, slots=True)
class Bundle:
    """Checked prekeys of one device."""

    signed: prekeys.SignedPrekey
    one_time: prekeys.OneTimePrekey | None  # None once the device's shelf is empty


def check_bundle(peer: Party, own: OwnParty, signed: bytes, one_time: bytes, seen: SeenPrekey, now_ms: int) -> Bundle:
    """Check what the server shows as prekeys of `peer`; `one_time` is empty where there is none.

    `seen`: what was seen of this device before; the caller keeps `seen.including(bundle.signed)`. Raises
    `EncodingError`, `SignatureError`, `PrekeyTooOld`, `PrekeyError`, and `OwnKeyInUse` where a key is this device's.
    """
    published = prekeys.PublishedSignedPrekey.parse(signed)
    published.check_signature(peer.signing_key, peer.user_id, peer.device_id)
    prekeys.check_fresh(published.prekey, now_ms)
    prekeys.check_not_behind(published.prekey, seen)
    own.refuse_own_keys(peer.dh_key, published.prekey.dh_key)
    if not one_time:
        return Bundle(published.prekey, None)
    published_once = prekeys.PublishedOneTimePrekey.parse(one_time)
    published_once.check_signature(peer.signing_key, peer.user_id, peer.device_id)
    own.refuse_own_keys(published_once.prekey.dh_key)
    return Bundle(published.prekey, published_once.prekey)
