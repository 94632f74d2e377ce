"""The acceptor: every listener, every I/O thread in turn, no descriptor left, and an end that is heard."""

import contextlib
import os
import resource
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from secure_chat.errors import AddressUnusable
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.server import acceptor as acceptor_module
from secure_chat.server.acceptor import Acceptor, listen
from secure_chat.server.inbox import Inbox
from secure_chat.server.items import Finished, NewConnection, SupervisorItem
from secure_chat.server.services import IoItem
from tests.support.installation import HOST, Installation
from tests.support.running_core import eventually
from tests.support.wire_client import PATIENCE_SECONDS


class CountedInbox(Inbox[IoItem]):
    """An inbox that says how much waits in it without being emptied."""

    waiting: int = 0

    def put(self, item: IoItem) -> int:
        self.waiting = super().put(item)
        return self.waiting


class World:
    """An acceptor on its thread, and what its I/O threads would find."""

    def __init__(self, io_threads: int, host: str = HOST) -> None:
        self.listeners = listen(host, 0)
        self.port: int = self.listeners[0].getsockname()[1]
        self.inboxes = [CountedInbox() for _ in range(io_threads)]
        self.stop: Inbox[None] = Inbox()
        self.supervisor: Inbox[SupervisorItem] = Inbox()
        self.acceptor = Acceptor(self.listeners, self.inboxes, self.stop, self.supervisor)
        self.taken: list[list[NewConnection]] = [[] for _ in range(io_threads)]

    def take(self) -> int:
        for inbox, taken in zip(self.inboxes, self.taken, strict=True):
            taken += [item for item in inbox.take() if isinstance(item, NewConnection)]
        return sum(map(len, self.taken))


@contextmanager
def world(io_threads: int, host: str = HOST) -> Iterator[World]:
    made = World(io_threads, host)
    thread = threading.Thread(target=made.acceptor.run)
    thread.start()
    try:
        yield made
    finally:
        made.stop.put(None)
        thread.join(PATIENCE_SECONDS)
        made.take()
        for taken in made.taken:
            for connection in taken:
                connection.socket.close()
        assert made.supervisor.take() == [Finished("acceptor", "ended")]
        for inbox in made.inboxes:
            inbox.close()
        made.stop.close()
        made.supervisor.close()


def test_connections_go_to_the_io_threads_in_turn_ready_to_be_polled() -> None:
    with world(3) as made, ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection((HOST, made.port))) for _ in range(9)]
        eventually(lambda: made.take() == 9, "all are accepted")
        assert [len(taken) for taken in made.taken] == [3, 3, 3]
        own = {client.getsockname()[1] for client in clients}
        for connection in (one for taken in made.taken for one in taken):
            assert connection.address == HOST
            assert connection.socket.getpeername()[1] in own
            assert not connection.socket.getblocking()
            assert connection.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_after_its_end_nobody_is_accepted() -> None:
    with world(1) as made:
        port = made.port
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((HOST, port))


def test_an_io_thread_that_does_not_take_its_connections_makes_the_others_wait_in_the_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(acceptor_module, "MAX_WAITING_SOCKETS", 5)
    monkeypatch.setattr(acceptor_module, "ACCEPT_PAUSE_SECONDS", 1000.0)
    with world(1) as made, ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(socket.create_connection((HOST, made.port)))
        eventually(lambda: made.inboxes[0].waiting >= 6, "some are accepted")
        assert made.take() == 6


def test_every_address_of_a_name_is_listened_on_at_one_port() -> None:
    if not socket.has_ipv6:
        pytest.skip("this system has no IPv6")
    with world(1, "localhost") as made, ExitStack() as stack:
        for listener in made.listeners:
            stack.enter_context(socket.create_connection((listener.getsockname()[0], made.port)))
        eventually(lambda: made.take() == len(made.listeners), "each is accepted")


def test_an_address_that_is_not_ours_is_refused_in_words() -> None:
    with pytest.raises(AddressUnusable, match=r"192\.0\.2\.1"):
        listen("192.0.2.1", 0)


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is a system call of Linux")
def test_without_a_descriptor_connections_are_ended_and_later_ones_are_served(core_installation: Installation) -> None:
    with core_installation.start() as process, ExitStack() as stack:
        with core_installation.connect(port=process.port):
            in_use = len(os.listdir(f"/proc/{process.pid}/fd"))
        if sys.platform == "linux":
            _, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (in_use + 20, hard))
        many = [stack.enter_context(socket.create_connection((HOST, process.port))) for _ in range(60)]
        for client in many:
            client.setblocking(False)
        eventually(lambda: sum(map(is_closed, many)) >= 40, "those without a descriptor are ended, not left hanging")
        assert in_use + 20 - len(os.listdir(f"/proc/{process.pid}/fd")) >= 8, "nothing is left for the rest"
        for client in many:
            client.close()

        def is_served() -> bool:
            with contextlib.suppress(OSError, EOFError), core_installation.connect(port=process.port) as honest:
                return isinstance(honest.ask(c.NameQuery(1, "alice")), e.NameFacts)
            return False

        eventually(is_served, "somebody is served again")
        assert process.terminate() == 0


def is_closed(plain: socket.socket) -> bool:
    try:
        return plain.recv(100) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
