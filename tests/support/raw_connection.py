"""A connection made by hand: a plain socket, records of our own making, whatever order and pieces a test wants."""

import contextlib
import socket
from typing import Self

from secure_chat.certificates.contexts import client_context
from secure_chat.certificates.store import load_server_identity
from secure_chat.limits import MAX_FRAME_BYTES
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.codec import decode_said, encode
from secure_chat.protocol.frames import FrameReader
from tests.support.installation import HOST, Installation
from tests.support.tls_records import RecordClient
from tests.support.wire_client import PATIENCE_SECONDS


class RawConnection:
    """To a server of an installation; nothing is sent before `handshake`."""

    def __init__(self, installation: Installation, port: int, *, receive_buffer: int = 0) -> None:
        self._installation = installation
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE_SECONDS)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            self.socket.connect((HOST, port))
        except BaseException:
            self.socket.close()
            raise
        self.records = RecordClient(client_context(installation.authority), HOST)
        self._frames = FrameReader(MAX_FRAME_BYTES)
        self.said: list[e.AnySaid] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def handshake(self, *, send_last: bool = True) -> bytes:
        """Do it; returns the flight that ends it, if that was not sent."""
        self.socket.sendall(self.records.handshake(b""))
        last = b""
        while not self.records.is_done:
            last = self.records.handshake(self.received())
        if send_last:
            self.socket.sendall(last)
            return b""
        return last

    def received(self) -> bytes:
        """What the socket has. Raises `EOFError` at the end."""
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        return data

    def send(self, *commands: c.Command) -> None:
        """Each in a record of its own."""
        self.socket.sendall(b"".join(self.records.seal(encode(command)) for command in commands))

    def wait_for(self, count: int) -> list[e.AnySaid]:
        """So many things said, oldest first; what is more stays in `said`."""
        while len(self.said) < count:
            self._take(self.received())
        taken, self.said = self.said[:count], self.said[count:]
        return taken

    def read_to_the_end(self) -> list[e.AnySaid]:
        """All that is said before the server closes."""
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                self._take(self.received())
        return self.said

    def log_in(self, name: str) -> None:
        """Handshake, hello, resumption."""
        self.handshake()
        (hello,) = self.wait_for(1)
        assert isinstance(hello, e.Hello)
        certificates = self._installation.certificates
        identity = load_server_identity(certificates.server_certificate, certificates.log_key)
        person = self._installation.people[name]
        proof = person.proof(identity.server_id, hello.nonce, identity.leaf_hash)
        self.send(c.Resume(1, person.resume_token, proof))
        (welcome,) = self.wait_for(1)
        assert isinstance(welcome, e.Welcome), welcome

    def _take(self, data: bytes) -> None:
        self.said += [decode_said(body) for body in self._frames.feed(self.records.read(data))]
