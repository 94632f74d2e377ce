"""A connection that is lost comes back by itself: nothing is lost, doubled or out of order, and the screen is told."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from secure_chat.client.backoff import BackoffLimits
from secure_chat.client.core import Options
from secure_chat.client.events import (
    CatchUpBegan,
    CatchUpEnded,
    Connected,
    Connecting,
    Countdown,
    Disconnected,
    Heard,
    LineAccepted,
    LineDelayed,
    LineQueued,
    RoomEntered,
    ServerStopping,
    Settled,
    Stopped,
)
from secure_chat.client.persistence import Persistence
from secure_chat.protocol.events import Message
from tests.support.client_people import TestClient, options, vault_of
from tests.support.cutting_proxy import CuttingProxy
from tests.support.installation import HOST, UNHURRIED, Installation, ServerProcess

LINES = 60
CUTS = 12


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    made = Installation(tmp_path_factory.mktemp("server"))
    made.seed([f"person-{letter}{letter}" for letter in "abcdefghkn"], ["dev"])
    return made


@pytest.fixture(scope="module")
def server(installation: Installation) -> Iterator[ServerProcess]:
    with installation.start() as running:
        yield running


@pytest.fixture
def proxy(server: ServerProcess) -> Iterator[CuttingProxy]:
    with CuttingProxy(HOST, server.port) as between:
        yield between


_unused = iter([f"person-{letter}{letter}" for letter in "abcdefghkn"])


def somebody(installation: Installation, tmp_path: Path, port: int) -> TestClient:
    person = installation.people[next(_unused)]
    return TestClient(vault_of(installation, person, tmp_path / secrets.token_hex(4), port=port))


def somebody_of(installation: Installation, name: str, tmp_path: Path) -> TestClient:
    return TestClient(vault_of(installation, installation.people[name], tmp_path / "vault"))


def test_through_a_proxy_that_cuts_each_line_arrives_once_and_in_the_order_typed(
    installation: Installation, proxy: CuttingProxy, tmp_path: Path
) -> None:
    with somebody(installation, tmp_path, proxy.port) as alice, somebody(installation, tmp_path, proxy.port) as bob:
        room = f"room-{secrets.token_hex(4)}"
        alice.answer(alice.core.create_room(room), Settled)
        bob.answer(bob.core.join_room(room), Settled)
        for number in range(LINES):
            alice.core.post(room, f"alice {number}")
            bob.core.post(room, f"bob {number}")
            if number % (LINES // CUTS) == 0:
                proxy.cut()
        heard = [client.texts(room, 2 * LINES) for client in (alice, bob)]
        for texts in heard:
            for name in ("alice", "bob"):
                assert [text for text in texts if text.startswith(name)] == [f"{name} {n}" for n in range(LINES)]
        assert heard[0] == heard[1], "one order for everybody"
        for client in (alice, bob):
            numbers = [message.number for message in client.messages(room)]
            assert numbers == sorted(set(numbers))
        assert [event for event in alice.seen if isinstance(event, Disconnected)], "the screen says offline"
        assert [event for event in alice.seen if isinstance(event, Connected) and event.again], "and back"


def test_lines_typed_offline_wait_and_go_by_themselves(
    installation: Installation, proxy: CuttingProxy, tmp_path: Path
) -> None:
    with somebody(installation, tmp_path, proxy.port) as alice:
        alice.enter("dev")
        proxy.refuse()
        proxy.cut()
        lost = alice.wait_for(Disconnected)
        assert lost.error.code == "net.lost"
        assert lost.retry_in is not None
        tickets = [alice.core.post("dev", text) for text in ("first", "second")]
        queued = [alice.wait_for(LineQueued), alice.wait_for(LineQueued)]
        assert [(event.ticket, event.waiting) for event in queued] == [(tickets[0], 1), (tickets[1], 2)]
        assert alice.core.snapshot.waiting == 2
        assert alice.failure(alice.core.list_rooms()) == "net.offline"
        proxy.allow()
        accepted = [alice.wait_for(LineAccepted), alice.wait_for(LineAccepted)]
        assert [event.ticket for event in accepted] == tickets
        assert alice.texts("dev", 2)[-2:] == ["first", "second"]


def test_the_countdown_is_visible_and_an_order_to_reconnect_ends_it(
    installation: Installation, proxy: CuttingProxy, tmp_path: Path
) -> None:
    person = installation.people[next(_unused)]
    slow = Options(backoff=BackoffLimits(600, 900))
    with TestClient(vault_of(installation, person, tmp_path / "vault", port=proxy.port), slow) as alice:
        proxy.cut()
        lost = alice.wait_for(Disconnected)
        assert lost.retry_in is not None
        assert lost.retry_in >= 600
        first = alice.wait_for(Countdown)
        assert 599 <= first.seconds <= lost.retry_in + 1
        assert alice.wait_for(Countdown).seconds == first.seconds - 1
        alice.core.reconnect()
        assert alice.wait_for(Connected).again
        order = [type(event) for event in alice.seen if isinstance(event, Countdown | Connecting | Connected)]
        assert order[-3:] == [Countdown, Connecting, Connected]


def test_what_was_said_meanwhile_is_caught_up_with_in_order(
    installation: Installation, server: ServerProcess, proxy: CuttingProxy, tmp_path: Path
) -> None:
    with (
        somebody(installation, tmp_path, proxy.port) as alice,
        somebody(installation, tmp_path, server.port) as bob,
    ):
        room = f"room-{secrets.token_hex(4)}"
        alice.answer(alice.core.create_room(room), Settled)
        bob.answer(bob.core.join_room(room), Settled)
        proxy.refuse()
        proxy.cut()
        alice.wait_for(Disconnected)
        # More than the server keeps in memory, so that it announces a gap that has to be paged.
        for number in range(1500):
            bob.core.post(room, f"line {number}")
            if number % 500 == 499:
                bob.texts(room, number + 1)
        proxy.allow()
        assert alice.texts(room, 1500) == [f"line {number}" for number in range(1500)]
        again = [event for event in alice.seen if isinstance(event, RoomEntered) and event.room == room][-1]
        assert again.again
        assert [event for event in alice.seen if isinstance(event, CatchUpBegan) and event.room == room]
        alice.wait(lambda event: isinstance(event, CatchUpEnded) and event.room == room)
        late = [event for event in alice.seen if isinstance(event, Heard) and isinstance(event.event, Message)]
        assert all(event.late for event in late if event.event.room == room)


def test_a_server_that_stops_says_so_and_is_found_again_with_what_waited(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "server")
    installation.seed(["alice"], ["dev"])
    first = installation.start()
    with first:
        client = somebody_of(installation, "alice", tmp_path)
        with client as alice:
            alice.enter("dev")
            first.terminate()
            assert alice.wait_for(ServerStopping).retry_after > 0
            alice.wait_for(Disconnected)
            ticket = alice.core.post("dev", "typed while it was away")
            with installation.start():
                alice.core.reconnect()
                assert alice.wait_for(LineAccepted).ticket == ticket
                assert alice.texts("dev", 1) == ["typed while it was away"]


def test_a_rate_limit_delays_lines_and_keeps_their_order(tmp_path: Path) -> None:
    hurried = UNHURRIED.replace(
        "posts_per_second = 100000\nposts_burst = 100000", "posts_per_second = 20\nposts_burst = 3"
    )
    installation = Installation(tmp_path / "server", hurried)
    installation.seed(["alice"], ["dev"])
    with installation.start(), somebody_of(installation, "alice", tmp_path) as alice:
        alice.enter("dev")
        for number in range(12):
            alice.core.post("dev", f"line {number}")
        assert alice.texts("dev", 12) == [f"line {number}" for number in range(12)]
        delayed = alice.wait_for(LineDelayed)
        assert delayed.error.code == "rate.limited"
        assert delayed.seconds > 0


def test_who_runs_one_command_does_not_wait_for_a_server_that_is_not_there(
    installation: Installation, proxy: CuttingProxy, tmp_path: Path
) -> None:
    person = installation.people[next(_unused)]
    vault = vault_of(installation, person, tmp_path / "vault", port=proxy.port)
    proxy.refuse()
    impatient = options(attend=False, persistence=Persistence(patience=60, asks=False))
    with TestClient(vault, impatient, connects=False) as alice:
        stopped = alice.wait_for(Stopped)
        assert stopped.error is not None
        assert stopped.error.code.startswith("net.")


def test_who_leaves_while_the_link_is_dead_gets_back_what_was_not_sent(
    installation: Installation, proxy: CuttingProxy, tmp_path: Path
) -> None:
    with somebody(installation, tmp_path, proxy.port) as alice:
        proxy.refuse()
        proxy.cut()
        alice.wait_for(Disconnected)
        ticket = alice.core.post("dev", "never sent")
        alice.wait_for(LineQueued)
        alice.core.close()
        stopped = alice.wait_for(Stopped)
        assert stopped.error is None
        assert [(line.ticket, line.room, line.text) for line in stopped.unsent] == [(ticket, "dev", "never sent")]
