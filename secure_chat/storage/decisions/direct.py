"""Direct messages: a send is taken whole or not at all, once however often it comes; an acknowledgement ends the bytes.

PROTOCOL.md 24. The envelopes are bytes here: nothing in the server can read them.
"""

import hashlib
import hmac

from secure_chat.errors import ClientIdReused, DirectMismatch, UserDisabled, UserUnknown
from secure_chat.limits import MAILBOX_ENVELOPES_PER_SENDER
from secure_chat.protocol.codec import encode
from secure_chat.protocol.events import DirectEnvelope
from secure_chat.storage.draft import Draft
from secure_chat.storage.entries import AcknowledgeDirect, OutgoingPart, SendDirect
from secure_chat.storage.mail import DIGEST_BYTES, SentEnvelope
from secure_chat.storage.outcomes import DirectFull, DirectStale, DirectTaken, MailArrived, MailGone, Settled
from secure_chat.storage.queries import people as queries
from secure_chat.storage.state import Account


def send(entry: SendDirect, draft: Draft) -> DirectTaken | DirectStale | DirectFull:
    """Into the mailboxes of all devices that get an envelope; envelopes that were taken before are not taken again."""
    sender = draft.acting_device(entry.account, entry.device)
    new, first = _without_repeats(entry, draft)
    if first is not None and not new:
        return DirectTaken(first.time)
    recipient = reachable(draft, entry.user_id)
    if sorted([part.device for part in entry.parts]) != _addressed(entry, draft, recipient):
        return DirectStale(entry.user_id, (_newest_list(draft, recipient),))
    device, account, waiting = (entry.account, entry.device), recipient.number, draft.mail.waiting
    full = [part.device for part, _ in new if waiting((account, part.device), device) >= MAILBOX_ENVELOPES_PER_SENDER]
    if full:
        return DirectFull(tuple(full))
    if new:
        mail, now, name = draft.changes_mail(), draft.now_ms, sender.name
        for part, digest in new:
            envelope, envelope_id = part.envelope, part.envelope_id
            frame = encode(DirectEnvelope(envelope, now, name))
            mail_id = mail.put(device, (account, part.device), envelope_id, digest, len(envelope), frame)
            draft.announce(MailArrived(account, part.device, mail_id, envelope_id, frame))
        mail.note_written(entry.account, account)
    return DirectTaken(draft.now_ms)


def acknowledge(entry: AcknowledgeDirect, draft: Draft) -> Settled:
    """What the device has on its disk goes; what does not wait is passed over."""
    draft.acting_device(entry.account, entry.device)
    mail = draft.changes_mail()
    for envelope_id in entry.envelope_ids:
        mail.remove((entry.account, entry.device), envelope_id)
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
    for part in entry.parts:
        if not part.envelope:
            continue
        digest = hashlib.blake2b(part.envelope, digest_size=DIGEST_BYTES).digest()
        sent = draft.mail.sent(entry.account, entry.device, part.envelope_id)
        if sent is None:
            new.append((part, digest))
        elif hmac.compare_digest(sent.digest, digest):
            first = first or sent
        else:
            raise ClientIdReused("The same envelope id came before with another content.")
    if len(new) > 1 and len({part.envelope_id for part, _ in new}) < len(new):
        raise DirectMismatch("Two envelopes of this message have one id.")
    return new, first


def _addressed(entry: SendDirect, draft: Draft, recipient: Account) -> list[int]:
    """The devices that a message to this account must have a part for, ascending; a device writes itself nothing."""
    devices = draft.listed(recipient.number)
    if recipient.number != entry.account:
        return list(devices)
    return [device for device in devices if device != entry.device]


def _newest_list(draft: Draft, account: Account) -> bytes:
    facts = draft.one(queries.LOGIN_FACTS, account=account.number)
    if facts is None:
        raise UserUnknown
    device_list: bytes = facts[3]
    return device_list
