"""Connections whose TLS handshake is not finished: admitted, stepped a few a turn, displaced when too many."""

import secrets
import ssl
from collections.abc import Callable
from itertools import islice

from secure_chat.errors import ChatError
from secure_chat.limits import (
    MAX_HANDSHAKE_STEPS_A_TURN,
    MAX_INPUT_BEFORE_LOGIN_BYTES,
    MAX_SILENT_CONNECTIONS,
    MAX_UNFINISHED_HANDSHAKES,
)
from secure_chat.server.connection import Connection
from secure_chat.server.connections import Connections
from secure_chat.server.items import TlsIdentity
from secure_chat.server.tls_channel import TlsChannel, TlsMemory


class Handshakes:
    """The unfinished handshakes of one I/O thread.

    Each new one beyond a limit displaces one at random: an honest one is done within milliseconds and hardly ever
    hit, one that waits stays until it is. Those that have not said a byte are counted apart: a flood of them, which
    costs its sender nothing, can displace an honest one only in the moment before its first byte.
    """

    __slots__ = ("_begun", "_connections", "_established", "_memory", "_ready", "_scratch", "_silent", "identity")

    def __init__(
        self,
        connections: Connections,
        memory: TlsMemory,
        scratch: memoryview,
        identity: TlsIdentity,
        established: Callable[[Connection, float], None],
    ) -> None:
        self._connections = connections
        self._memory = memory
        self._scratch = scratch
        self._established = established  # what to do with a connection whose handshake is done
        self._silent: dict[int, Connection] = {}  # by serial
        self._begun: dict[int, Connection] = {}
        self._ready: dict[int, Connection] = {}  # those of them that have sent something, longest ago first
        self.identity = identity  # a reload swaps it; handshakes that have begun keep theirs

    @property
    def has_work(self) -> bool:
        """Whether somebody waits for a step."""
        return bool(self._ready)

    def admit(self, connection: Connection) -> None:
        """A new connection; it or another may be displaced."""
        self._add(self._silent, connection, MAX_SILENT_CONNECTIONS)

    def forget(self, connection: Connection) -> None:
        """It is over, one way or the other."""
        self._silent.pop(connection.serial, None)
        self._begun.pop(connection.serial, None)
        self._ready.pop(connection.serial, None)

    def readable(self, connection: Connection) -> None:
        """It has sent something; its step comes in its turn."""
        self._ready[connection.serial] = connection

    def advance(self, now: float, until: float, clock: Callable[[], float]) -> None:
        """At most `MAX_HANDSHAKE_STEPS_A_TURN` steps, and none but the first after `until`."""
        for _ in range(min(len(self._ready), MAX_HANDSHAKE_STEPS_A_TURN)):
            connection = self._ready.pop(next(iter(self._ready)))
            if not connection.gone:
                self._step(connection, now)
                self._memory.clear()  # whatever went wrong belongs to this connection alone
            if clock() > until:
                return

    def _add(self, some: dict[int, Connection], connection: Connection, most: int) -> None:
        some[connection.serial] = connection
        if len(some) > most:
            chosen = next(islice(some.values(), secrets.randbelow(len(some)), None))
            self.forget(chosen)
            self._connections.lose(chosen, "displaced: too many unfinished handshakes")

    def _step(self, connection: Connection, now: float) -> None:
        try:
            size = connection.socket.recv_into(self._scratch, MAX_INPUT_BEFORE_LOGIN_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._connections.lose(connection, f"handshake: {error.strerror}")
            return
        if not size:
            self._connections.lose(connection, "left during the handshake")
            return
        channel = connection.channel
        if channel is None:  # a silent connection costs no TLS state
            channel = connection.channel = TlsChannel(self.identity.context, self._memory)
            connection.identity = self.identity
            del self._silent[connection.serial]
            self._add(self._begun, connection, MAX_UNFINISHED_HANDSHAKES)
            if connection.gone:
                return
        try:
            done = channel.handshake(self._scratch[:size])
        except (ssl.SSLError, ChatError) as error:
            self._refuse(connection, channel, error)
            return
        if self._send(connection, channel.ciphertext()) and done:
            self.forget(connection)
            connection.established = True
            self._established(connection, now)

    def _refuse(self, connection: Connection, channel: TlsChannel, error: ssl.SSLError | ChatError) -> None:
        reason = error.reason if isinstance(error, ssl.SSLError) else error.code
        self._send(connection, channel.ciphertext())  # the alert that says why
        self._connections.lose(connection, f"handshake: {reason}")

    def _send(self, connection: Connection, ciphertext: bytes) -> bool:
        """A handshake's few kilobytes fit into the buffer of a fresh socket; a peer that makes them not fit is lost."""
        if not ciphertext:
            return True
        try:
            if connection.socket.send(ciphertext) == len(ciphertext):
                return True
            reason = "handshake: not read"
        except OSError as error:
            reason = f"handshake: {error.strerror}"
        self._connections.lose(connection, reason)
        return False
