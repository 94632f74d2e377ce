"""I/O threads: each connection has one owner, two threads serve one room, idle ones cost nothing, everything comes."""

import random
import threading
from collections import defaultdict
from contextlib import ExitStack

import pytest

from secure_chat import limits
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.codec import encode
from secure_chat.server.io_thread import IoConfiguration, IoThread
from secure_chat.server.tls_channel import TlsChannel
from tests.support.installation import Installation
from tests.support.running_core import CoreOptions, RunningCore, connected, eventually
from tests.support.wire_client import WireClient, client_id

NAMES = [f"person{number}" for number in range(12)]


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    installation = Installation(tmp_path_factory.mktemp("crowd"))
    installation.seed(NAMES, ["one", "two", "three"])
    return installation


def two_threads() -> CoreOptions:
    return CoreOptions(io=IoConfiguration(io_threads=2))


def test_each_connection_is_touched_by_one_thread_only_and_both_threads_have_some(
    crowd: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners: dict[int, set[str]] = defaultdict(set)
    kept: list[TlsChannel] = []  # so that no two have one id
    for name in ("handshake", "decrypt", "encrypt", "close_notify"):
        monkeypatch.setattr(TlsChannel, name, watched(getattr(TlsChannel, name), owners, kept))
    with RunningCore(crowd, two_threads()) as core:
        with connected(core, NAMES) as clients:
            talk(clients, rounds=3, run=1)
        with connected(core, NAMES[:4]) as clients:
            talk(clients, rounds=1, run=2)
    assert len(owners) == len(NAMES) + 4
    assert all(len(threads) == 1 for threads in owners.values())
    assert {name for threads in owners.values() for name in threads} == {"io-0", "io-1"}


def watched(method: object, owners: dict[int, set[str]], kept: list[TlsChannel]) -> object:
    assert callable(method)

    def call(channel: TlsChannel, *arguments: object) -> object:
        kept.append(channel)
        owners[id(channel)].add(threading.current_thread().name)
        return method(channel, *arguments)

    return call


def talk(clients: list[WireClient], rounds: int, run: int) -> None:
    """Everybody says something at once in each room; everybody has everything, in one order, without a gap."""
    rooms = ("one", "two", "three")
    heads = {room: max(client.open(room).head for client in clients) for room in rooms}
    for client in clients:
        for room in rooms:
            client.open(room, heads[room])
    for number in range(rounds):
        for index, client in enumerate(clients):
            posts = [
                c.RoomPost(client.next_id(), room, client_id(run * 1000 + index, 10 * number + place), f"{number}")
                for place, room in enumerate(rooms)
            ]
            client.tls.sendall(b"".join(map(encode, posts)))
    orders = []
    for client in clients:
        order: dict[str, list[tuple[int, bytes]]] = defaultdict(list)
        for _ in range(rounds * len(clients) * len(rooms)):
            said = client.wait_for(e.Message)
            order[said.room].append((said.number, said.client_id))
        orders.append(dict(order))
    assert all(order == orders[0] for order in orders)
    for room in rooms:
        expected = range(heads[room] + 1, heads[room] + 1 + rounds * len(clients))
        assert [number for number, _ in orders[0][room]] == list(expected)


def test_two_threads_serve_one_room_in_one_order(crowd: Installation) -> None:
    with RunningCore(crowd, two_threads()) as core, connected(core, NAMES) as clients:
        talk(clients, rounds=20, run=3)


@pytest.mark.parametrize("io_threads", [1, 2])
def test_after_bursts_of_any_size_everybody_has_everything_without_further_traffic(
    crowd: Installation, io_threads: int
) -> None:
    source = random.Random(io_threads)
    options = CoreOptions(io=IoConfiguration(io_threads=io_threads))
    with RunningCore(crowd, options) as core, connected(core, NAMES[:6]) as clients:
        heads = [client.open("one").head for client in clients]
        head = max(heads)
        for client in clients:
            client.open("one", head)
        for burst in range(60):
            size = source.randrange(1, 40)
            speaker = source.choice(clients)
            run = 10_000 * (1 + io_threads) + burst
            posts = [c.RoomPost(speaker.next_id(), "one", client_id(run, number), "x") for number in range(size)]
            speaker.tls.sendall(b"".join(map(encode, posts)))
            for client in clients:
                assert [client.wait_for(e.Message).number for _ in range(size)] == list(
                    range(head + 1, head + size + 1)
                )
            head += size


def test_a_turn_that_is_cut_short_goes_on_with_those_it_left_over(
    crowd: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut: list[int] = []
    serve = IoThread._serve

    def watched_serve(thread: IoThread, events: list[tuple[int, int]], now: float, until: float) -> None:
        serve(thread, events, now, until)
        cut.append(len(thread._left_over))

    monkeypatch.setattr(IoThread, "_serve", watched_serve)
    monkeypatch.setattr(limits, "TURN_SECONDS", 0.0)
    with RunningCore(crowd, CoreOptions()) as core, connected(core, NAMES) as clients:
        talk(clients, rounds=5, run=4)
    assert max(cut) > 0, "no turn was cut short"


def test_idle_connections_need_no_thread_and_no_turn(crowd: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = [0]
    turn = IoThread._turn

    def counted(thread: IoThread) -> None:
        turns[0] += 1
        turn(thread)

    monkeypatch.setattr(IoThread, "_turn", counted)
    with RunningCore(crowd, CoreOptions()) as core, ExitStack() as stack:
        with core.connect():
            before = threading.active_count()
        for name in NAMES:
            stack.enter_context(core.connect_as(name))
        for _ in range(100):
            stack.enter_context(core.connect())
        assert threading.active_count() == before
        settled = [0]

        def is_quiet() -> bool:
            before_pause = turns[0]
            threading.Event().wait(0.3)
            settled[0] = turns[0] - before_pause
            return settled[0] == 0

        eventually(is_quiet, "nothing turns while nothing happens")
