"""A client of the wire for tests and measurements: one blocking TLS connection, one thread, no comfort."""

import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Self, TypeVar

from secure_chat.certificates.contexts import client_context
from secure_chat.certificates.pins import leaf_hash, server_id
from secure_chat.errors import ChatError
from secure_chat.limits import MAX_FRAME_BYTES
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.codec import decode_said, encode
from secure_chat.protocol.frames import FrameReader, split_frames
from tests.support.people import TestPerson

PATIENCE_SECONDS = 60.0  # ten times what anything may take; a test that waits this long has failed

_Said = TypeVar("_Said", bound=e.Said)


class RefusedByServer(ChatError):
    """The server answered with an error; `failure` is its reply."""

    def __init__(self, failure: e.Failure) -> None:
        super().__init__(f"{failure.code}: {failure.sentence}", retry_after=failure.retry_after)
        self.failure = failure


class WireClient:
    """One connection. `said` holds what came and was not waited for, oldest first."""

    def __init__(self, host: str, port: int, authority: bytes, *, receive_buffer: int | None = None) -> None:
        self.server_id = server_id(authority)
        raw = socket.socket()
        if receive_buffer is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        raw.settimeout(PATIENCE_SECONDS)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            raw.connect((host, port))
            self.tls = client_context(authority).wrap_socket(raw, server_hostname=host)
        except BaseException:
            raw.close()
            raise
        certificate = self.tls.getpeercert(binary_form=True)
        assert certificate is not None
        self.leaf_hash = leaf_hash(certificate)
        self.said: deque[e.AnySaid] = deque()
        self._frames = FrameReader(MAX_FRAME_BYTES)
        self._next_id = 0
        self.closed = False
        try:
            self.hello = self.wait_for(e.Hello)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connection without a word, as a cut network does."""
        self.closed = True
        self.tls.close()

    # --- requests --------------------------------------------------------------------------------

    def next_id(self) -> int:
        """A request id that was not used on this connection."""
        self._next_id += 1
        return self._next_id

    def send(self, command: c.Command) -> int:
        """Send without waiting; returns the request id."""
        self.tls.sendall(encode(command))
        return command.id

    def send_together(self, commands: Iterable[c.Command]) -> None:
        """Send several in one record: nothing can come between them."""
        self.tls.sendall(b"".join(encode(command) for command in commands))

    def ask(self, command: c.Command) -> e.AnySaid:
        """Send and wait for the reply. Raises `RefusedByServer`."""
        return self.reply_to(self.send(command))

    def reply_to(self, request: int) -> e.AnySaid:
        """Wait for one reply; other things that come stay in `said`. Raises `RefusedByServer`."""
        reply = self.answer_to(request)
        if isinstance(reply, e.Failure):
            raise RefusedByServer(reply)
        return reply

    def answer_to(self, request: int) -> e.AnySaid:
        """Wait for one reply, a refusal or not."""
        return self.wait(lambda said: not isinstance(said, e.PingEvent) and getattr(said, "id", None) == request)

    def resume(self, person: TestPerson) -> e.Welcome:
        """Log in by the person's resume token."""
        proof = person.proof(self.server_id, self.hello.nonce, self.leaf_hash)
        return self._welcomed(c.Resume(self.next_id(), person.resume_token, proof), person)

    def login(self, person: TestPerson) -> e.Welcome:
        """Log in by the person's login secret, as the person's device."""
        proof = person.proof(self.server_id, self.hello.nonce, self.leaf_hash)
        return self._welcomed(c.Login(self.next_id(), person.name, person.login_secret, proof), person)

    def register(self, person: TestPerson, token: bytes = b"") -> e.Welcome:
        """Make the person's account."""
        proof = person.proof(self.server_id, self.hello.nonce, self.leaf_hash)
        command = c.Register(
            self.next_id(),
            person.name,
            person.login_secret,
            person.device_list.signed.encode(),
            person.signed_prekey.published.encode(),
            proof,
            token,
        )
        return self._welcomed(command, person)

    def _welcomed(self, command: c.Command, person: TestPerson) -> e.Welcome:
        reply = self.ask(command)
        assert isinstance(reply, e.Welcome), reply
        if reply.token and not isinstance(command, c.Resume):
            person.resume_token = reply.token
        return reply

    # --- waiting ---------------------------------------------------------------------------------

    def wait(self, wanted: Callable[[e.AnySaid], bool]) -> e.AnySaid:
        """The first thing said that is wanted; it leaves `said`. Raises `EOFError` when the server closes before."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        examined = 0
        while True:
            while examined < len(self.said):
                if wanted(self.said[examined]):
                    found = self.said[examined]
                    del self.said[examined]
                    return found
                examined += 1
            if not self.pump(max(0.0, deadline - time.monotonic())):
                raise TimeoutError(f"waited {PATIENCE_SECONDS:.0f} s in vain; said: {list(self.said)[-5:]}")

    def wait_for(self, kind: type[_Said]) -> _Said:
        """The first thing said of this kind."""
        found = self.wait(lambda said: isinstance(said, kind))
        assert isinstance(found, kind)
        return found

    def wait_until_closed(self) -> None:
        """Read to the end of the stream; what comes stays in `said`."""
        try:
            self.wait(lambda _: False)
        except EOFError:
            return

    def pump(self, seconds: float) -> bool:
        """Take what comes within `seconds`; False when nothing came. Raises `EOFError` at the end of the stream."""
        if not self.tls.pending() and not self._is_readable(seconds):
            return False
        try:
            data = self.tls.recv(65536)
        except (ssl.SSLEOFError, ConnectionError) as error:
            raise EOFError("the server closed the connection") from error
        if not data:
            raise EOFError("the server closed the connection")
        for body in self._frames.feed(data):
            said = decode_said(body)
            if isinstance(said, e.PingEvent):
                self.send(c.Pong(said.id))
            else:
                self.said.append(said)
        return True

    def pages(self, room: str, first: int, last: int) -> Iterator[e.AnySaid]:
        """What a room keeps of `first` to `last`, page by page."""
        while first <= last:
            page = self.ask(c.RoomHistory(self.next_id(), room, first, last))
            assert isinstance(page, e.HistoryPage)
            assert page.last >= first, "a page without progress"
            yield from map(decode_said, split_frames(page.events))
            first = page.last + 1

    def _is_readable(self, seconds: float) -> bool:
        poll = select.poll()  # not select: a measurement has more than 1,024 descriptors
        poll.register(self.tls, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    # --- rooms -----------------------------------------------------------------------------------

    def join(self, room: str) -> e.RoomOpened:
        """Become a member."""
        reply = self.ask(c.RoomJoin(self.next_id(), room))
        assert isinstance(reply, e.RoomOpened)
        return reply

    def open(self, room: str, after: int | None = None) -> e.RoomOpened:
        """Receive a room one is a member of."""
        reply = self.ask(c.RoomOpen(self.next_id(), room, after))
        assert isinstance(reply, e.RoomOpened)
        return reply

    def post(self, room: str, text: str, client_id: bytes) -> e.Accepted:
        """Say something and wait for the acknowledgement."""
        reply = self.ask(c.RoomPost(self.next_id(), room, client_id, text))
        assert isinstance(reply, e.Accepted)
        return reply


def client_id(run: int, counter: int) -> bytes:
    """8 bytes of a run, 8 of a counter."""
    return run.to_bytes(8, "big") + counter.to_bytes(8, "big")
