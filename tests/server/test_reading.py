"""From bytes to requests on real TLS: hello, frames and their caps, waiting for a turn, for credit, for the reader."""

import ssl
import threading
from collections import deque
from collections.abc import Iterable

import pytest

from secure_chat.limits import (
    FRAME_HEADER_BYTES,
    MAX_CONNECTION_CREDIT_ENTRIES,
    MAX_FRAME_BEFORE_LOGIN_BYTES,
    MAX_FRAME_BYTES,
    MAX_FRAMES_A_TURN,
    MAX_SILENT_TLS_BYTES,
    MAX_WAITING_REPLIES_BYTES,
)
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.codec import encode
from secure_chat.protocol.frames import frame
from secure_chat.server.connection import Connection, Hold
from secure_chat.server.credits import CreditLimits
from secure_chat.server.io_thread import IoConfiguration
from secure_chat.server.reading import Reading
from secure_chat.server.services import Store
from tests.support.installation import Installation
from tests.support.jumping_clock import JumpingClock, wake
from tests.support.raw_connection import RawConnection
from tests.support.running_core import CoreOptions, GatedStore, RunningCore, connected, gated, with_durations
from tests.support.wire_client import PATIENCE_SECONDS, WireClient, client_id


def post(client: WireClient, number: int, text: str = "hello", run: int = 1) -> bytes:
    return encode(c.RoomPost(client.next_id(), "team", client_id(run, number), text))


def failure_before_the_end(client: WireClient) -> e.Failure:
    """The word that precedes the end of a connection."""
    client.wait_until_closed()
    failures = [said for said in client.said if isinstance(said, e.Failure) and said.id == 0]
    assert len(failures) == 1, client.said
    return failures[0]


def numbers(client: WireClient, count: int) -> list[int]:
    """So many messages of a room, in the order of their coming."""
    return [client.wait_for(e.Message).number for _ in range(count)]


def test_hello_comes_first_and_its_nonce_is_fresh(core_installation: Installation) -> None:
    with RunningCore(core_installation, CoreOptions()) as core, core.connect() as one, core.connect() as other:
        assert len(one.hello.nonce) == len(other.hello.nonce) == 32
        assert one.hello.nonce != other.hello.nonce
        assert one.hello.log_pk == core_installation.log_public_key
        assert one.hello.registration == "invite"
        assert one.hello.cross_certificates == []


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (bytes(FRAME_HEADER_BYTES), "frame.invalid"),
        ((MAX_FRAME_BEFORE_LOGIN_BYTES + 1).to_bytes(4, "big"), "frame.too_large"),
        (frame(b"\xc1"), "command.invalid"),
        (frame(b"\x93" * 1000), "command.invalid"),
        (frame(b"\x81\xa4type\xa7unheard"), "command.invalid"),
    ],
)
def test_bytes_that_are_no_command_are_answered_with_id_0_and_the_connection_ends(
    core_installation: Installation, data: bytes, code: str
) -> None:
    with RunningCore(core_installation, CoreOptions()) as core, core.connect() as client:
        client.tls.sendall(data)
        assert failure_before_the_end(client).code == code


def test_after_login_a_frame_may_be_large_and_a_small_request_still_not(core_installation: Installation) -> None:
    with RunningCore(core_installation, CoreOptions()) as core:
        with core.connect_as("alice") as client:
            client.tls.sendall((MAX_FRAME_BYTES + 1).to_bytes(4, "big"))
            assert failure_before_the_end(client).code == "frame.too_large"
        with core.connect_as("alice") as client:
            reply = client.answer_to(client.send(c.RoomPost(9, "team", bytes(16), "x" * 16_000)))
            assert isinstance(reply, e.Failure)
            assert reply.code == "message.too_long"
            client.tls.sendall(encode(c.RoomPost(10, "team", bytes(16), "x" * 16_384)))
            assert failure_before_the_end(client).code == "frame.too_large"


def test_a_frame_may_come_in_as_many_pieces_as_it_likes(core_installation: Installation) -> None:
    with RunningCore(core_installation, CoreOptions()) as core, core.connect_as("alice") as client:
        for byte in encode(c.Ping(77)):
            client.tls.sendall(bytes((byte,)))
        assert isinstance(client.answer_to(77), e.PongReply)


def test_requests_that_come_together_are_answered_in_order(core_installation: Installation) -> None:
    with RunningCore(core_installation, CoreOptions()) as core, core.connect_as("alice") as client:
        client.tls.sendall(b"".join(encode(c.Ping(number)) for number in range(1000, 3000)))
        assert [client.wait_for(e.PongReply).id for _ in range(2000)] == list(range(1000, 3000))


def test_what_comes_with_the_end_of_the_handshake_is_answered(core_installation: Installation) -> None:
    with RunningCore(core_installation, CoreOptions()) as core, RawConnection(core_installation, core.port) as client:
        last = client.handshake(send_last=False)
        client.socket.sendall(last + client.records.seal(encode(c.NameQuery(5, "alice"))))
        hello, facts = client.wait_for(2)
        assert isinstance(hello, e.Hello)
        assert isinstance(facts, e.NameFacts)


@pytest.mark.parametrize("logs_in", [False, True])
def test_a_flood_of_key_updates_ends_its_connection_and_no_other(
    core_installation: Installation, logs_in: bool
) -> None:
    with (
        RunningCore(core_installation, CoreOptions()) as core,
        core.connect_as("bob") as other,
        RawConnection(core_installation, core.port) as flooder,
    ):
        if logs_in:
            flooder.log_in("alice")
        else:
            flooder.handshake()
            flooder.wait_for(1)
        flood = b"".join(flooder.records.key_update(asks=False) for _ in range(MAX_SILENT_TLS_BYTES // 27 + 200))
        flooder.socket.sendall(flood)
        assert isinstance(other.ask(c.Ping(50)), e.PongReply)
        (failure,) = flooder.read_to_the_end()
        assert isinstance(failure, e.Failure)
        assert (failure.id, failure.code) == (0, "tls.abuse")
        assert isinstance(other.ask(c.Ping(51)), e.PongReply)


def test_a_forged_record_ends_its_connection_and_no_other(core_installation: Installation) -> None:
    with RunningCore(core_installation, CoreOptions()) as core, core.connect_as("bob") as other:
        for _ in range(20):
            with RawConnection(core_installation, core.port) as forger:
                forger.handshake()
                forger.wait_for(1)
                record = bytearray(forger.records.seal(encode(c.Ping(1))))
                record[-1] ^= 1
                forger.socket.sendall(bytes(record) + bytes(5000))
                other.tls.sendall(encode(c.Ping(60)))
                with pytest.raises(ssl.SSLError, match=r"(?i)bad.record.mac"):
                    forger.read_to_the_end()
                assert isinstance(other.answer_to(60), e.PongReply)


def test_a_connection_has_no_more_in_the_journal_than_its_credit_and_nothing_is_lost_by_waiting(
    core_installation: Installation,
) -> None:
    stores: list[GatedStore] = []

    def wrap(store: Store) -> GatedStore:
        stores.append(GatedStore(store))
        return stores[0]

    with (
        RunningCore(core_installation, CoreOptions(wrap_store=wrap)) as core,
        connected(core, ["alice", "bob"]) as (alice, bob),
    ):
        after = alice.open("team").head
        with gated(core, stores[0]):
            stores[0].batches.clear()
            alice.tls.sendall(b"".join(post(alice, number) for number in range(200)))
            assert isinstance(bob.ask(c.Ping(50)), e.PongReply), "somebody's credit is nobody else's"
            bob.tls.sendall(post(bob, 1, run=2))
        assert numbers(alice, 201) == list(range(after + 1, after + 202))
        assert max(stores[0].batches[1:]) <= MAX_CONNECTION_CREDIT_ENTRIES + 1
        accepted = [said for said in alice.said if isinstance(said, e.Accepted)]
        assert [reply.id for reply in accepted] == sorted(reply.id for reply in accepted)
        assert len(accepted) == 200


def test_a_thread_without_credit_lets_its_connections_wait_and_go_on_in_their_order(
    core_installation: Installation,
) -> None:
    stores: list[GatedStore] = []

    def wrap(store: Store) -> GatedStore:
        stores.append(GatedStore(store))
        return stores[0]

    io = IoConfiguration(credit_limits=CreditLimits(thread_entries=5))
    with (
        RunningCore(core_installation, CoreOptions(io=io, wrap_store=wrap)) as core,
        connected(core, ["alice", "bob", "carol"]) as clients,
    ):
        heads = [client.open("team").head for client in clients]
        with gated(core, stores[0]):
            stores[0].batches.clear()
            for run, client in enumerate(clients):
                client.tls.sendall(b"".join(post(client, number, run=run) for number in range(20)))
        for head, client in zip(heads, clients, strict=True):
            assert numbers(client, 60) == list(range(head + 1, head + 61))
        assert max(stores[0].batches) <= 6  # the one under way when the gate was closed is not the thread's alone


def test_what_would_wait_too_long_is_answered_busy_before_it_is_queued(
    core_installation: Installation, clock: JumpingClock
) -> None:
    stores: list[GatedStore] = []

    def wrap(store: Store) -> GatedStore:
        stores.append(GatedStore(store))
        return stores[0]

    io = with_durations(IoConfiguration(), busy=60.0, idle=1e6)
    with (
        RunningCore(core_installation, CoreOptions(io=io, wrap_store=wrap)) as core,
        core.connect_as("alice") as client,
    ):
        client.open("team")
        with gated(core, stores[0]):
            posts = [c.RoomPost(client.next_id(), "team", client_id(5, number), "x") for number in range(40)]
            client.send_together([c.Ping(99), *posts])
            client.answer_to(99)  # what came in one record with it was read
            first = [request.id for request in posts]
            clock.jump(100.0)
            wake(core)
            reply = client.answer_to(first[-1])  # it waited for credit, and then for nothing
            assert isinstance(reply, e.Failure)
            assert (reply.code, reply.retry_after) == ("busy", 1.0)
            late = client.answer_to(client.send(c.RoomPost(client.next_id(), "team", client_id(6, 1), "x")))
            assert isinstance(late, e.Failure)
            assert late.code == "busy"
        for number, request in enumerate(first[:MAX_CONNECTION_CREDIT_ENTRIES]):
            accepted = client.answer_to(request)
            assert isinstance(accepted, e.Accepted), (number, accepted)


def test_who_does_not_take_his_replies_is_not_read_any_further(
    core_installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    most, held, count = [0], threading.Event(), 60_000
    say, hold = Connection.say, Reading._hold

    def measured(connection: Connection, said: bytes) -> None:
        say(connection, said)
        most[0] = max(most[0], connection.direct_bytes)

    def noted(reading: Reading, connection: Connection, left: deque[bytes], why: Hold) -> None:
        hold(reading, connection, left, why)
        if why is Hold.REPLIES:
            held.set()

    monkeypatch.setattr(Connection, "say", measured)
    monkeypatch.setattr(Reading, "_hold", noted)
    with (
        RunningCore(core_installation, CoreOptions()) as core,
        core.connect_as("bob") as other,
        RawConnection(core_installation, core.port, receive_buffer=4096) as client,
    ):
        client.log_in("alice")
        # Refused at once, and the refusal is longer than the request: more than the system's buffers take.
        queries = b"".join(encode(c.NameQuery(number, "")) for number in range(1, count + 1))
        records = [client.records.seal(queries[at : at + 16_384]) for at in range(0, len(queries), 16_384)]
        sender = threading.Thread(target=lambda: client.socket.sendall(b"".join(records)))
        sender.start()
        assert held.wait(PATIENCE_SECONDS), "everything was read although no reply was taken"
        assert isinstance(other.ask(c.Ping(7)), e.PongReply)
        assert [getattr(refusal, "id", 0) for refusal in client.wait_for(count)] == list(range(1, count + 1))
        sender.join()
    assert MAX_WAITING_REPLIES_BYTES < most[0] < MAX_WAITING_REPLIES_BYTES + 1000


def test_more_frames_than_a_turn_takes_let_the_others_come_first(
    core_installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[int] = []
    take = Reading._take

    def measured(reading: Reading, connection: Connection, bodies: Iterable[bytes], now: float) -> bool:
        given = list(bodies)
        goes_on = take(reading, connection, given, now)
        left = len(connection.waiting) if connection.waiting is not None else 0
        turns.append(len(given) - left)
        return goes_on

    monkeypatch.setattr(Reading, "_take", measured)
    with RunningCore(core_installation, CoreOptions()) as core, core.connect_as("alice") as client:
        client.tls.sendall(b"".join(encode(c.Ping(number)) for number in range(1000, 1500)))
        assert [client.wait_for(e.PongReply).id for _ in range(500)] == list(range(1000, 1500))
    assert max(turns) == MAX_FRAMES_A_TURN


def test_unfinished_frames_of_all_connections_together_are_bounded(
    core_installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[int] = []
    forget = Reading.forget

    def watched(reading: Reading, connection: Connection) -> None:
        forget(reading, connection)
        kept.append(reading.partial_bytes)

    monkeypatch.setattr(Reading, "forget", watched)
    io = IoConfiguration(partial_frames_bytes=10_000)
    with RunningCore(core_installation, CoreOptions(io=io)) as core:
        with connected(core, ["alice", "bob"]) as (alice, bob):
            beginning = (20_000).to_bytes(4, "big") + bytes(6000)
            alice.tls.sendall(beginning)
            alice.tls.sendall(bytes(1000))
            bob.tls.sendall(beginning)
            failure = failure_before_the_end(bob)
            assert failure.code == "busy"
            assert failure.retry_after is not None
        with core.connect() as client:
            client.tls.sendall((100_000).to_bytes(4, "big"))
            client.wait_until_closed()
    assert kept[-1] == 0, "bytes of connections that have gone are still counted"
