"""Other people's device lists: which are accepted, and what follows from a new one.

PROTOCOL.md 19.1. The newest alone at first contact, then every link of the chain; never a lower version; two lists of
one version are evidence, after which nothing is sent.
"""

import dataclasses
import hmac
from collections.abc import Iterable
from typing import Final

from secure_chat.client.direct import contacts
from secure_chat.client.direct.arrivals import maybe_lost
from secure_chat.client.direct.desk import Desk
from secure_chat.client.direct.events import NewDevice
from secure_chat.client.direct.own import Own
from secure_chat.client.direct.records import CONTRADICTIONS, Contradiction, KnownVersion, Peer
from secure_chat.directory.device_list import (
    AcceptedDeviceList,
    SignedDeviceList,
    check_first_contact,
    check_successor,
)
from secure_chat.directory.keys import UserId
from secure_chat.errors import DeviceListError, ServerSaidNonsense
from secure_chat.limits import MAX_DEVICES_EVER
from secure_chat.names import check_user_name
from secure_chat.protocol.events import DeviceLists

_KNOWN_VERSIONS: Final = 256  # hashes kept of one user's lists; nobody has so many devices in a life


def take_lists(desk: Desk, own: Own, user_id: bytes, name: str, lists: Iterable[bytes], now_ms: int) -> None:
    """Check what a server shows as the lists of `user_id`, ascending, and keep what is new.

    `name`: the one asked for; empty: whichever name the first list bears. A list that contradicts a known one is kept
    as evidence, and the contact is marked. Raises `EncodingError`, `DeviceListError`, `SignatureError`, `NameInvalid`
    or `ServerSaidNonsense` for what is not accepted; the caller rolls back.
    """
    for data in lists:
        candidate = SignedDeviceList.parse(data)
        if candidate.device_list.user_id != user_id:
            raise DeviceListError("The server shows the device list of another account.")
        if candidate.device_list.name == own.name:
            raise ServerSaidNonsense("The server gives your name to another account.")  # who would look like oneself
        known = desk.peer(user_id)
        if known is None:
            check_user_name(candidate.device_list.name)
            known = Peer(user_id, name or candidate.device_list.name)
        if name and known.name != name:
            raise DeviceListError("The server shows another name for a known account.")
        _take(desk, known, candidate, now_ms)


def take_answer(desk: Desk, own: Own, name: str, after: int, said: DeviceLists, now_ms: int) -> int | None:
    """Take the answer to the question who has `name`, and his lists after version `after`.

    None: all is here. Otherwise the version after which to ask once more: the name is another user's than the pinned
    one, or there are more lists. Raises what `take_lists` raises, and `ServerSaidNonsense`.
    """
    if said.user_id == own.devices.device_list.user_id:
        raise ServerSaidNonsense("The server gives the own account another name.")
    if after != _version(desk, said.user_id):
        return _version(desk, said.user_id)
    take_lists(desk, own, UserId(said.user_id), name, said.lists, now_ms)
    if desk.contact(name) is None or (said.more and not said.lists):
        raise ServerSaidNonsense
    return _version(desk, said.user_id) if said.more else None


def shown_again(desk: Desk, name: str, user_id: bytes) -> None:
    """The server says that `name` is this user, whose lists are here: if it is the pinned identity, no other is shown.

    For when a person is about to decide, not before: what was held stays held until then.
    """
    contact, peer = desk.contact(name), desk.peer(user_id)
    if contact is not None and peer is not None and contact.user_id == user_id and not peer.shown:
        if contacts.accepted_devices(desk, contact) is not None:
            contacts.show_pinned_key(desk, contact)


def note_digest(desk: Desk, peer: Peer, version: int, digest: bytes, now_ms: int) -> None:
    """Somebody goes by this hash of a version of `peer`'s list: evidence, if it is known with another one."""
    for known in peer.known:
        if known.version == version and not hmac.compare_digest(known.digest, digest):
            contradict(desk, peer.name, KnownVersion(version, known.digest), digest, now_ms)


def contradict(desk: Desk, name: str, known: KnownVersion, other: bytes, now_ms: int) -> None:
    """Keep the evidence; nothing is sent to `name` from now on."""
    contact = desk.contact(name)
    if contact is None or contact.contradicted_at:
        return
    row_id = f"{desk.hidden(CONTRADICTIONS, name)}{now_ms:016x}"
    evidence = Contradiction(now_ms, name, known.version, known.digest, other)
    desk.transaction.put(CONTRADICTIONS, row_id, evidence)
    marked = dataclasses.replace(contact, contradicted_at=now_ms)
    desk.put_contact(marked)
    desk.tell(contacts.contradiction(marked))


def _take(desk: Desk, peer: Peer, candidate: SignedDeviceList, now_ms: int) -> None:
    newest = peer.newest_list
    if newest is None:
        _accept(desk, peer, check_first_contact(candidate, peer.name), now_ms)
    elif candidate.device_list.version > newest.device_list.version:
        _accept(desk, peer, check_successor(newest, candidate, peer.seen), now_ms)
    else:
        # Not signed, it is no evidence against anybody.
        repeated = check_first_contact(candidate, peer.name)
        for known in peer.known:
            if known.version == candidate.device_list.version and not hmac.compare_digest(
                known.digest, repeated.digest
            ):
                contradict(desk, peer.name, known, candidate.encode(), now_ms)


def _accept(desk: Desk, peer: Peer, accepted: AcceptedDeviceList, now_ms: int) -> None:
    device_list, encoded = accepted.device_list, accepted.signed.encode()
    identity = device_list.identity_key.raw
    contact = desk.contact(peer.name) or contacts.pin(desk, peer.name, peer.user_id, identity, now_ms)
    is_pinned = contacts.is_pinned(contact, peer.user_id, identity)
    _compare_devices(desk, peer, accepted, is_pinned=is_pinned)
    known = (*peer.known, KnownVersion(device_list.version, accepted.digest))[-_KNOWN_VERSIONS:]
    seen = tuple(dict.fromkeys((*peer.seen, *device_list.seen_devices())))
    if len(seen) > MAX_DEVICES_EVER:
        raise DeviceListError(f"{peer.name} has had more than {MAX_DEVICES_EVER} devices, which nobody has.")
    if is_pinned:
        kept = dataclasses.replace(peer, accepted=encoded, shown=b"", known=known, seen=seen)
        contacts.show_pinned_key(desk, contact)
    else:
        kept = dataclasses.replace(peer, shown=encoded, known=known, seen=seen)
        contacts.show_other_key(desk, contact, peer.user_id, identity, now_ms)
    desk.put_peer(kept)


def _compare_devices(desk: Desk, peer: Peer, accepted: AcceptedDeviceList, *, is_pinned: bool) -> None:
    """Destroy what is kept for devices that are gone; those under the pinned identity stay until another is taken."""
    before = _numbers(peer.accepted_list) if is_pinned else set()
    new = _numbers(accepted)
    replaces = not before & new
    lost = maybe_lost(desk, peer.name, peer.user_id, before) if replaces else None
    for device_id in (before | _numbers(peer.shown_list)) - new:
        desk.forget_device(peer.user_id, device_id)
    if before and new - before:
        desk.tell(NewDevice(peer.name, replaces))
    if lost is not None:
        desk.tell(lost)


def _version(desk: Desk, user_id: bytes) -> int:
    peer = desk.peer(user_id)
    return 0 if peer is None else peer.version


def _numbers(devices: AcceptedDeviceList | None) -> set[int]:
    return set() if devices is None else {device.device_id for device in devices.device_list.devices}
