"""What other threads have decided, applied to the connections of one I/O thread: announcements and answers."""

import logging
import time
from collections.abc import Sequence
from typing import Final

from secure_chat.errors import ChatError
from secure_chat.limits import MAX_FRAME_BYTES
from secure_chat.protocol.codec import encode
from secure_chat.protocol.events import SessionReplaced
from secure_chat.protocol.states import State
from secure_chat.server.closing import Closing
from secure_chat.server.connection import Connection
from secure_chat.server.connections import Connections
from secure_chat.server.credits import Backlog, Credits
from secure_chat.server.deadlines import Durations
from secure_chat.server.delivery import Delivery
from secure_chat.server.items import Announcement, Answer, Disconnected, Limited, MailPage, Reply
from secure_chat.server.mailboxes import Mailboxes
from secure_chat.server.replies import welcome
from secure_chat.server.requests import Requests
from secure_chat.server.session import Session
from secure_chat.storage.outcomes import (
    Change,
    InviteWasUsed,
    LoggedIn,
    MailArrived,
    MailGone,
    MembershipBegan,
    MembershipEnded,
    Opened,
    PrekeysRunLow,
    Refused,
    SessionsEnded,
)

logger: Final = logging.getLogger(__name__)

_CLOSING: Final = State.CLOSING  # to look a member up in its Enum costs as much as a call
_OF_MEMBERS: Final[frozenset[type]] = frozenset({MembershipBegan, MembershipEnded})


class Applying:
    """Applies items to connections. `disconnected` is what the journal must hear at the end of the turn."""

    __slots__ = (
        "_backlog",
        "_closing",
        "_connections",
        "_credits",
        "_delivery",
        "_durations",
        "_mailboxes",
        "_requests",
        "disconnected",
    )

    def __init__(
        self,
        connections: Connections,
        delivery: Delivery,
        mailboxes: Mailboxes,
        closing: Closing,
        requests: Requests,
        credits_: Credits,
        backlog: Backlog,
        durations: Durations,
    ) -> None:
        self._connections = connections
        self._delivery = delivery
        self._mailboxes = mailboxes
        self._closing = closing
        self._requests = requests
        self._credits = credits_
        self._backlog = backlog
        self._durations = durations
        self.disconnected: list[Disconnected] = []

    # --- from the journal --------------------------------------------------------------------------

    def announcement(self, announcement: Announcement, now: float) -> None:
        """One commit. Memberships end first, so that nothing opened in the same commit outlives its end."""
        ends = self._end_memberships(announcement.changes)
        if announcement.replies:
            self._replies(announcement, ends, now)
        for room, blobs in announcement.appended.items():
            self._delivery.append(room, blobs)
        for serial in announcement.replaced:
            connection = self._connections.by_serial.get(serial)
            if connection is not None:
                self._closing.begin(connection, encode(SessionReplaced()), "session.replaced", now)
        for change in announcement.changes:
            self._change(change, now)
        for notice in announcement.notices:
            self._delivery.notify(notice)

    def _end_memberships(self, changes: Sequence[Change]) -> dict[tuple[str, int], int]:
        """Returns (room, account) of those that are no members after this commit, with their last number."""
        ends: dict[tuple[str, int], int] = {}
        for change in changes:
            if type(change) not in _OF_MEMBERS:
                continue
            if isinstance(change, MembershipEnded):
                ends[change.room, change.account] = change.number
                connections = self._connections.by_account.get(change.account, ())
                self._delivery.end_membership(connections, change.room, change.number)
            elif isinstance(change, MembershipBegan):
                ends.pop((change.room, change.account), None)
        return ends

    def _change(self, change: Change, now: float) -> None:
        """What is no membership, in order, once the replies are said: a welcome comes before the mail after it."""
        match change:
            case MailArrived():
                self._mailboxes.arrived(change)
            case MailGone():
                self._mailboxes.gone(change)
            case PrekeysRunLow():
                self._mailboxes.prekeys_low(change)
            case InviteWasUsed():
                self._mailboxes.invite_used(change)
            case SessionsEnded():
                self._end_sessions(change, now)

    def _replies(self, announcement: Announcement, ends: dict[tuple[str, int], int], now: float) -> None:
        by_serial, give_entry, say = self._connections.by_serial, self._credits.give_entry, self._delivery.say
        decided = 0
        for reply in announcement.replies:
            connection = by_serial.get(reply.serial)
            decided += reply.count
            give_entry(connection, reply.size, reply.count)
            if connection is None or connection.closing is not None or connection.gone:
                if isinstance(reply.outcome, LoggedIn):
                    self._leave(reply.serial, reply.outcome)
            elif reply.outcome is None:
                say(connection, reply.frames)
                if connection.state is _CLOSING:
                    self._closing.begin(connection, b"", "logged out", now)
            elif isinstance(reply.outcome, Opened):
                say(connection, reply.frames)
                self._open(connection, reply.outcome, announcement, ends)
            elif isinstance(reply.outcome, LoggedIn):
                self._log_in(connection, reply, reply.outcome, now)
            elif isinstance(reply.outcome, Refused):
                self._refused(connection, reply, reply.outcome, now)
        self._backlog.decided(decided, announcement.seconds)

    def _open(
        self,
        connection: Connection,
        opened: Opened,
        announcement: Announcement,
        ends: dict[tuple[str, int], int],
    ) -> None:
        blobs = announcement.appended.get(opened.room)
        end = blobs[0].first - 1 if blobs else opened.head
        self._delivery.open(connection, opened, end, ends.get((opened.room, opened.account)))

    def _log_in(self, connection: Connection, reply: Reply, outcome: LoggedIn, now: float) -> None:
        if connection.state is not State.AUTHENTICATING:
            self._leave(reply.serial, outcome)
            return
        time_ms = time.time_ns() // 1_000_000
        connection.session = Session(outcome.account, outcome.device, outcome.user_id, outcome.name, outcome.role)
        connection.state = State.READY
        connection.limited = None
        connection.frames.cap = MAX_FRAME_BYTES
        connection.since = time_ms
        connection.state_since = connection.input_at = now
        self._connections.enter_account(connection, outcome.account)
        self._connections.watch(connection, now + self._durations.idle)
        self._delivery.say(connection, welcome(reply.id, outcome, _token(connection, reply), time_ms))
        connection.nonce = b""  # never needed again
        self._mailboxes.begin(connection, outcome.device, has_mail=outcome.has_mail)
        logger.info("%s has logged in from %s as device %08x", outcome.name, connection.address, outcome.device)

    def _leave(self, serial: int, outcome: LoggedIn) -> None:
        """The connection did not live to see its login."""
        self.disconnected.append(Disconnected(serial, outcome.account, outcome.device))

    def _refused(self, connection: Connection, reply: Reply, outcome: Refused, now: float) -> None:
        _token(connection, reply)
        if connection.state in (State.AUTHENTICATING, State.CLOSING):
            self._closing.begin(connection, reply.frames, outcome.error.code, now)
            return
        self._delivery.say(connection, reply.frames)
        if outcome.log_id:
            self._requests.count_internal(connection, now)

    def _end_sessions(self, change: SessionsEnded, now: float) -> None:
        for connection in self._connections.by_account.get(change.account, ()):
            session = connection.session
            if session is None or session.device == change.except_device:
                continue
            if change.device is None or session.device == change.device:
                self._closing.fail(connection, change.error, now)

    # --- from the reader and the pool --------------------------------------------------------------

    def answer(self, answer: Answer, now: float) -> None:
        """What the reader or the pool has found for a request."""
        connection, result = self._connections.by_serial.get(answer.serial), answer.result
        if isinstance(result, MailPage):  # nobody asked for it: it costs no credit and nobody's rate
            self._mailboxes.answered(connection, result.rows, now)
            return
        if answer.seconds:
            self._requests.charge_read(answer.account, answer.seconds, now)
        if connection is None or connection.gone:
            return
        self._credits.give_read(connection)
        if connection.closing is not None:
            return
        if isinstance(result, ChatError):
            self._requests.refuse(connection, answer.id, result, connection.state is State.AUTHENTICATING, now)
        elif isinstance(result, Limited):
            self._limit(connection, result, now)
        else:
            self._requests.follow(connection, answer.id, result, 0, now)

    def _limit(self, connection: Connection, limited: Limited, now: float) -> None:
        connection.state = State.LIMITED
        connection.limited = limited.session
        connection.frames.cap = MAX_FRAME_BYTES
        connection.state_since = now
        self._connections.watch(connection, now + self._durations.limited)
        self._delivery.say(connection, limited.frame)


def _token(connection: Connection, reply: Reply) -> bytes:
    """What was drawn for this request, or nothing: said once, then forgotten."""
    tokens = connection.tokens
    if tokens is None:
        return b""
    token = tokens.pop(reply.id, b"")
    if not tokens:
        connection.tokens = None
    return token
