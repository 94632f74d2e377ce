"""The server as a whole: the order of its end, signals, and what it does when a part of it breaks."""

import signal
import socket
import threading
from collections.abc import Iterator, Sequence

import pytest

from secure_chat import limits
from secure_chat.errors import AddressInUse, StorageFailed
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.codec import encode
from secure_chat.server.acceptor import listen
from secure_chat.server.io_thread import IoConfiguration
from secure_chat.server.items import HandlerResult, Reload
from secure_chat.server.services import Context, Handler, Store
from secure_chat.storage.entries import AnyEntry
from secure_chat.storage.outcomes import Committed
from tests.support.installation import HOST, Installation
from tests.support.running_core import CoreOptions, GatedStore, RunningCore, connected, eventually, gated
from tests.support.wire_client import PATIENCE_SECONDS, client_id


class Broken(BaseException):
    """An error that nobody expects."""


class BreakingHandler:
    """Ends the thread that asks for it."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    def handle(self, command: c.AnyCommand, context: Context) -> HandlerResult:
        if isinstance(command, c.RoomPost) and command.text == "break":
            raise Broken
        return self._handler.handle(command, context)


class BreakingStore(GatedStore):
    """Its next commit raises."""

    error: BaseException | None = None

    def commit(self, batch: Sequence[AnyEntry], now_ms: int) -> Committed:
        if self.error is not None:
            raise self.error
        return super().commit(batch, now_ms)


@pytest.fixture
def stores() -> Iterator[list[BreakingStore]]:
    made: list[BreakingStore] = []
    yield made
    for store in made:
        store.gate.set()


def options_with(stores: list[BreakingStore]) -> CoreOptions:
    def wrap(store: Store) -> BreakingStore:
        stores.append(BreakingStore(store))
        return stores[-1]

    return CoreOptions(wrap_store=wrap)


def test_everybody_is_told_of_the_end_and_when_to_come_back_each_another_time(core_installation: Installation) -> None:
    with RunningCore(core_installation, CoreOptions()) as core, connected(core, ["alice", "bob", "carol"]) as clients:
        stranger = core.connect()
        assert core.stop() == 0
        waits = []
        for client in (*clients, stranger):
            client.wait_until_closed()
            (closing,) = [said for said in client.said if isinstance(said, e.ServerClosing)]
            waits.append(closing.retry_after)
            client.close()
        least = limits.STOP_RETRY_AFTER_SECONDS
        assert all(least <= wait <= 2 * least for wait in waits)
        assert core.ended_at_once == []


def test_whatever_had_arrived_is_decided_and_answered_before_the_goodbye(
    core_installation: Installation, stores: list[BreakingStore]
) -> None:
    with RunningCore(core_installation, options_with(stores)) as core, core.connect_as("alice") as client:
        after = client.open("team").head
        stopped: list[int] = []
        stopper = threading.Thread(target=lambda: stopped.append(core.stop()))
        with gated(core, stores[0]):
            posts = [c.RoomPost(100 + number, "team", client_id(60, number), "x") for number in range(20)]
            client.tls.sendall(b"".join(map(encode, posts)) + encode(c.Ping(99)))
            assert isinstance(client.answer_to(99), e.PongReply)
            stopper.start()
            eventually(lambda: not accepts(core.port), "nothing is accepted any more")
        client.wait_until_closed()
        stopper.join()
        assert stopped == [0]
        said = [each for each in client.said if not isinstance(each, e.Presence)]
        assert sum(isinstance(each, e.Accepted) for each in said) == 20
        assert [each.number for each in said if isinstance(each, e.Message)] == list(range(after + 1, after + 21))
        assert isinstance(said[-1], e.ServerClosing)
    with RunningCore(core_installation, CoreOptions()) as core, core.connect_as("alice") as client:
        assert client.open("team").head == after + 20


def accepts(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=PATIENCE_SECONDS).close()
    except OSError:
        return False
    return True


def test_the_second_word_to_stop_ends_the_process_at_once(
    core_installation: Installation, stores: list[BreakingStore]
) -> None:
    with RunningCore(core_installation, options_with(stores)) as core, gated(core, stores[0]):
        core.server.stop("once")
        core.server.stop("twice")
        eventually(lambda: core.ended_at_once == [1], "it ends at once")


@pytest.mark.parametrize("io_threads", [1, 2])
def test_an_io_thread_that_dies_takes_the_server_with_it_and_says_why(
    core_installation: Installation, capfd: pytest.CaptureFixture[str], io_threads: int
) -> None:
    options = CoreOptions(wrap_handler=BreakingHandler)
    options.io = IoConfiguration(io_threads=io_threads)
    with RunningCore(core_installation, options) as core, core.connect_as("alice") as client:
        client.send(c.RoomPost(5, "team", bytes(16), "break"))
        assert core.wait() == 1
    captured = capfd.readouterr()
    assert "the thread io-0 has died" in captured.err
    assert "Broken" in captured.err


def test_a_journal_that_dies_takes_the_server_with_it(
    core_installation: Installation, stores: list[BreakingStore], capfd: pytest.CaptureFixture[str]
) -> None:
    with RunningCore(core_installation, options_with(stores)) as core, core.connect_as("alice") as client:
        stores[0].error = Broken()
        client.send(c.RoomPost(5, "team", bytes(16), "x"))
        assert core.wait() == 1
    assert "the thread journal has died" in capfd.readouterr().err


def test_failed_storage_still_answers_reads_for_a_while_and_then_the_server_ends(
    core_installation: Installation, stores: list[BreakingStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "READ_ONLY_SECONDS", 1.0)
    with RunningCore(core_installation, options_with(stores)) as core, core.connect_as("alice") as client:
        stores[0].error = StorageFailed()
        for number in range(3):
            reply = client.answer_to(client.send(c.RoomPost(5 + number, "team", client_id(61, number), "x")))
            assert isinstance(reply, e.Failure)
            assert reply.code == "storage.failed"
        assert isinstance(client.ask(c.RoomHistory(9, "team", 1, 5)), e.HistoryPage)
        assert core.wait() == 1
        client.wait_until_closed()
        assert any(isinstance(said, e.ServerClosing) for said in client.said)


def test_a_reload_greets_new_connections_anew_and_leaves_the_others_alone(core_installation: Installation) -> None:
    options = CoreOptions()
    with RunningCore(core_installation, options) as core, core.connect_as("alice") as client:
        old = core.live(options)
        core.server.reload(type(old)(old.tls, "open", old.rates, old.handler))

        def greets_anew() -> bool:
            with core.connect() as new:
                return new.hello.registration == "open"

        eventually(greets_anew, "hello says what was reloaded")
        assert isinstance(client.ask(c.Ping(5)), e.PongReply)


def test_a_signal_for_a_reload_asks_the_hook(core_installation: Installation) -> None:
    with RunningCore(core_installation, CoreOptions()) as core:
        core.server._supervisor.put(Reload())
        eventually(lambda: core.reloads == 1, "the hook was asked")


def test_an_address_in_use_is_said_so_and_nothing_stays_open(core_installation: Installation) -> None:
    (taken,) = listen(HOST, 0)
    with taken, pytest.raises(AddressInUse):
        listen(HOST, taken.getsockname()[1])
    assert core_installation.port >= 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_stops_in_order_by_a_signal(core_installation: Installation, number: signal.Signals) -> None:
    with core_installation.start() as process, core_installation.connect_as("alice", port=process.port) as client:
        process.process.send_signal(number)
        client.wait_until_closed()
        assert any(isinstance(said, e.ServerClosing) for said in client.said)
        assert process.process.wait(PATIENCE_SECONDS) == 0, "".join(process.errors)


def test_a_process_goes_on_after_a_signal_to_reload(core_installation: Installation) -> None:
    with core_installation.start() as process, core_installation.connect_as("alice", port=process.port) as client:
        process.process.send_signal(signal.SIGHUP)
        assert isinstance(client.ask(c.Ping(5)), e.PongReply)
        with core_installation.connect_as("bob", port=process.port) as other:
            assert isinstance(other.ask(c.Ping(5)), e.PongReply)
        assert process.terminate() == 0
