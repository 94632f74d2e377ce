"""What an opened message is and does: a row, an acknowledgement, something that a newer version knows.

PROTOCOL.md 23.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from secure_chat.client.direct.conversations import add_row
from secure_chat.client.direct.desk import Desk
from secure_chat.client.direct.device_lists import contradict, note_digest
from secure_chat.client.direct.events import DirectHeard, MessageKind, Trust
from secure_chat.client.direct.own import Own
from secure_chat.client.direct.records import KnownVersion, Peer, StoredMessage
from secure_chat.client.events import Told
from secure_chat.e2ee.bodies import TextBody, parse_body
from secure_chat.e2ee.content import Content, Kind
from secure_chat.e2ee.envelope import Envelope
from secure_chat.errors import EncodingError, KindMisplaced, PeerIsBehind
from secure_chat.limits import LIST_CHANGE_SECONDS, MAX_SENT_AHEAD_SECONDS, MAX_SENT_BEFORE_SECONDS

_OWN_DEVICES_ONLY: Final = range(16, 32)  # kinds that one's other devices send, and nobody else
_SILENT: Final = (Kind.SESSION_CLOSE, Kind.ACK)
_NO_SENSE: Final = "its content makes no sense"


@dataclass(frozen=True, slots=True)
class Received:
    """Where an opened message comes from."""

    envelope: Envelope
    time: int  # the server's, milliseconds since 1970 UTC
    late: bool
    peer: Peer
    trust: Trust
    key: bytes = b""  # its fingerprint (16), when nobody has accepted it


class Contents:
    """Puts what was opened in its place."""

    def __init__(self, own: Own, now_ms: Callable[[], int]) -> None:
        self._own = own
        self._now_ms = now_ms
        self._behind: set[bytes] = set()  # users of whom it was said that they do not know the own newest list

    def take(self, desk: Desk, received: Received, content: Content) -> None:
        """Act on one content, and keep what is to be shown."""
        if received.trust is not Trust.QUARANTINED:
            self._compare_lists(desk, received, content)
        if content.kind in _SILENT:
            return
        if content.kind in _OWN_DEVICES_ONLY:
            error = KindMisplaced(
                f"{received.peer.name} sent what only a person's own devices may send. It was dropped."
            )
            desk.tell(Told(error))
            return
        if content.expire_s and content.sent_at + content.expire_s * 1000 <= self._now_ms():
            return
        kind, text, reason = _shown_as(content)
        message = StoredMessage(
            own=False,
            kind=kind,
            time=received.time,
            sent_at=content.sent_at,
            trust=received.trust,
            text=text,
            reason=reason,
            doubtful_time=self._is_doubtful(content.sent_at),
            msg_id=content.msg_id,
            env_id=received.envelope.env_id if kind is MessageKind.UNREADABLE else b"",
            device_id=received.envelope.sender.device_id,
            key=received.key,
            seq=content.seq,
            prev=content.prev,
            content=b"" if kind is MessageKind.TEXT else content.encode(),
        )
        desk.tell(DirectHeard(add_row(desk, received.peer.name, message), received.late))

    def _is_doubtful(self, sent_at: int) -> bool:
        age = self._now_ms() - sent_at
        return not -MAX_SENT_AHEAD_SECONDS * 1000 <= age <= MAX_SENT_BEFORE_SECONDS * 1000

    def _compare_lists(self, desk: Desk, received: Received, content: Content) -> None:
        """`dl`: which lists the sender goes by. Another hash of a known version is evidence."""
        view, now = content.lists, self._now_ms()
        peer = desk.peer(received.peer.user_id) or received.peer
        note_digest(desk, peer, view.sender_version, view.sender_digest, now)
        if view.sender_version > peer.version:
            desk.wanted_lists.add(peer.user_id)
        own = self._own
        same_digest = hmac.compare_digest(view.recipient_digest, own.devices.digest)
        if view.recipient_version == own.version and not same_digest:
            known = KnownVersion(own.version, own.devices.digest)
            contradict(desk, peer.name, known, view.recipient_digest, now)
        changed_at = own.devices.device_list.created
        if view.recipient_version < own.version and now > changed_at + LIST_CHANGE_SECONDS * 1000:
            if peer.user_id not in self._behind:
                self._behind.add(peer.user_id)
                desk.tell(Told(PeerIsBehind(f"{peer.name} does not know your newest device yet.")))


def _shown_as(content: Content) -> tuple[MessageKind, str, str]:
    """Kind of row, text, and what is wrong with it."""
    if content.kind != Kind.TEXT or content.group is not None:
        return MessageKind.UNKNOWN, "", ""
    try:
        body = parse_body(content.kind, content.body)
    except EncodingError:
        return MessageKind.UNREADABLE, "", _NO_SENSE
    return MessageKind.TEXT, body.text if isinstance(body, TextBody) else "", ""
