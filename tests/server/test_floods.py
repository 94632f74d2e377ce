"""Floods by strangers and by members: each is bounded, and nobody else waits for it."""

import struct
import threading
from contextlib import ExitStack

import pytest

from secure_chat.limits import MAX_PENDING_CIPHERTEXT_BYTES, MAX_SILENT_TLS_BYTES, TURN_SECONDS
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.codec import encode
from secure_chat.server import reading
from secure_chat.server.items import HandlerResult
from secure_chat.server.services import Context, Handler
from tests.support.installation import Installation
from tests.support.raw_connection import RawConnection
from tests.support.running_core import CoreOptions, RunningCore
from tests.support.wire_client import WireClient, client_id

LARGE_FRAME = struct.pack("!I", 200_000)  # the beginning of a frame, of which a byte now and then follows
BEYOND_THE_SYSTEM_S_BUFFERS = 800  # messages of 8 KB


def test_a_byte_of_content_now_and_then_excuses_no_flood_of_key_updates(core_installation: Installation) -> None:
    with (
        RunningCore(core_installation, CoreOptions()) as core,
        core.connect_as("bob") as other,
        RawConnection(core_installation, core.port) as flooder,
    ):
        flooder.log_in("alice")
        records = [flooder.records.seal(LARGE_FRAME)]
        for _ in range(40):
            records += [flooder.records.key_update(asks=False) for _ in range(100)]
            records.append(flooder.records.seal(b"x"))
        flooder.socket.sendall(b"".join(records))
        assert isinstance(other.ask(c.Ping(50)), e.PongReply)
        (failure,) = flooder.read_to_the_end()
        assert isinstance(failure, e.Failure)
        assert (failure.id, failure.code) == (0, "tls.abuse")


def test_answers_to_key_updates_do_not_pile_up_for_who_takes_none(core_installation: Installation) -> None:
    with (
        RunningCore(core_installation, CoreOptions()) as core,
        core.connect_as("bob") as bob,
        RawConnection(core_installation, core.port, receive_buffer=4096) as flooder,
    ):
        flooder.log_in("alice")
        flooder.send(c.RoomOpen(2, "team"))
        flooder.wait_for(1)
        for number in range(BEYOND_THE_SYSTEM_S_BUFFERS):
            bob.post("team", "x" * 8000, client_id(7, number + 1))
        answered = (MAX_PENDING_CIPHERTEXT_BYTES + MAX_SILENT_TLS_BYTES) // 27 + 100  # each with 27 bytes
        records = [flooder.records.seal(LARGE_FRAME)]
        for _ in range(answered):
            records += [flooder.records.key_update(asks=True), flooder.records.seal(b"xy")]
        flooder.socket.sendall(b"".join(records))
        assert isinstance(bob.ask(c.Ping(50_000)), e.PongReply)
        said = flooder.read_to_the_end()
        assert [each.code for each in said if isinstance(each, e.Failure)] == ["tls.abuse"]


def log_in_at_last(core: RunningCore, name: str) -> WireClient:
    """Who is displaced before the login, which is one chance in nine, comes again."""
    for _ in range(50):
        try:
            return core.connect_as(name)
        except EOFError:
            continue
    raise AssertionError("nobody gets in")


def test_strangers_beyond_the_limit_displace_each_other_and_nobody_who_is_logged_in(
    core_installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    most, many = 8, 40
    monkeypatch.setattr(reading, "MAX_STRANGERS", most)
    with RunningCore(core_installation, CoreOptions()) as core, ExitStack() as stack:
        members = [stack.enter_context(core.connect_as(name)) for name in ("alice", "bob")]
        strangers = [stack.enter_context(core.connect()) for _ in range(many)]
        late = stack.enter_context(log_in_at_last(core, "carol"))
        for member in (*members, late):
            assert isinstance(member.ask(c.Ping(9)), e.PongReply)
        left = 0
        for stranger in strangers:
            stranger.send(c.NameQuery(5, "alice"))
            try:
                left += isinstance(stranger.answer_to(5), e.NameFacts)
            except EOFError:
                assert [said.code for said in stranger.said if isinstance(said, e.Failure)] == ["busy"]
    assert 0 < left <= most


class Slow:
    """A handler that takes half a turn for each post; it notes what it handled, in order."""

    def __init__(self, handler: Handler) -> None:
        self.handled: list[type[c.Command]] = []
        self.first_post = threading.Event()
        self.go_on = threading.Event()
        self._handler = handler

    def handle(self, command: c.AnyCommand, context: Context) -> HandlerResult:
        """As the real one, later."""
        self.handled.append(type(command))
        if isinstance(command, c.RoomPost):
            self.first_post.set()
            self.go_on.wait()
            threading.Event().wait(TURN_SECONDS / 2)
        return self._handler.handle(command, context)


def test_requests_that_take_long_leave_the_others_their_turn(core_installation: Installation) -> None:
    handlers: list[Slow] = []

    def wrap(handler: Handler) -> Slow:
        handlers.append(Slow(handler))
        return handlers[0]

    posts = 20
    with (
        RunningCore(core_installation, CoreOptions(wrap_handler=wrap)) as core,
        core.connect_as("alice") as alice,
        core.connect_as("bob") as bob,
    ):
        slow = handlers[0]
        alice.tls.sendall(
            b"".join(encode(c.RoomPost(number, "team", client_id(9, number), "x")) for number in range(1, posts + 1))
        )
        slow.first_post.wait()
        bob.send(c.Ping(70))
        slow.go_on.set()
        bob.answer_to(70)
        for number in range(1, posts + 1):
            assert isinstance(alice.answer_to(number), e.Accepted)
    assert slow.handled.index(c.Ping) < posts
