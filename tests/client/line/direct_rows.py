"""Rows of conversations and contacts as the client tells them, for tests."""

from secure_chat.client.direct.events import ContactRow, DirectHeard, DirectMessage, MessageKind, Trust
from secure_chat.client.ticket import Ticket
from tests.client.line.person import TEN


def row(
    text: str,
    *,
    peer: str = "bob",
    number: int = 1,
    own: bool = False,
    at: int = TEN,
    kind: MessageKind = MessageKind.TEXT,
    trust: Trust = Trust.UNVERIFIED,
    reason: str = "",
    sent_at: int | None = None,
    doubtful: bool = False,
) -> DirectMessage:
    sent = at if sent_at is None else sent_at
    return DirectMessage(peer, number, own, kind, text, at, sent, trust, reason, doubtful)


def heard_row(message: DirectMessage, *, late: bool = False, ticket: Ticket | None = None) -> DirectHeard:
    return DirectHeard(message, late, ticket)


def contact(
    name: str, *, state: Trust = Trust.UNVERIFIED, held: int = 0, unread: int = 0, last: int = TEN
) -> ContactRow:
    return ContactRow(name, state, held, unread, last)
