"""The end of a connection in order: flush, close_notify, end of sending, discard what still comes, close."""

import logging
import socket
from typing import Final

from secure_chat.errors import ChatError
from secure_chat.limits import DISCARD_BYTES, MAX_JOINED_BYTES, MAX_PENDING_CIPHERTEXT_BYTES
from secure_chat.protocol.states import State
from secure_chat.server.connection import NEVER, Connection, Phase
from secure_chat.server.connections import Connections
from secure_chat.server.deadlines import Durations
from secure_chat.server.delivery import Delivery
from secure_chat.server.replies import failure
from secure_chat.server.writing import Writing

logger: Final = logging.getLogger(__name__)


class Closing:
    """Ends the connections of one I/O thread without blocking; `Phase` says how far one has come.

    A reset while the peer's bytes lie unread would destroy what it has not read of ours: therefore the sending
    direction ends first, and what still comes is read and thrown away for a moment.
    """

    __slots__ = ("_connections", "_delivery", "_durations", "_scratch", "_writing")

    def __init__(
        self,
        connections: Connections,
        writing: Writing,
        delivery: Delivery,
        durations: Durations,
        scratch: memoryview,
    ) -> None:
        self._connections = connections
        self._writing = writing
        self._delivery = delivery
        self._durations = durations
        self._scratch = scratch

    def fail(self, connection: Connection, error: ChatError, now: float) -> None:
        """Say why, and close."""
        self.begin(connection, failure(0, error), error.code, now)

    def begin(self, connection: Connection, frame: bytes, reason: str, now: float) -> None:
        """Say `frame` (it may be empty) as the last thing, and close."""
        if connection.gone or connection.closing is not None:
            return
        if not connection.established:
            self._connections.lose(connection, reason)  # there is nobody yet whom anything could be told
            return
        logger.debug("closing %d: %s", connection.serial, reason)
        self._delivery.close(connection)
        connection.state = State.CLOSING
        connection.closing = Phase.FLUSHING
        connection.waiting = connection.hold = None
        self._keep_what_may_be_flushed(connection, frame)
        self._connections.read(connection, False)
        self._deadline(connection, now + self._durations.drain)
        self.advance(connection, now)

    def advance(self, connection: Connection, now: float) -> None:
        """Go on as far as the socket takes it; called again when it has room."""
        while not connection.gone and connection.blocked_since == NEVER:
            channel = connection.channel
            if channel is None:
                self._connections.lose(connection, "closed")
            elif connection.direct is not None:
                self._writing.write(connection, connection.take_said(MAX_JOINED_BYTES), now)
            elif connection.closing is Phase.FLUSHING:
                connection.closing = Phase.SAID
                self._writing.send(connection, channel.close_notify(), now)
            elif connection.closing is Phase.SAID:
                self._end_sending(connection, now)
            else:
                return

    def discard(self, connection: Connection) -> None:
        """Throw away what has arrived after our end; the peer's end, or too much, is the end."""
        try:
            size = connection.socket.recv_into(self._scratch)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            size = 0
        connection.discarded += size
        if not size or connection.discarded >= DISCARD_BYTES:
            self._connections.lose(connection, "closed")

    def _end_sending(self, connection: Connection, now: float) -> None:
        try:
            connection.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._connections.lose(connection, "closed")
            return
        connection.closing = Phase.DISCARDING
        self._connections.read(connection, True)
        self._deadline(connection, now + self._durations.discard)

    def _keep_what_may_be_flushed(self, connection: Connection, frame: bytes) -> None:
        room = MAX_PENDING_CIPHERTEXT_BYTES - len(frame)
        kept: list[bytes] = []
        for said in connection.direct or ():
            room -= len(said)
            if room < 0 and kept:  # the first may be the rest of a frame whose beginning is out already
                break
            kept.append(said)
        if frame:
            kept.append(frame)
        connection.direct = kept or None
        connection.direct_bytes = sum(map(len, kept))

    def _deadline(self, connection: Connection, at: float) -> None:
        connection.closing_until = at
        self._connections.watch(connection, at)
