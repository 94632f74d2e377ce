"""Handshakes: clear text is never heard, the silent and the slow are displaced, the honest come through."""

import contextlib
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from secure_chat.certificates.contexts import client_context
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.codec import encode
from secure_chat.server import handshakes as handshakes_module
from secure_chat.server.connection import Connection
from secure_chat.server.handshakes import Handshakes
from secure_chat.server.items import HandlerResult
from secure_chat.server.services import Context, Handler
from tests.support.installation import HOST, Installation
from tests.support.raw_connection import RawConnection
from tests.support.running_core import CoreOptions, RunningCore, eventually
from tests.support.wire_client import PATIENCE_SECONDS

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() resets


class ListeningHandler:
    """Notes every command that comes through."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.heard: list[c.AnyCommand] = []

    def handle(self, command: c.AnyCommand, context: Context) -> HandlerResult:
        self.heard.append(command)
        return self._handler.handle(command, context)


@contextmanager
def listening(installation: Installation) -> Iterator[tuple[RunningCore, list[c.AnyCommand]]]:
    made: list[ListeningHandler] = []

    def wrap(handler: Handler) -> ListeningHandler:
        made.append(ListeningHandler(handler))
        return made[0]

    with RunningCore(installation, CoreOptions(wrap_handler=wrap)) as core:
        yield core, made[0].heard


def say_in_clear_and_reset(installation: Installation, times: int) -> None:
    """A frame without TLS, then a reset before any ClientHello: the fault of CVE-2023-40217, which cannot be here."""
    with listening(installation) as (core, heard):
        clear = encode(c.NameQuery(1, "eve"))
        for number in range(times):
            with socket.create_connection((HOST, core.port)) as plain:
                plain.sendall(clear)
                if number % 2:
                    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                else:
                    plain.shutdown(socket.SHUT_WR)
        with core.connect() as honest:
            honest.ask(c.NameQuery(2, "alice"))
        assert heard == [c.NameQuery(2, "alice")]


def test_what_is_said_in_clear_before_a_reset_is_never_heard(core_installation: Installation) -> None:
    say_in_clear_and_reset(core_installation, 300)


@pytest.mark.long
def test_what_is_said_in_clear_before_a_reset_is_never_heard_5000_times(core_installation: Installation) -> None:
    say_in_clear_and_reset(core_installation, 5000)


def test_clear_text_after_the_hello_ends_the_connection(core_installation: Installation) -> None:
    with listening(core_installation) as (core, heard), RawConnection(core_installation, core.port) as client:
        client.socket.sendall(client.records.handshake(b"") + encode(c.NameQuery(1, "eve")))
        with contextlib.suppress(EOFError, ConnectionError, ssl.SSLError):  # an alert, if it is quicker than the end
            client.handshake()
            client.read_to_the_end()
        assert client.said == []
        assert heard == []


def test_a_client_of_another_protocol_hears_nothing(core_installation: Installation) -> None:
    context = client_context(core_installation.authority)
    context.set_alpn_protocols(["http/1.1"])
    with (
        listening(core_installation) as (core, heard),
        socket.create_connection((HOST, core.port), timeout=PATIENCE_SECONDS) as plain,
    ):
        received = b""
        with contextlib.suppress(OSError), context.wrap_socket(plain, server_hostname=HOST) as tls:
            tls.sendall(encode(c.NameQuery(1, "eve")))
            received = tls.recv(100)
        assert received == b""
        assert heard == []


def test_older_versions_of_tls_are_refused(core_installation: Installation) -> None:
    context = client_context(core_installation.authority)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        RunningCore(core_installation, CoreOptions()) as core,
        socket.create_connection((HOST, core.port), timeout=PATIENCE_SECONDS) as plain,
        pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"),
    ):
        context.wrap_socket(plain, server_hostname=HOST)


def test_no_session_ticket_is_sent(core_installation: Installation) -> None:
    with RunningCore(core_installation, CoreOptions()) as core, core.connect() as client:
        client.ask(c.NameQuery(1, "alice"))
        assert client.tls.session is None or not client.tls.session.has_ticket


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshakes_module, "MAX_UNFINISHED_HANDSHAKES", 8)
    monkeypatch.setattr(handshakes_module, "MAX_SILENT_CONNECTIONS", 16)


@pytest.mark.usefixtures("small_limits")
def test_of_too_many_silent_connections_one_is_displaced_for_each_new_one(core_installation: Installation) -> None:
    with RunningCore(core_installation, CoreOptions()) as core, ExitStack() as stack:
        silent = [stack.enter_context(socket.create_connection((HOST, core.port))) for _ in range(40)]
        for plain in silent:
            plain.setblocking(False)
        eventually(lambda: sum(map(is_closed, silent)) == 40 - 16, "the surplus is displaced")
        ask_until_through(core)


@pytest.mark.usefixtures("small_limits")
def test_of_too_many_begun_handshakes_one_is_displaced_for_each_new_one(core_installation: Installation) -> None:
    with RunningCore(core_installation, CoreOptions()) as core, ExitStack() as stack:
        begun = [stack.enter_context(RawConnection(core_installation, core.port)) for _ in range(30)]
        for client in begun:
            client.socket.sendall(client.records.handshake(b""))
        gone = 0
        for client in begun:
            try:
                client.received()  # the server's flight, whole: these are in the middle
                client.socket.setblocking(False)
            except (EOFError, ConnectionError):
                gone += 1
        eventually(lambda: sum(is_closed(client.socket) for client in begun) == 30 - 8, "the surplus is displaced")
        ask_until_through(core)


def ask_until_through(core: RunningCore) -> None:
    """Somebody honest comes through; chance may displace him as anybody else, and then he tries again."""
    for _ in range(100):
        with contextlib.suppress(EOFError, OSError), core.connect() as honest:
            assert isinstance(honest.ask(c.NameQuery(1, "alice")), e.NameFacts)
            return
    pytest.fail("a hundred tries, and displaced each time")


def is_closed(plain: socket.socket) -> bool:
    try:
        return plain.recv(65536) == b""
    except BlockingIOError:
        return False
    except (ConnectionError, TimeoutError):
        return True


def test_a_turn_takes_no_more_steps_than_its_limit(
    core_installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    step, advance = Handshakes._step, Handshakes.advance

    def counted_step(handshakes: Handshakes, connection: Connection, now: float) -> None:
        steps[-1] += 1
        step(handshakes, connection, now)

    def counted_turn(handshakes: Handshakes, now: float, until: float, clock: Callable[[], float]) -> None:
        steps.append(0)
        advance(handshakes, now, until, clock)

    monkeypatch.setattr(handshakes_module, "MAX_HANDSHAKE_STEPS_A_TURN", 3)
    monkeypatch.setattr(Handshakes, "_step", counted_step)
    monkeypatch.setattr(Handshakes, "advance", counted_turn)
    with RunningCore(core_installation, CoreOptions()) as core, ExitStack() as stack:
        clients = [stack.enter_context(RawConnection(core_installation, core.port)) for _ in range(40)]
        for client in clients:
            client.socket.sendall(client.records.handshake(b""))
        for client in clients:
            client.received()
    assert max(steps) <= 3
    assert sum(steps) >= 40
