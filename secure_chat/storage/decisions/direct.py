"""Direct messages: a send is taken whole or not at all, once however often it comes; an acknowledgement ends the bytes.

PROTOCOL.md 24. The envelopes are bytes here: nothing in the server can read them.
"""

import hmac
from hashlib import sha256

from secure_chat.errors import ClientIdReused, DirectMismatch, UserDisabled, UserUnknown
from secure_chat.limits import MAILBOX_ENVELOPES_PER_SENDER, MAILBOXES_BYTES_PER_SENDER
from secure_chat.protocol.codec import encode
from secure_chat.protocol.events import DirectEnvelope
from secure_chat.storage.draft import Draft, Lane
from secure_chat.storage.entries import AcknowledgeDirect, OutgoingPart, SendDirect
from secure_chat.storage.mail import DIGEST_BYTES
from secure_chat.storage.outcomes import DirectFull, DirectStale, DirectTaken, MailGone, Settled
from secure_chat.storage.queries import people as queries
from secure_chat.storage.sent_envelopes import SentEnvelope
from secure_chat.storage.state import Account


def send(entry: SendDirect, draft: Draft) -> DirectTaken | DirectStale | DirectFull:
    """Into the mailboxes of all devices that get an envelope; envelopes that were taken before are not taken again."""
    key = (entry.account, entry.device, entry.user_id)
    lane = draft.lanes.get(key)
    name = draft.acting_device(entry.account, entry.device).name if lane is None else lane.name
    new, first = _without_repeats(entry, draft)
    if first is not None and not new:
        return DirectTaken(first.time)
    if lane is None:
        lane = draft.lanes[key] = _lane(entry, draft, name)
    if not _is_complete(entry, lane):
        return DirectStale(entry.user_id, (_newest_list(draft, lane.recipient),))
    full = _full(entry, new, lane, draft)
    if full:
        return DirectFull(full)
    if new:
        mail, now, account = draft.changes_mail(), draft.now_ms, lane.recipient
        device = (entry.account, entry.device)
        for part, digest in new:
            envelope = part.envelope
            frame = encode(DirectEnvelope(envelope, now, name))
            mail.put(device, (account, part.device), part.envelope_id, envelope, digest, frame)
        mail.note_written(entry.account, account)
    return DirectTaken(draft.now_ms)


def acknowledge(entry: AcknowledgeDirect, draft: Draft) -> Settled:
    """What the device has on its disk goes; what does not wait is passed over."""
    draft.acting_device(entry.account, entry.device)
    draft.changes_mail().remove((entry.account, entry.device), entry.envelope_ids)
    draft.announce(MailGone(entry.account, entry.device, entry.envelope_ids))
    return Settled()


def reachable(draft: Draft, user_id: bytes) -> Account:
    """The account of that user id, if something can be sent to it. Raises `UserUnknown`, `UserDisabled`."""
    account = draft.account_of_user(user_id)
    if account is None:
        raise UserUnknown
    if account.deleted:
        raise UserUnknown("This account was deleted.")
    if not account.enabled:
        raise UserDisabled
    return account


def _without_repeats(entry: SendDirect, draft: Draft) -> tuple[list[tuple[OutgoingPart, bytes]], SentEnvelope | None]:
    """Envelopes that have not been taken, with their digests; and one that has been. Raises `ClientIdReused`."""
    new: list[tuple[OutgoingPart, bytes]] = []
    first: SentEnvelope | None = None
    sender = (entry.account, entry.device)
    for part in entry.parts:
        if not part.envelope:
            continue
        digest = sha256(part.envelope).digest()[:DIGEST_BYTES]
        sent = draft.mail.sent(sender, part.envelope_id)
        if sent is None:
            new.append((part, digest))
        elif hmac.compare_digest(sent.digest, digest):
            first = first or sent
        else:
            raise ClientIdReused("The same envelope id came before with another content.")
    if len(new) > 1 and len({part.envelope_id for part, _ in new}) < len(new):
        raise DirectMismatch("Two envelopes of this message have one id.")
    return new, first


def _lane(entry: SendDirect, draft: Draft, name: str) -> Lane:
    """Whom this is for. A device writes itself nothing. Raises `UserUnknown`, `UserDisabled`."""
    recipient = reachable(draft, entry.user_id).number
    devices = draft.listed(recipient)
    if recipient == entry.account:
        devices = tuple([device for device in devices if device != entry.device])
    return Lane(name, recipient, devices)


def _is_complete(entry: SendDirect, lane: Lane) -> bool:
    """Whether there is one part for each device of the newest list, and no other."""
    parts = entry.parts
    if len(parts) == 1:
        return (parts[0].device,) == lane.devices
    return tuple(sorted([part.device for part in parts])) == lane.devices


def _full(entry: SendDirect, new: list[tuple[OutgoingPart, bytes]], lane: Lane, draft: Draft) -> tuple[int, ...]:
    """The devices that take no more of this sender's account, whichever device it has now."""
    mail, sender = draft.mail, entry.account
    if mail.bytes_of(sender) >= MAILBOXES_BYTES_PER_SENDER:
        return tuple([part.device for part, _ in new])
    full: tuple[int, ...] = ()
    for part, _ in new:
        if mail.waiting((lane.recipient, part.device), sender) >= MAILBOX_ENVELOPES_PER_SENDER:
            full = (*full, part.device)
    return full


def _newest_list(draft: Draft, account: int) -> bytes:
    facts = draft.one(queries.LOGIN_FACTS, account=account)
    if facts is None:
        raise UserUnknown
    device_list: bytes = facts[3]
    return device_list
