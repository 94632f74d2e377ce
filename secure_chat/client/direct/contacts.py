"""Contacts: the identity that belongs to a name, how far it is trusted, and what a person decides about it.

PROTOCOL.md 26. The first valid identity is pinned. Another one, or another user id under the name, is a key change:
it is remembered as shown, and nothing is encrypted to it before a person has accepted exactly it.
"""

import dataclasses
import hashlib
import hmac
from typing import Final

from secure_chat.client.direct.arrivals import maybe_lost
from secure_chat.client.direct.desk import Desk
from secure_chat.client.direct.events import ContactPinned, ContactVerified, KeyIsChanged, KeyIsContradicted, Trust
from secure_chat.client.direct.records import Contact, Conversation, Peer, ShownKey
from secure_chat.client.vault.transaction import Transaction
from secure_chat.directory.device_list import AcceptedDeviceList
from secure_chat.e2ee.content import Kind
from secure_chat.errors import KeyChanged, KeyChangedAgain, KeyContradicted, KeyNotChanged

FINGERPRINT_BYTES: Final = 16
_ACCEPTED_KEYS: Final = 256  # fingerprints kept of one contact; nobody accepts so many in a life

BY_NUMBER: Final = "number"
BY_INVITE: Final = "invite"


def fingerprint(user_id: bytes, identity_key: bytes) -> bytes:
    """16 bytes that name an identity between this client and its own screen; nobody else ever sees them."""
    return hashlib.sha256(user_id + identity_key).digest()[:FINGERPRINT_BYTES]


def fingerprint_shown(contact: Contact) -> bytes:
    """Of the key that the contact shows now, accepted or not."""
    key = contact.shown or contact
    return fingerprint(key.user_id, key.identity_key)


def trust_now(contact: Contact, at_arrival: Trust, key: bytes) -> Trust:
    """How far what has come is trusted now. `key`: the fingerprint of the one that it was quarantined for."""
    if at_arrival is not Trust.QUARANTINED or not any(hmac.compare_digest(key, each) for each in contact.accepted):
        return at_arrival
    is_pinned_now = hmac.compare_digest(key, fingerprint(contact.user_id, contact.identity_key))
    return Trust.VERIFIED if is_pinned_now and contact.verified else Trust.UNVERIFIED


def why_held(contact: Contact) -> KeyChanged | KeyContradicted | None:
    """Why nothing is sent to this contact; None: nothing stands in the way."""
    if contact.contradicted_at:
        return _contradicted(contact)
    if contact.shown is not None:
        name = contact.name
        hint = f"compare: /verify {name} · accept: /trust {name} · drop: /discard {name}"
        return KeyChanged(f"{name} has a new key. Message kept, not sent.", hint=hint)
    return None


def contradiction(contact: Contact) -> KeyIsContradicted:
    """What is told of a contact of whom two device lists were shown."""
    return KeyIsContradicted(contact.name, _contradicted(contact), contact.verified, fingerprint_shown(contact))


def _contradicted(contact: Contact) -> KeyContradicted:
    return KeyContradicted(f"The server has shown two different device lists of {contact.name}. Nothing is sent.")


def held_messages(desk: Desk, name: str) -> int:
    """How many texts wait for this person."""
    return sum(outgoing.kind == Kind.TEXT for outgoing in desk.outgoing(name))


def accepted_devices(desk: Desk, contact: Contact) -> AcceptedDeviceList | None:
    """The devices that may be written to: of the newest list under exactly the pinned identity; None: there is none."""
    peer = desk.peer(contact.user_id)
    devices = None if peer is None else peer.accepted_list
    if devices is None or not is_pinned(contact, contact.user_id, devices.device_list.identity_key.raw):
        return None
    return devices


# --- what a device list shows --------------------------------------------------------------------


def pin(desk: Desk, name: str, user_id: bytes, identity_key: bytes, now_ms: int) -> Contact:
    """First contact: keep this identity for this name."""
    contact = Contact(name, user_id, identity_key, now_ms)
    desk.put_contact(contact)
    desk.tell(ContactPinned(name))
    return contact


def is_pinned(contact: Contact, user_id: bytes, identity_key: bytes) -> bool:
    """Whether this is the contact's identity."""
    return contact.user_id == user_id and hmac.compare_digest(contact.identity_key, identity_key)


def show_other_key(
    desk: Desk, contact: Contact, user_id: bytes, identity_key: bytes, now_ms: int, *, by_invite: bool = False
) -> None:
    """The server, or (`by_invite`) who has proved an invite, shows another identity for this name."""
    shown = contact.shown
    by_invite = by_invite or (shown is not None and shown.by_invite)
    if shown is not None and shown.user_id == user_id and hmac.compare_digest(shown.identity_key, identity_key):
        if by_invite != shown.by_invite:
            desk.put_contact(dataclasses.replace(contact, shown=dataclasses.replace(shown, by_invite=True)))
        return
    changed = dataclasses.replace(contact, shown=ShownKey(user_id, identity_key, now_ms, by_invite))
    desk.put_contact(changed)
    held = held_messages(desk, contact.name)
    desk.tell(KeyIsChanged(contact.name, now_ms, contact.verified, held, fingerprint_shown(changed)))


def show_pinned_key(desk: Desk, contact: Contact) -> None:
    """The server shows the pinned identity (again). That is no answer to a proof that it is another's."""
    if contact.shown is not None and not contact.shown.by_invite:
        desk.put_contact(dataclasses.replace(contact, shown=None))


# --- what a person decides -----------------------------------------------------------------------


def accept_shown(desk: Desk, contact: Contact, seen: bytes = b"") -> Contact:
    """Take the key that is shown as this contact's. `seen`: fingerprint of the one that the person was shown.

    Raises `KeyNotChanged`, or `KeyChangedAgain` when it is another one by now.
    """
    if contact.state is not Trust.CHANGED:
        raise KeyNotChanged(f"{contact.name}'s key has not changed.")
    if seen and not hmac.compare_digest(seen, fingerprint_shown(contact)):
        raise KeyChangedAgain(f"{contact.name}'s key has changed again since it was shown. Nothing was accepted.")
    if contact.shown is None:
        accepted = dataclasses.replace(contact, contradicted_at=0)
    else:
        accepted = _accept_other(desk, contact, contact.shown)
    if contact.contradicted_at:
        _begin_chain_anew(desk, accepted.user_id)
    desk.put_contact(accepted)
    return accepted


def mark_verified(desk: Desk, contact: Contact, by: str) -> None:
    """The key that this contact shows now is the right one: somebody compared it."""
    if contact.state is Trust.CHANGED:
        contact = accept_shown(desk, contact)
    desk.put_contact(dataclasses.replace(contact, verified=True))
    desk.tell(ContactVerified(contact.name, by))


def verify_by_invite(transaction: Transaction, name: str, user_id: bytes, identity_key: bytes, now_ms: int) -> Trust:
    """An invite's proof says whose key this is: pin it as verified, or verify the pinned one.

    `CHANGED`: another one is pinned; then nothing is verified, and what the proof says is shown as the changed key.
    """
    desk = Desk(transaction)
    contact = desk.contact(name) or Contact(name, user_id, identity_key, now_ms)
    if is_pinned(contact, user_id, identity_key):
        contact = dataclasses.replace(contact, verified=True)
        desk.put_contact(contact)
    else:
        show_other_key(desk, contact, user_id, identity_key, now_ms, by_invite=True)
    desk.write()
    found = desk.contact(name)
    return Trust.CHANGED if found is None else found.state


def state_of(transaction: Transaction, name: str) -> Trust | None:
    """How far a contact's key is trusted; None: nobody of that name is pinned."""
    contact = Desk(transaction).contact(name)
    return None if contact is None else contact.state


def _accept_other(desk: Desk, contact: Contact, shown: ShownKey) -> Contact:
    before, now = desk.peer(contact.user_id), desk.peer(shown.user_id)
    keeps = _devices(now.shown_list) if now is not None else set()
    if before is not None:
        devices = _devices(before.accepted_list)
        if shown.user_id == contact.user_id and not devices & keeps:
            lost = maybe_lost(desk, contact.name, contact.user_id, devices)
            if lost is not None:
                desk.tell(lost)
        for device_id in devices:
            if shown.user_id != contact.user_id or device_id not in keeps:
                desk.forget_device(contact.user_id, device_id)
    if shown.user_id != contact.user_id:
        if before is not None:
            desk.put_peer(dataclasses.replace(before, accepted=b"", shown=b""))
        _begin_conversation_anew(desk, contact.name)
    if now is not None and now.shown:
        desk.put_peer(dataclasses.replace(now, accepted=now.shown, shown=b""))
    accepted = (*contact.accepted, fingerprint_shown(contact))[-_ACCEPTED_KEYS:]
    return Contact(contact.name, shown.user_id, shown.identity_key, shown.since, accepted=accepted)


def _begin_conversation_anew(desk: Desk, name: str) -> None:
    """Another user has the name: what is counted between two users begins at 1."""
    desk.put_conversation(dataclasses.replace(desk.conversation(name), seq=0, prev=Conversation(name).prev))


def _begin_chain_anew(desk: Desk, user_id: bytes) -> None:
    """A person's word ends a contradiction: the newest list counts as at first contact."""
    peer = desk.peer(user_id)
    if peer is not None:
        desk.put_peer(Peer(user_id, peer.name))


def _devices(accepted: AcceptedDeviceList | None) -> set[int]:
    return set() if accepted is None else {device.device_id for device in accepted.device_list.devices}
