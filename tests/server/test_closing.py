"""How a connection ends: the last word arrives, TLS and TCP are ended in order, and nobody is waited for too long."""

import socket
import threading

import pytest

from secure_chat.limits import MAX_PENDING_CIPHERTEXT_BYTES
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.codec import encode
from secure_chat.server.closing import Closing
from secure_chat.server.connection import Connection, Phase
from secure_chat.server.connections import Connections
from secure_chat.server.deadlines import Durations
from secure_chat.server.delivery import Delivery
from secure_chat.server.io_thread import IoConfiguration
from secure_chat.server.items import Origin
from secure_chat.server.poller import PlainPoller
from secure_chat.server.ring import Rings
from secure_chat.server.tls_channel import TlsChannel, TlsMemory
from secure_chat.server.writing import Writing
from tests.support.installation import Installation
from tests.support.raw_connection import RawConnection
from tests.support.running_core import CoreOptions, RunningCore, eventually, with_durations
from tests.support.wire_client import PATIENCE_SECONDS, client_id


def test_the_last_word_arrives_although_more_was_sent_to_the_server_than_it_wants(
    core_installation: Installation,
) -> None:
    with RunningCore(core_installation, CoreOptions()) as core:
        for _ in range(20):
            with RawConnection(core_installation, core.port) as client:
                client.handshake()
                client.wait_for(1)
                records = client.records
                client.socket.sendall(records.seal(bytes(4)) + b"".join(records.seal(bytes(1000)) for _ in range(50)))
                (failure,) = client.read_to_the_end()
                assert isinstance(failure, e.Failure)
                assert failure.code == "frame.invalid"


def test_the_end_is_said_in_tls_before_it_is_said_in_tcp(core_installation: Installation) -> None:
    with RunningCore(core_installation, CoreOptions()) as core, core.connect() as client:
        client.tls.sendall(bytes(4))
        assert isinstance(client.wait_for(e.Failure), e.Failure)
        assert client.tls.recv(100) == b""  # an end without close_notify raises SSLEOFError
        plain = client.tls.detach()
        with socket.socket(fileno=plain) as raw:
            raw.settimeout(PATIENCE_SECONDS)
            assert raw.recv(100) == b""


def test_close_notify_is_said_once(core_installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[TlsChannel] = []
    close_notify = TlsChannel.close_notify

    def counted(channel: TlsChannel) -> bytes:
        said.append(channel)
        return close_notify(channel)

    monkeypatch.setattr(TlsChannel, "close_notify", counted)
    with RunningCore(core_installation, CoreOptions()) as core:
        for _ in range(10):
            with core.connect() as client:
                client.tls.sendall(bytes(4))
                client.wait_until_closed()
    assert len(said) == len(set(map(id, said))) == 10


def test_who_says_goodbye_is_told_goodbye(core_installation: Installation) -> None:
    with RunningCore(core_installation, CoreOptions()) as core, core.connect_as("alice") as client:
        client.tls.settimeout(PATIENCE_SECONDS)
        client.tls.unwrap().close()  # both have said close_notify, or it raises


def takes(plain: socket.socket) -> bool:
    try:
        plain.sendall(b"x")
    except OSError:
        return False
    return True


def test_after_the_end_input_is_thrown_away_for_a_moment_and_no_longer(core_installation: Installation) -> None:
    options = CoreOptions(io=with_durations(IoConfiguration(), discard=0.3))
    with RunningCore(core_installation, options) as core, RawConnection(core_installation, core.port) as client:
        client.handshake()
        client.wait_for(1)
        client.socket.sendall(client.records.seal(bytes(4)))
        client.read_to_the_end()
        eventually(lambda: not takes(client.socket), "the server has let go")


def test_who_does_not_take_the_last_word_is_left_when_its_time_is_over(
    core_installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    phases: list[Phase | None] = []
    begin = Closing.begin

    def watched(closing: Closing, connection: Connection, frame: bytes, reason: str, now: float) -> None:
        begin(closing, connection, frame, reason, now)
        phases.append(connection.closing)

    monkeypatch.setattr(Closing, "begin", watched)
    options = CoreOptions(io=with_durations(IoConfiguration(), drain=0.4))
    with (
        RunningCore(core_installation, options) as core,
        core.connect_as("bob") as bob,
        RawConnection(core_installation, core.port, receive_buffer=4096) as slow,
    ):
        slow.log_in("alice")
        slow.send(c.RoomOpen(2, "hall"))
        slow.wait_for(1)
        bob.open("hall")
        for first in range(0, 900, 50):  # more than the system's buffers between them
            posts = [
                c.RoomPost(1000 + first + number, "hall", client_id(91, first + number), "x" * 8000)
                for number in range(50)
            ]
            bob.tls.sendall(b"".join(map(encode, posts)))
            bob.answer_to(1000 + first + 49)
        slow.socket.sendall(slow.records.seal(bytes(4)))
        eventually(lambda: Phase.FLUSHING in phases, "the slow one is being closed")
        bob.wait(lambda said: isinstance(said, e.Presence) and "alice" in said.offline)


def test_the_plain_socket_is_ended_and_closed_by_the_thread_that_owns_it(
    core_installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[str] = set()
    end_sending = Closing._end_sending

    def watched(closing: Closing, connection: Connection, now: float) -> None:
        threads.add(threading.current_thread().name)
        end_sending(closing, connection, now)

    monkeypatch.setattr(Closing, "_end_sending", watched)
    with RunningCore(core_installation, CoreOptions()) as core, core.connect() as client:
        client.tls.sendall(bytes(4))
        client.wait_until_closed()
    assert threads == {"io-0"}


def test_what_is_flushed_at_the_end_is_bounded_and_ends_with_the_last_word() -> None:
    with socket.socket() as plain:
        connection = Connection(Origin(0, 1), plain, "test", 0.0)
        connections, durations = Connections(PlainPoller()), Durations()
        writing = Writing(connections, TlsMemory(), durations)
        closing = Closing(connections, writing, Delivery(writing, Rings(1)), durations, memoryview(bytearray(1)))
        for number in range(9):
            connection.say(bytes((number,)) * 10_000)
        closing._keep_what_may_be_flushed(connection, b"the last word")
        assert connection.direct is not None
        assert [frame[:1] for frame in connection.direct[:-1]] == [bytes((number,)) for number in range(6)]
        assert connection.direct[-1] == b"the last word"
        assert connection.direct_bytes == sum(map(len, connection.direct)) <= MAX_PENDING_CIPHERTEXT_BYTES
