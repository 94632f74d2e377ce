"""A TLS server that a test writes the words of; it keeps every byte that a client has sent inside of TLS."""

import contextlib
import secrets
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from typing import Final, Self

from secure_chat.limits import MAX_FRAME_BYTES
from secure_chat.protocol.codec import decode_command, encode
from secure_chat.protocol.commands import AnyCommand
from secure_chat.protocol.events import Hello, Said
from secure_chat.protocol.frames import FrameReader
from tests.support.installation import HOST

Answer = Callable[[AnyCommand], Iterable[Said | bytes]]
_WAIT_SECONDS: Final = 60.0


def silence(_command: AnyCommand) -> Iterable[Said | bytes]:
    """Answer nothing."""
    return ()


class ScriptedServer:
    """Serves one connection after the other: hello, then what `answer` says to each command; closes after `closes`."""

    def __init__(
        self,
        context: ssl.SSLContext,
        log_key: bytes,
        answer: Answer = silence,
        *,
        registration: str = "invite",
        first_words: bytes | None = None,
    ) -> None:
        """`first_words`: in place of hello."""
        self.received = b""  # by all connections together
        self.commands: list[AnyCommand] = []
        self.connections = 0
        self.ended = threading.Event()  # a connection has ended, whatever it was
        self.idle = threading.Event()  # none is open
        self.idle.set()
        self._context = context
        self._answer = answer
        self._hello = Hello(secrets.token_bytes(32), log_key, registration)
        self._first_words = first_words
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, name="scripted-server")
        self._stopping = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), timeout=_WAIT_SECONDS):
            pass
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        while True:
            plain, _ = self._listener.accept()
            with plain:
                if self._stopping:
                    return
                self.idle.clear()
                self.connections += 1
                plain.settimeout(_WAIT_SECONDS)
                with contextlib.suppress(OSError):  # a client that refuses this server, or has enough of it
                    self._serve(plain)
                self.ended.set()
            self.idle.set()

    def _serve(self, plain: socket.socket) -> None:
        with self._context.wrap_socket(plain, server_side=True) as tls:
            tls.sendall(encode(self._hello) if self._first_words is None else self._first_words)
            frames = FrameReader(MAX_FRAME_BYTES)
            while data := tls.recv(65536):
                self.received += data
                for body in frames.feed(data):
                    command = decode_command(body)
                    self.commands.append(command)
                    for said in self._answer(command):
                        if said == b"":
                            return
                        tls.sendall(said if isinstance(said, bytes) else encode(said))
