"""An authentication pool that answers when a test says so."""

from collections.abc import Callable
from typing import Final

from secure_chat.errors import ChatError
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.codec import encode
from secure_chat.server.items import Answer, AuthenticationRequest, Limited, Origin
from secure_chat.server.services import AnswerSink
from secure_chat.server.session import LimitedSession
from tests.support.running_core import CoreOptions, NoPool

LOGIN: Final = c.Login(1, "alice", bytes(32))


class HeldPool(NoPool):
    """Keeps the requests until a test answers them."""

    def __init__(self, sink: AnswerSink) -> None:
        self.sink = sink
        self.waiting: list[tuple[Origin, AuthenticationRequest]] = []
        self.forgotten: list[Origin] = []

    def submit(self, origin: Origin, request: AuthenticationRequest, address: str) -> None:
        assert address == "127.0.0.1"
        self.waiting.append((origin, request))

    def forget(self, origin: Origin) -> None:
        self.forgotten.append(origin)

    def answer(self, result: bytes | Limited | ChatError) -> None:
        origin, request = self.waiting.pop(0)
        self.sink.answer(origin.io_thread, Answer(origin.serial, request.id, result))


def with_pool(make: Callable[[HeldPool], object]) -> CoreOptions:
    def make_pool(sink: AnswerSink) -> HeldPool:
        pool = HeldPool(sink)
        make(pool)
        return pool

    return CoreOptions(make_pool=make_pool)


def limited(request: int) -> Limited:
    session = LimitedSession(1, bytes(16), "alice")
    return Limited(session, encode(e.WelcomeLimited(request, bytes(16), "alice", b"")))
