"""What waits to be sent to one person, in the order in which it was said; PROTOCOL.md 24.3."""

import dataclasses

from secure_chat.client.direct.contacts import held_messages
from secure_chat.client.direct.conversations import add_row
from secure_chat.client.direct.desk import Desk
from secure_chat.client.direct.events import DirectMessage, MessageKind, Trust
from secure_chat.client.direct.records import LateEnvelope, Outgoing, StoredMessage
from secure_chat.client.direct.sealing import FULL
from secure_chat.e2ee.bodies import AckBody, TextBody, parse_body
from secure_chat.e2ee.content import MESSAGE_ID_BYTES, Kind
from secure_chat.e2ee.device_keys import Randomness, identifier
from secure_chat.errors import TooManyWaiting
from secure_chat.limits import MAX_WAITING_DIRECTS
from secure_chat.protocol.commands import DirectPart


def add_text(desk: Desk, name: str, text: str, random: Randomness, now_ms: int) -> Outgoing:
    """Put a text at the end of the queue. Raises `TooManyWaiting`, and `EncodingError` for what is no text."""
    if held_messages(desk, name) >= MAX_WAITING_DIRECTS:
        raise TooManyWaiting(f"{MAX_WAITING_DIRECTS:,} messages to {name} wait already; this one was not taken.")
    return _add(desk, name, Kind.TEXT, TextBody(ref=None, text=text).encode(), random, now_ms)


def add_ack(
    desk: Desk, name: str, device_id: int, random: Randomness, now_ms: int, *, opens_session: bool = False
) -> Outgoing:
    """Put an empty message for one device there, which makes no row anywhere."""
    ack = _add(desk, name, Kind.ACK, AckBody().encode(), random, now_ms)
    ack = dataclasses.replace(ack, device_id=device_id, opens_session=opens_session)
    desk.put_outgoing(name, ack)
    return ack


def text_of(outgoing: Outgoing) -> str:
    """What was typed; empty for what nobody typed."""
    body = parse_body(outgoing.kind, outgoing.body)
    return body.text if isinstance(body, TextBody) else ""


def held_texts(desk: Desk, name: str) -> tuple[str, ...]:
    """What was said to somebody and is kept, in order, because the key has changed."""
    contact = desk.contact(name)
    if contact is None or contact.state is not Trust.CHANGED:
        return ()
    return tuple(text_of(outgoing) for outgoing in desk.outgoing(name) if outgoing.kind == Kind.TEXT)


def accepted(desk: Desk, name: str, outgoing: Outgoing, time: int) -> DirectMessage | None:
    """The server has it: a text gets its row, and what a full device has not got waits further."""
    desk.delete_outgoing(name, outgoing.number)
    for part, asked in zip(outgoing.parts, request_parts(outgoing), strict=True):
        if part.envelope and not asked.envelope:
            late = LateEnvelope(name, outgoing.user_id, part.device_id, part.envelope)
            desk.put_late_envelope(outgoing.number, late)
    if outgoing.kind != Kind.TEXT:
        return None
    contact = desk.contact(name)
    row = StoredMessage(
        own=True,
        kind=MessageKind.TEXT,
        time=time,
        sent_at=outgoing.sent_at,
        trust=Trust.UNVERIFIED if contact is None else contact.state,
        text=text_of(outgoing),
        msg_id=outgoing.msg_id,
        seq=outgoing.seq,
        prev=outgoing.prev,
    )
    return add_row(desk, name, row)


def refused(desk: Desk, name: str, outgoing: Outgoing) -> None:
    """Nobody has it, and it will not be sent: its number in the conversation is free again."""
    desk.delete_outgoing(name, outgoing.number)
    conversation = desk.conversation(name)
    if outgoing.seq and outgoing.seq == conversation.seq:
        desk.put_conversation(dataclasses.replace(conversation, seq=outgoing.seq - 1, prev=outgoing.prev))


def request_parts(outgoing: Outgoing) -> list[DirectPart]:
    """What the server is asked to take. A full device is tried again when there is no other."""
    others = any(part.envelope and part.omitted != FULL for part in outgoing.parts)
    return [
        DirectPart(part.device_id, omitted=part.omitted)
        if not part.envelope or (part.omitted == FULL and others)
        else DirectPart(part.device_id, part.envelope)
        for part in outgoing.parts
    ]


def _add(desk: Desk, name: str, kind: Kind, body: bytes, random: Randomness, now_ms: int) -> Outgoing:
    conversation = desk.conversation(name)
    number = conversation.queued + 1
    desk.put_conversation(dataclasses.replace(conversation, queued=number))
    outgoing = Outgoing(number, kind, body, identifier(random, MESSAGE_ID_BYTES), now_ms)
    desk.put_outgoing(name, outgoing)
    return outgoing
