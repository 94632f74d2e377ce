"""One request: permitted by the table of states, limited, handed to its handler; what becomes of the result."""

import logging
import secrets
from typing import Final

import msgspec

from secure_chat.errors import Busy, ChatError, CommandInvalid, InternalError
from secure_chat.limits import MAX_INTERNAL_ERRORS, READ_SECOND_TOKENS
from secure_chat.protocol import commands as c
from secure_chat.protocol.codec import decode_command
from secure_chat.protocol.states import State, permit
from secure_chat.server.closing import Closing
from secure_chat.server.connection import Connection
from secure_chat.server.credits import Credits
from secure_chat.server.delivery import Delivery
from secure_chat.server.items import (
    AuthenticationRequest,
    Deferral,
    HandlerResult,
    PresenceRequest,
    ReadRequest,
    Submission,
    WithToken,
    is_entry,
)
from secure_chat.server.mailboxes import Mailboxes
from secure_chat.server.rate_limit import KINDS, Kind, RateLimits, tokens_beyond_one
from secure_chat.server.replies import done, failure
from secure_chat.server.services import Context, Live, Services
from secure_chat.storage.entries import AnyEntry, JoinRoom, OpenRoom

logger: Final = logging.getLogger(__name__)

AT_ONCE: Final[frozenset[type[c.Command]]] = frozenset({c.Ping, c.Pong, c.NameQuery, c.DirectDefer})
"""Answered whatever is under way: they cost neither the journal nor the reader anything. Rates hold for them, too."""

ELSEWHERE: Final[frozenset[type[c.Command]]] = frozenset(
    {
        c.InviteQuery,
        c.Register,
        c.Login,
        c.Recover,
        c.PassphraseChange,
        c.RoomList,
        c.RoomMembers,
        c.RoomHistory,
        c.RoomSearch,
        c.PrekeysPublish,
        c.DeviceListQuery,
        c.InviteOwn,
    }
)
"""Go to the reader or the pool first, and want a credit for reads; all others go to the journal."""

_BESIDE: Final = AT_ONCE | ELSEWHERE

_OPENING: Final = frozenset({OpenRoom, JoinRoom})
_CLOSING: Final = State.CLOSING  # to look a member up in its Enum costs as much as a call
_ACKNOWLEDGEMENTS: Final = Kind.ACKNOWLEDGEMENTS


class Requests:
    """Takes the requests of one I/O thread's connections. `submissions` is what the turn hands to the journal."""

    __slots__ = (
        "_closing",
        "_credits",
        "_delivery",
        "_mailboxes",
        "_rates",
        "_services",
        "busy",
        "live",
        "submissions",
    )

    def __init__(
        self,
        live: Live,
        services: Services,
        credits_: Credits,
        delivery: Delivery,
        mailboxes: Mailboxes,
        closing: Closing,
    ) -> None:
        self.live = live
        self._services = services
        self._credits = credits_
        self._delivery = delivery
        self._mailboxes = mailboxes
        self._closing = closing
        self._rates = RateLimits(live.rates)
        self.submissions: list[Submission] = []
        self.busy = False  # an entry put into the journal now would wait too long

    def reload(self, live: Live) -> None:
        """From the next request on."""
        self.live = live
        self._rates.reload(live.rates)

    def take(self, connection: Connection, body: bytes, now: float) -> bool:
        """One frame's body; tells whether it was dealt with, or must wait for credit."""
        try:
            command = decode_command(body)
        except ChatError as error:
            self._closing.fail(connection, error, now)
            return True
        kind, before = type(command), connection.state
        after = before
        try:
            after = permit(before, connection.role, kind)
            if kind not in _BESIDE:
                if self.busy:
                    raise Busy(retry_after=1.0)
                if not self._credits.has_entry(connection, len(body)):
                    return False
            elif kind in ELSEWHERE and not self._credits.has_read(connection):
                return False
            limited, session = KINDS.get(kind), connection.session
            if limited is not None and session is not None:
                self._rates.take(limited, session.account, now)
                if limited is _ACKNOWLEDGEMENTS and (more := tokens_beyond_one(command)):
                    self._rates.charge(limited, session.account, more, now)
            result = self.live.handler.handle(command, self._context(connection))
            connection.state = after
            self.follow(connection, command.id, result, len(body), now)
        except ChatError as error:
            connection.state = before
            self.refuse(connection, command.id, error, after is State.AUTHENTICATING is not before, now)
        except Exception:  # a fault of ours in one request must not end the thread, and with it everybody's connection
            log_id = secrets.token_hex(4)
            logger.exception("a request failed, log id %s: %s", log_id, kind.__name__)
            connection.state = before
            self.refuse(connection, command.id, internal_error(log_id), after is State.AUTHENTICATING, now)
            self.count_internal(connection, now)
        return True

    def follow(self, connection: Connection, request: int, result: HandlerResult, size: int, now: float) -> None:
        """Do what a handler, or the pool after it, has decided. Raises what the reader or the pool refuse with."""
        if is_entry(result):
            self._submit(connection, request, result, size)
        elif isinstance(result, bytes):
            self._delivery.say(connection, result)
            if connection.state is _CLOSING:
                self._closing.begin(connection, b"", "logged out", now)
        elif isinstance(result, ReadRequest):
            self._services.reader.submit(connection.origin, result)
            self._credits.count_read(connection)
        elif isinstance(result, AuthenticationRequest):
            self._services.pool.submit(connection.origin, result, connection.address)
            self._credits.count_read(connection)
        elif isinstance(result, WithToken):
            self._keep_token(connection, request, result.token)
            self._submit(connection, request, result.entry, size)
        elif isinstance(result, PresenceRequest):
            self._submit(connection, request, result, size)
        elif isinstance(result, Deferral):
            self._mailboxes.defer(connection, result.envelope_ids)
            self._delivery.say(connection, done(result.id))

    def refuse(self, connection: Connection, request: int, error: ChatError, ends: bool, now: float) -> None:
        """Answer with an error; `ends`: somebody who could not be authenticated is not talked to any longer."""
        frame = failure(request, error)
        if ends:
            self._closing.begin(connection, frame, error.code, now)
        else:
            self._delivery.say(connection, frame)

    def charge_read(self, account: int, seconds: float, now: float) -> None:
        """Something that was looked up has cost so much of the reader's time: nobody may keep it from the others."""
        self._rates.charge(Kind.READS, account, seconds * READ_SECOND_TOKENS, now)

    def count_internal(self, connection: Connection, now: float) -> None:
        """One more request of this connection has met a fault of ours; perhaps it is the connection's doing."""
        connection.internal_errors += 1
        if connection.internal_errors >= MAX_INTERNAL_ERRORS:
            self._closing.begin(connection, b"", "too many internal errors", now)

    def _keep_token(self, connection: Connection, request: int, token: bytes) -> None:
        """Until the reply says it, once. Raises `CommandInvalid`."""
        if connection.tokens is None:
            connection.tokens = {}
        if request in connection.tokens:
            raise CommandInvalid(f"A request with the id {request} is under way already.")
        connection.tokens[request] = token

    def _submit(self, connection: Connection, request: int, entry: AnyEntry | PresenceRequest, size: int) -> None:
        if type(entry) in _OPENING and isinstance(entry, (OpenRoom, JoinRoom)):
            if entry.fill and self._delivery.announced(entry.room) is not None:
                entry = msgspec.structs.replace(entry, fill=False)  # this thread has the room's ring
        self._credits.count_entry(connection, size)
        self.submissions.append(Submission(connection.serial, request, entry, size))

    def _context(self, connection: Connection) -> Context:
        identity = connection.identity
        return Context(
            connection.session,
            connection.limited,
            connection.nonce,
            b"" if identity is None else identity.leaf_hash,
            self._delivery.announced,
        )


def internal_error(log_id: str) -> InternalError:
    """What the person is told; the log has the rest under `log_id`."""
    return InternalError(f"Something went wrong on the server (log id {log_id}).")
