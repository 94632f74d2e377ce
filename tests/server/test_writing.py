"""Writing: one write at a time, the rest in its order, and what TLS cannot write yet."""

import socket
import ssl
from collections.abc import Iterator

import pytest

from secure_chat.server.connection import NEVER, Connection
from secure_chat.server.connections import Connections
from secure_chat.server.deadlines import Durations
from secure_chat.server.items import Origin
from secure_chat.server.poller import READABLE, WRITABLE, make_poller
from secure_chat.server.tls_channel import TlsChannel, TlsMemory
from secure_chat.server.writing import Writing


class PlainChannel(TlsChannel):
    """TLS that changes nothing. `wants` counts the writes that want to read first; `taken` is what they take."""

    __slots__ = ("taken", "wants")

    def __init__(self, memory: TlsMemory) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        super().__init__(context, memory)
        self.wants = 0
        self.taken = 0

    def encrypt(self, plaintext: bytes) -> bytes:
        if self.wants:
            self.wants -= 1
            self.left = plaintext[self.taken :]
            return plaintext[: self.taken]
        return plaintext


class World:
    """A connection whose other end is in the test's hands."""

    def __init__(self) -> None:
        self.poller = make_poller()
        self.connections = Connections(self.poller)
        memory = TlsMemory()
        self.writing = Writing(self.connections, memory, Durations(slow=5.0))
        mine, self.peer = socket.socketpair()
        mine.setblocking(False)
        mine.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.connection = Connection(Origin(0, 1), mine, "test", 0.0)
        self.channel = self.connection.channel = PlainChannel(memory)
        self.connections.add(self.connection)

    def received(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += self.peer.recv(size - len(data))
        return data


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.poller.close()
    made.connection.socket.close()
    made.peer.close()


def test_what_the_socket_takes_at_once_leaves_nothing_behind(world: World) -> None:
    world.writing.write(world.connection, b"hello", 1.0)
    assert world.received(5) == b"hello"
    assert world.connection.blocked_since == NEVER
    assert world.connection.interest == READABLE


def test_what_the_socket_does_not_take_waits_and_goes_out_in_order(world: World) -> None:
    plaintext = bytes(range(256)) * 4000
    world.writing.write(world.connection, plaintext, 1.0)
    assert world.connection.blocked_since == 1.0
    assert world.connection.interest == READABLE | WRITABLE
    assert world.connections.wheel.seconds_until_due(1.0) == 5.0
    world.writing.send(world.connection, b"an alert", 1.0)  # TLS itself may have something to say meanwhile
    received, now = b"", 1.0
    while True:
        received += world.peer.recv(10_000)
        now += 1.0
        before = len(world.connection.pending)
        if world.writing.writable(world.connection, now):
            break
        assert world.connection.blocked_since == now or len(world.connection.pending) == before
    received += world.received(len(plaintext) + 8 - len(received))
    assert received == plaintext + b"an alert"
    assert world.connection.blocked_since == NEVER
    assert world.connection.interest == READABLE


def test_a_reader_that_takes_nothing_is_blocked_since_the_first_time(world: World) -> None:
    world.writing.write(world.connection, bytes(1_000_000), 1.0)
    for now in (2.0, 3.0):
        assert not world.writing.writable(world.connection, now)
    assert world.connection.blocked_since == 1.0


def test_a_write_that_wants_to_read_first_goes_on_after_input(world: World) -> None:
    world.channel.wants, world.channel.taken = 2, 3
    world.writing.write(world.connection, b"abcdef", 1.0)
    assert world.received(3) == b"abc"
    assert world.connection.blocked_since == 1.0
    world.channel.taken = 1
    assert not world.writing.unblock(world.connection, 2.0)
    assert world.received(1) == b"d"
    assert world.writing.unblock(world.connection, 3.0)
    assert world.received(2) == b"ef"
    assert world.connection.blocked_since == NEVER


def test_a_broken_socket_loses_its_connection_and_nothing_is_raised(world: World) -> None:
    world.peer.close()
    world.writing.write(world.connection, b"hello", 1.0)
    assert world.connection.gone
    assert [lost.serial for lost, _ in world.connections.lost] == [1]
    world.writing.write(world.connection, b"hello", 1.0)
    assert len(world.connections.lost) == 1
