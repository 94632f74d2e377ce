"""One verified TLS connection: commands out, what the server says in; made, used and closed by one thread.

TLS runs over memory, so that reading may want to write and writing to read, and the plain socket stays plain.
PROTOCOL.md, "Transport": nothing is sent before certificate, host name, protocol and key log are checked.
"""

import itertools
import ssl
from collections import deque
from datetime import datetime
from socket import socket
from typing import Final, Self, TypeVar

import msgspec

from secure_chat.certificates.contexts import client_context, explain_tls_error, require_alpn
from secure_chat.certificates.pins import leaf_hash
from secure_chat.client.closing import close_connection
from secure_chat.client.dialing import dial
from secure_chat.client.refusals import error_of
from secure_chat.client.server_identity import ServerIdentity
from secure_chat.client.waiting import READ, WRITE, Waiter
from secure_chat.errors import CommandInvalid, ConnectionLost, NoAnswer, ServerSaidNonsense
from secure_chat.limits import ANSWER_SECONDS, GREETING_SECONDS, MAX_FRAME_BYTES, MAX_HELD_EVENTS
from secure_chat.protocol.codec import decode_said, encode
from secure_chat.protocol.commands import Command, Pong
from secure_chat.protocol.events import AnySaid, Failure, Hello, PingEvent, Said
from secure_chat.protocol.frames import FrameReader

_CIPHERTEXT_AT_ONCE: Final = 64 * 1024
_PLAINTEXT_AT_ONCE: Final = 64 * 1024
_KNOWN_TYPES: Final = frozenset(str(kind.__struct_config__.tag) for kind in AnySaid.__args__)

Reply = TypeVar("Reply", bound=Said)


class _AnyType(msgspec.Struct):
    type: str


class Channel:
    """A connection to a server that has been recognised. Close it, or hold it in a `with` block."""

    def __init__(self, sock: socket, context: ssl.SSLContext, host: str, waiter: Waiter) -> None:
        """Only `connect` calls this; `sock` is connected and non-blocking."""
        self.waiter = waiter
        self.heard_at = waiter.clock()  # when the last bytes came
        self._sock = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._unsent = b""  # ciphertext
        self._frames = FrameReader(MAX_FRAME_BYTES)
        self._said: deque[AnySaid] = deque()
        self._ended = False
        self._ids = itertools.count(1)
        self._hello: Hello | None = None

    @property
    def hello(self) -> Hello:
        """The server's first words, its key log checked."""
        if self._hello is None:
            raise RuntimeError("the channel is not open yet")
        return self._hello

    @property
    def leaf_hash(self) -> bytes:
        """SHA-256 of the certificate of this connection, 32 bytes: what a login signature binds."""
        certificate = self._tls.getpeercert(binary_form=True)
        if certificate is None:
            raise RuntimeError("a verified connection has a certificate")
        return leaf_hash(certificate)

    @property
    def tls_version(self) -> str:
        """For people: "TLS 1.3"."""
        return (self._tls.version() or "").replace("TLSv", "TLS ")

    # --- making it -------------------------------------------------------------------------------

    def open(self, server: ServerIdentity) -> None:
        """Handshake, checks, hello. Raises `TlsError` or one of its kinds, `ConnectionLost`, `NoAnswer`."""
        until = self.waiter.clock() + GREETING_SECONDS
        try:
            self._shake_hands(until)
        except ssl.SSLError as error:
            self._flush()  # the alert, so that the operator's log tells why
            now = datetime.now().astimezone()
            raise explain_tls_error(error, host=server.host, authority=server.authority, now=now) from error
        require_alpn(self._tls)
        hello = self._first_words(until)
        server.check_log_key(hello.log_pk)
        self._hello = hello

    def _shake_hands(self, until: float) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                if self._ended:
                    raise ConnectionLost("The server closed the connection before TLS was set up.") from None
                self._wait(until, "during the TLS handshake")
            else:
                self._flush()
                return

    def _first_words(self, until: float) -> Hello:
        while not self._said:
            if self._ended:
                raise ConnectionLost("The server closed the connection without a word.")
            if not self._decrypt():
                self._wait(until, "after the TLS handshake")
        first = self._said.popleft()
        if isinstance(first, Failure):
            raise error_of(first)
        if not isinstance(first, Hello):
            raise ServerSaidNonsense("The server did not say hello.")
        return first

    def _wait(self, until: float, when: str) -> None:
        if self.waiter.clock() >= until:
            raise NoAnswer(f"The server does not answer {when}.")
        if self.waiter.wait(until, self._sock, self._interest()):
            self._flush()
            self._take_ciphertext()

    # --- using it --------------------------------------------------------------------------------

    def request_id(self) -> int:
        """An id that no other request on this connection has."""
        return next(self._ids)

    def send(self, command: Command) -> None:
        """Hand a command to TLS; what the network does not take at once goes with the next `turn`."""
        try:
            self._tls.write(encode(command))
        except ssl.SSLError as error:
            raise ConnectionLost(f"The connection was lost: {error.reason or 'TLS failed'}.") from error
        self._flush()

    def turn(self, until: float) -> list[AnySaid]:
        """Send what waits, and return what the server said: at once if something is there, else by `until`.

        An empty list: the time is over or the waiter was woken. Raises `ConnectionLost` once the server has closed and
        everything that it said was returned, and the errors of a stream that is no protocol.
        """
        if not self._said:
            if self._ended:
                raise ConnectionLost("The server closed the connection.")
            self._flush()
            if self.waiter.wait(until, self._sock, self._interest()):
                self._flush()
                self._take_ciphertext()
                self._decrypt()
        said = list(self._said)
        self._said.clear()
        return said

    def ask(self, command: Command, reply: type[Reply]) -> Reply:
        """Send, and wait for the answer; what else is said meanwhile comes with the next `turn`.

        Raises the server's refusal, `NoAnswer`, `ConnectionLost`, or `ServerSaidNonsense` for another kind of reply.
        """
        answer = self.answer_to(command)
        if not isinstance(answer, reply):
            raise ServerSaidNonsense(f"The server answered {type(command).__name__} by {type(answer).__name__}.")
        return answer

    def answer_to(self, command: Command) -> Said:
        """As `ask`, for a command that has several answers."""
        self.send(command)
        until = self.waiter.clock() + ANSWER_SECONDS
        others: list[AnySaid] = []
        try:
            while self.waiter.clock() < until:
                others += self.turn(until)
                for position, said in enumerate(others):
                    refused = isinstance(said, Failure) and said.id in (0, command.id)
                    if refused or getattr(said, "id", None) == command.id:
                        del others[position]
                        return _unless_refused(said)
                if len(others) > MAX_HELD_EVENTS:
                    raise ServerSaidNonsense("The server says everything but the answer that it owes.")
        finally:
            self._said.extendleft(reversed(others))
        raise NoAnswer

    def close(self) -> None:
        """Say goodbye and close; at most half a second, and never an error."""
        if not self._ended:
            self._ended = True
            close_connection(self._sock, self._tls, self._unsent, self._outgoing)
        self._sock.close()

    def drop(self) -> None:
        """Close at once: there is nobody to say goodbye to."""
        self._ended = True
        self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- bytes -----------------------------------------------------------------------------------

    def _interest(self) -> int:
        return READ | WRITE if self._unsent else READ

    def _flush(self) -> None:
        self._unsent += self._outgoing.read()
        try:
            while self._unsent:
                self._unsent = self._unsent[self._sock.send(self._unsent) :]
        except BlockingIOError:
            return
        except OSError:
            self._unsent = b""  # what the server said last may still be there to be read; reading finds the end

    def _take_ciphertext(self) -> None:
        try:
            data = self._sock.recv(_CIPHERTEXT_AT_ONCE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.heard_at = self.waiter.clock()
            self._incoming.write(data)
        else:
            self._ended = True

    def _decrypt(self) -> bool:
        """Turn ciphertext into what was said; whether there was any."""
        before = len(self._said)
        try:
            while data := self._tls.read(_PLAINTEXT_AT_ONCE):
                for body in self._frames.feed(data):
                    self._hear(body)
            self._ended = True  # close_notify
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._ended = True
        except ssl.SSLError as error:
            raise ConnectionLost(f"The connection was lost: {error.reason or 'TLS failed'}.") from error
        return len(self._said) > before

    def _hear(self, body: bytes) -> None:
        try:
            said = decode_said(body)
        except CommandInvalid as error:
            if _is_of_a_later_version(body):
                return
            raise ServerSaidNonsense(error.sentence) from error
        if isinstance(said, PingEvent):
            # Whoever takes nothing from us has no use for more, and would have it kept here without end.
            if len(self._unsent) < _CIPHERTEXT_AT_ONCE:
                self.send(Pong(said.id))
        else:
            self._said.append(said)


def connect(server: ServerIdentity, waiter: Waiter) -> Channel:
    """Reach a server, recognise it, hear its hello. Nothing but TLS itself has been sent when this returns.

    Raises what `dial` and `Channel.open` raise; then nothing is left open.
    """
    context = client_context(server.authority)
    sock = dial(server.host, server.port, waiter)
    try:
        channel = Channel(sock, context, server.host, waiter)
        channel.open(server)
    except BaseException:
        sock.close()
        raise
    return channel


def _unless_refused(answer: AnySaid) -> AnySaid:
    if isinstance(answer, Failure):
        raise error_of(answer)
    return answer


def _is_of_a_later_version(body: bytes) -> bool:
    """Whether it is something said whose type this version does not know: it is let pass (PROTOCOL.md, Frames)."""
    try:
        return msgspec.msgpack.decode(body, type=_AnyType).type not in _KNOWN_TYPES
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return False
