"""Deadlines on real TLS: too slow at any step, and the connection ends with its reason; honest waiting is free."""

import contextlib
import itertools
import socket
import time

from secure_chat.errors import AuthenticationFailed
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.codec import encode
from secure_chat.server.io_thread import IoConfiguration
from secure_chat.server.services import Store
from tests.support.held_pool import LOGIN, HeldPool, limited, with_pool
from tests.support.installation import HOST, Installation
from tests.support.jumping_clock import JumpingClock, wake
from tests.support.raw_connection import RawConnection
from tests.support.running_core import CoreOptions, GatedStore, RunningCore, eventually, gated, with_durations
from tests.support.wire_client import PATIENCE_SECONDS, WireClient, client_id

NEVER = 1e6  # a deadline that no test is about
HONEST = 60.0  # a deadline that is kept on any machine: what passes it, jumps


def options(**seconds: float) -> CoreOptions:
    return CoreOptions(io=with_durations(IoConfiguration(), **seconds))


def ends_with(client: WireClient, code: str) -> None:
    client.wait_until_closed()
    failures = [said for said in client.said if isinstance(said, e.Failure)]
    assert [(failure.id, failure.code) for failure in failures] == [(0, code)], client.said


def test_a_connection_that_says_nothing_ends_with_the_handshakes_time(core_installation: Installation) -> None:
    with (
        RunningCore(core_installation, options(handshake=0.3)) as core,
        socket.create_connection((HOST, core.port), timeout=PATIENCE_SECONDS) as silent,
    ):
        assert silent.recv(100) == b""


def test_a_dripped_handshake_ends_with_the_handshakes_time(core_installation: Installation) -> None:
    with (
        RunningCore(core_installation, options(handshake=0.3)) as core,
        RawConnection(core_installation, core.port) as dripper,
    ):
        hello = dripper.records.handshake(b"")
        dripper.socket.setblocking(False)
        started = time.monotonic()
        for at in itertools.count():
            if is_closed(dripper.socket):
                break
            if at < len(hello) - 1:
                with contextlib.suppress(ConnectionError):  # closed since it was looked at
                    dripper.socket.send(hello[at : at + 1])
            assert time.monotonic() - started < PATIENCE_SECONDS


def is_closed(plain: socket.socket) -> bool:
    try:
        return plain.recv(100) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_who_does_not_log_in_in_time_is_told_and_dripped_bytes_do_not_count(core_installation: Installation) -> None:
    with RunningCore(core_installation, options(login=0.4)) as core, core.connect() as client:
        client.tls.sendall(encode(LOGIN)[:10])
        ends_with(client, "deadline.passed")


def test_other_questions_do_not_put_the_login_off(core_installation: Installation) -> None:
    with RunningCore(core_installation, options(login=0.4)) as core, core.connect() as client:
        started = time.monotonic()
        with contextlib.suppress(EOFError, OSError):
            while time.monotonic() - started < PATIENCE_SECONDS:
                client.ask(c.NameQuery(client.next_id(), "alice"))
        assert time.monotonic() - started < PATIENCE_SECONDS, "questions have kept the connection open"


def test_waiting_for_the_pool_does_not_count(core_installation: Installation, clock: JumpingClock) -> None:
    pools: list[HeldPool] = []
    chosen = with_pool(pools.append)
    chosen.io = with_durations(IoConfiguration(), login=HONEST, idle=NEVER)
    with RunningCore(core_installation, chosen) as core, core.connect() as client:
        client.send(LOGIN)
        eventually(lambda: bool(pools[0].waiting), "the login has arrived")
        clock.jump(2 * HONEST)
        wake(core)
        assert not client.pump(0.1), "something was said to who only waits"
        pools[0].answer(AuthenticationFailed())
        reply = client.answer_to(1)
        assert isinstance(reply, e.Failure)
        assert reply.code == "auth.failed"


def test_who_may_only_recover_has_a_time_for_it(core_installation: Installation) -> None:
    pools: list[HeldPool] = []
    chosen = with_pool(pools.append)
    chosen.io = with_durations(IoConfiguration(), limited=0.3)
    with RunningCore(core_installation, chosen) as core, core.connect() as client:
        client.send(LOGIN)
        eventually(lambda: bool(pools[0].waiting), "the login has arrived")
        pools[0].answer(limited(1))
        assert isinstance(client.answer_to(1), e.WelcomeLimited)
        ends_with(client, "deadline.passed")


def test_a_frame_that_does_not_end_ends_its_connection_however_it_is_dripped(
    core_installation: Installation, clock: JumpingClock
) -> None:
    with (
        RunningCore(core_installation, options(frame=HONEST, idle=NEVER)) as core,
        core.connect_as("alice") as client,
    ):
        frame = encode(c.RoomPost(5, "team", bytes(16), "x" * 4000))
        client.tls.sendall(encode(c.Ping(4)) + frame[:100])
        assert isinstance(client.answer_to(4), e.PongReply)  # so what followed in one record has been read as well
        for at in range(100, 104):
            clock.jump(HONEST / 8)
            wake(core)
            assert not client.pump(0.01)
            client.tls.sendall(frame[at : at + 1])
        clock.jump(HONEST * 3 / 4)  # more than is left of the frame's time, less than the last byte's would be
        wake(core)
        ends_with(client, "deadline.passed")


def test_frames_that_end_have_each_its_own_time(core_installation: Installation, clock: JumpingClock) -> None:
    with (
        RunningCore(core_installation, options(frame=HONEST, idle=NEVER)) as core,
        core.connect_as("alice") as client,
    ):
        pings = [encode(c.Ping(number)) for number in range(100, 120)]
        client.tls.sendall(pings[0][:-1])  # every piece ends within a frame, but the last
        for number, following in enumerate([*pings[1:], b"x"], start=100):
            client.tls.sendall(pings[number - 100][-1:] + following[:-1])
            assert isinstance(client.answer_to(number), e.PongReply)
            clock.jump(HONEST / 2)
            wake(core)


def test_who_is_idle_is_asked_and_whoever_answers_stays(core_installation: Installation, clock: JumpingClock) -> None:
    with (
        RunningCore(core_installation, options(idle=0.2, pong=HONEST)) as core,
        RawConnection(core_installation, core.port) as client,
    ):
        client.log_in("alice")
        for _ in range(4):
            (ping,) = client.wait_for(1)
            assert isinstance(ping, e.PingEvent)
            clock.jump(HONEST / 2)
            client.send(c.Pong(ping.id))


def test_who_is_idle_and_does_not_answer_is_told_and_left(core_installation: Installation) -> None:
    with (
        RunningCore(core_installation, options(idle=0.2, pong=0.2)) as core,
        RawConnection(core_installation, core.port) as client,
    ):
        client.log_in("alice")
        ping, failure = client.read_to_the_end()
        assert isinstance(ping, e.PingEvent)
        assert isinstance(failure, e.Failure)
        assert (failure.id, failure.code) == (0, "deadline.passed")


def test_who_takes_nothing_while_something_waits_is_left_and_the_others_have_everything(
    core_installation: Installation,
) -> None:
    with (
        RunningCore(core_installation, options(slow=0.6, drain=0.3)) as core,
        core.connect_as("bob") as bob,
        RawConnection(core_installation, core.port, receive_buffer=4096) as slow,
    ):
        slow.log_in("alice")
        slow.send(c.RoomOpen(2, "hall"))
        (opened,) = slow.wait_for(1)
        assert isinstance(opened, e.RoomOpened)
        bob.open("hall")
        posted, gone = 0, False
        while not gone:
            posted += 1
            bob.post("hall", "x" * 8000, client_id(90, posted))
            gone = any(isinstance(said, e.Presence) and "alice" in said.offline for said in bob.said)
        numbers = [said.number for said in bob.said if isinstance(said, e.Message)]
        while len(numbers) < posted:
            numbers.append(bob.wait_for(e.Message).number)
        assert numbers == list(range(numbers[0], numbers[0] + posted))
        with core.connect_as("alice") as back:
            last_seen = opened.after + 1
            reopened = back.open("hall", last_seen)
            assert reopened.head == numbers[-1]
            first = back.wait(lambda said: isinstance(said, e.RoomGap | e.Message))
            if isinstance(first, e.RoomGap):
                assert first.first == last_seen + 1
            else:
                assert isinstance(first, e.Message)
                assert first.number == last_seen + 1


def test_while_a_connection_is_not_read_its_clocks_stand_still(
    core_installation: Installation, clock: JumpingClock
) -> None:
    stores: list[GatedStore] = []

    def wrap(store: Store) -> GatedStore:
        stores.append(GatedStore(store))
        return stores[0]

    chosen = options(frame=HONEST, busy=NEVER, idle=NEVER)
    chosen.wrap_store = wrap
    with RunningCore(core_installation, chosen) as core, core.connect_as("alice") as client:
        posts = [c.RoomPost(number, "team", client_id(92, number), "x") for number in range(100, 140)]
        last = encode(posts[-1])
        with gated(core, stores[0]):
            client.tls.sendall(b"".join(map(encode, posts[:-1])) + last[:20])
            wake(core)  # and have it read what it will
            clock.jump(2 * HONEST)
            wake(core)
            while client.pump(0.1):  # nothing but what was said before may come
                assert not any(isinstance(said, e.Failure) for said in client.said)
        for number in range(100, 139):
            assert isinstance(client.answer_to(number), e.Accepted)
        clock.jump(HONEST / 2)  # the frame's time begins anew once it can be read, so this much is still to be had
        wake(core)
        client.tls.sendall(last[20:])
        assert isinstance(client.answer_to(139), e.Accepted)
