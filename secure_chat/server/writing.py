"""One write at a time: plaintext to TLS to the socket; what the socket does not take waits, and nothing follows it."""

import ssl

from secure_chat.server.connection import NEVER, Connection
from secure_chat.server.connections import Connections
from secure_chat.server.deadlines import Durations
from secure_chat.server.tls_channel import TlsMemory


class Writing:
    """The writes of one I/O thread. A connection with `blocked_since` set takes no new one."""

    __slots__ = ("_connections", "_memory", "_slow_seconds")

    def __init__(self, connections: Connections, memory: TlsMemory, durations: Durations) -> None:
        self._connections = connections
        self._memory = memory
        self._slow_seconds = durations.slow

    def write(self, connection: Connection, plaintext: bytes, now: float) -> None:
        """Begin a write of at most `MAX_JOINED_BYTES` or one larger frame; the connection is not blocked."""
        channel = connection.channel
        if channel is None or connection.gone:
            return
        try:
            ciphertext = channel.encrypt(plaintext)
        except ssl.SSLError as error:
            self._memory.clear()
            self._connections.lose(connection, f"TLS: {error.reason}")
            return
        if channel.left:
            self._block(connection, now)
        self.send(connection, ciphertext, now)

    def send(self, connection: Connection, ciphertext: bytes, now: float) -> None:
        """Send bytes that TLS has made; whatever waits goes first."""
        if connection.pending:
            connection.pending += ciphertext
            return
        try:
            taken = connection.socket.send(ciphertext)
        except (BlockingIOError, InterruptedError):
            taken = 0
        except OSError as error:
            self._connections.lose(connection, f"write: {error.strerror}")
            return
        if taken < len(ciphertext):
            connection.pending = ciphertext[taken:]
            self._block(connection, now)
            self._connections.write(connection, True)

    def writable(self, connection: Connection, now: float) -> bool:
        """The socket has room again; tells whether everything is out and a new write may begin."""
        if connection.pending:
            ciphertext, connection.pending = connection.pending, b""
            self.send(connection, ciphertext, now)
            if connection.pending:
                if len(connection.pending) < len(ciphertext):
                    connection.blocked_since = now  # the reader is slow, not dead
                return False
        self._connections.write(connection, False)
        return self.unblock(connection, now)

    def unblock(self, connection: Connection, now: float) -> bool:
        """Try again what TLS could not write before the peer had said more; tells whether nothing is left."""
        channel = connection.channel
        if connection.gone or connection.pending or channel is None:
            return False
        connection.blocked_since = NEVER
        if channel.left:
            plaintext, channel.left = channel.left, b""
            self.write(connection, plaintext, now)
        return connection.blocked_since == NEVER

    def _block(self, connection: Connection, now: float) -> None:
        if connection.blocked_since == NEVER:
            connection.blocked_since = now
            self._connections.watch(connection, now + self._slow_seconds)
