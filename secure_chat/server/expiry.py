"""What happens when a deadline of a connection has passed, and when the next one will."""

from typing import Final

from secure_chat.errors import Deadline, SlowReader
from secure_chat.protocol.codec import encode
from secure_chat.protocol.events import PingEvent
from secure_chat.protocol.states import State
from secure_chat.server.closing import Closing
from secure_chat.server.connection import NEVER, Connection
from secure_chat.server.connections import Connections
from secure_chat.server.deadlines import Durations
from secure_chat.server.delivery import Delivery

PING_ID: Final = 1  # the only question the server asks; the answer repeats it


class Expiry:
    """The deadlines of one I/O thread's connections. Each connection is looked at when one of them may have passed."""

    __slots__ = ("_closing", "_connections", "_delivery", "_durations")

    def __init__(self, connections: Connections, delivery: Delivery, closing: Closing, durations: Durations) -> None:
        self._connections = connections
        self._delivery = delivery
        self._closing = closing
        self._durations = durations

    def look(self, now: float) -> None:
        """Deal with everybody who is due."""
        connections = self._connections
        for tick, serial in connections.wheel.due(now):
            connection = connections.by_serial.get(serial)
            if connection is None or connection.gone or connection.scheduled != tick:
                continue  # it has gone, or asked for an earlier time since
            connection.scheduled = 0
            at = self._next(connection, now)
            if not connection.gone:
                connections.watch(connection, at)

    def _next(self, connection: Connection, now: float) -> float:
        """Act on what has passed; returns when to look again."""
        if connection.closing is not None:
            if now >= connection.closing_until:
                self._connections.lose(connection, "closed: not taken in time")
            return connection.closing_until
        if not connection.established:
            return self._or_lost(connection, connection.state_since + self._durations.handshake, now)
        state, at = connection.state, now + self._durations.idle
        if connection.blocked_since != NEVER:
            at = min(
                at, self._or_failed(connection, connection.blocked_since + self._durations.slow, now, SlowReader())
            )
        if state is State.READY:
            at = min(at, self._ready(connection, now))
        elif state is State.UNAUTHENTICATED:
            at = min(at, self._or_failed(connection, connection.state_since + self._durations.login, now, Deadline()))
        elif state is State.LIMITED:
            at = min(at, self._or_failed(connection, connection.state_since + self._durations.limited, now, Deadline()))
        return at

    def _ready(self, connection: Connection, now: float) -> float:
        durations = self._durations
        if connection.hold is not None:
            return now + durations.idle  # it is not read, so it cannot be late; its release starts the clocks anew
        at = connection.input_at + durations.idle
        if connection.pinged_at != NEVER:
            at = self._or_failed(connection, connection.pinged_at + durations.pong, now, Deadline())
        elif now >= at:
            connection.pinged_at = now
            self._delivery.say(connection, encode(PingEvent(PING_ID)))
            at = now + durations.pong
        if connection.frame_since != NEVER:
            at = min(at, self._or_failed(connection, connection.frame_since + durations.frame, now, Deadline()))
        return at

    def _or_lost(self, connection: Connection, at: float, now: float) -> float:
        if now >= at:
            self._connections.lose(connection, "handshake: too slow")
        return at

    def _or_failed(self, connection: Connection, at: float, now: float, error: Deadline | SlowReader) -> float:
        if now >= at:
            self._closing.fail(connection, error, now)
        return at
