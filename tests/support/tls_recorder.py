"""A TLS end in front of the server with the server's own certificate and key: keeps every frame as the server sees it.

Login signatures bind the certificate of the connection, so nobody else's would do. Clients are given the recorder's
port in their links and notice nothing. `alter` may put another frame in place of one: a server that lies.
"""

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from secure_chat.certificates.contexts import client_context, server_context
from secure_chat.limits import MAX_FRAME_BYTES
from secure_chat.protocol.frames import FrameReader, frame
from tests.support.command import PATIENCE_SECONDS
from tests.support.installation import HOST, Installation

_AT_ONCE: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Recorded:
    """One frame, without its length."""

    to_server: bool
    body: bytes


Alter = Callable[[Recorded], bytes | None]


def as_it_is(recorded: Recorded) -> bytes | None:
    """Forward the frame unaltered."""
    return recorded.body


class TlsRecorder:
    """Record connections to an installation's server until the end of the block; one thread for each connection.

    `alter` gives what is sent in place of a frame, None: nothing. What is kept is the frame as it came.
    """

    def __init__(self, installation: Installation, target: int, alter: Alter = as_it_is) -> None:
        """`target`: the port of the server."""
        certificates = installation.certificates
        self._inward = server_context(certificates.server_certificate, certificates.server_key)
        self._outward = client_context(installation.authority)
        self._target = target
        self._alter = alter
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, name="tls-recorder")
        self.frames: list[Recorded] = []  # of all connections, in the order in which they came

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._wake_writer.send(b"x")  # nobody takes it out: every thread sees it
        self._acceptor.join()
        for thread in self._threads:
            thread.join()
        for each in (self._listener, self._wake_reader, self._wake_writer):
            each.close()

    def bodies(self, *, to_server: bool | None = None) -> list[bytes]:
        """The frames so far, one way or both."""
        return [each.body for each in list(self.frames) if to_server is None or each.to_server is to_server]

    def _accept(self) -> None:
        while True:
            ready, _, _ = select.select([self._listener, self._wake_reader], [], [])
            if self._wake_reader in ready:
                return
            plain, _ = self._listener.accept()
            thread = threading.Thread(target=self._serve, args=(plain,), name=f"tls-recorder-{len(self._threads)}")
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError), contextlib.ExitStack() as open_ones:  # whoever ends it, both end
            open_ones.enter_context(plain)
            plain.settimeout(PATIENCE_SECONDS)
            client = open_ones.enter_context(self._inward.wrap_socket(plain, server_side=True))
            raw = open_ones.enter_context(socket.create_connection((HOST, self._target), PATIENCE_SECONDS))
            server = open_ones.enter_context(self._outward.wrap_socket(raw, server_hostname=HOST))
            ways = (_Way(client, server, to_server=True), _Way(server, client, to_server=False))
            while True:
                waiting = [way for way in ways if way.source.pending()]
                if not waiting:
                    ready, _, _ = select.select([client, server, self._wake_reader], [], [])
                    if self._wake_reader in ready:
                        return
                    waiting = [way for way in ways if way.source in ready]
                for way in waiting:
                    self._forward(way)

    def _forward(self, way: "_Way") -> None:
        data = way.source.recv(_AT_ONCE)
        if not data:
            raise EOFError
        for body in way.frames.feed(data):
            recorded = Recorded(way.to_server, body)
            self.frames.append(recorded)
            sent = self._alter(recorded)
            if sent is not None:
                way.sink.sendall(frame(sent))


class _Way:
    """One direction of one connection."""

    def __init__(self, source: ssl.SSLSocket, sink: ssl.SSLSocket, *, to_server: bool) -> None:
        self.source = source
        self.sink = sink
        self.to_server = to_server
        self.frames = FrameReader(MAX_FRAME_BYTES)
