"""Mailboxes on the wire: order, window, deferral, reconnects, and that a slow device costs nobody anything."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from secure_chat.limits import MAILBOX_ENVELOPES_PER_SENDER, MAILBOX_WINDOW_BYTES, MAILBOX_WINDOW_ENVELOPES
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.server.io_thread import IoConfiguration
from secure_chat.storage.entries import SetAccountState
from secure_chat.storage.outcomes import Settled
from tests.server.test_applying import administer
from tests.support.direct_wire import LONGEST, acknowledge, defer, envelope_for, receive, send_direct, send_request
from tests.support.installation import Installation
from tests.support.people import TestPerson
from tests.support.running_core import CoreOptions, RunningCore
from tests.support.wire_client import WireClient, client_id

both_numbers_of_threads = pytest.mark.parametrize("io_threads", [1, 2])


@contextmanager
def running(installation: Installation, io_threads: int = 1) -> Iterator[RunningCore]:
    with RunningCore(installation, CoreOptions(io=IoConfiguration(io_threads=io_threads))) as core:
        yield core


@pytest.fixture
def pair(core_installation: Installation) -> tuple[TestPerson, TestPerson]:
    """Two people with empty mailboxes, of whom the first writes to the second."""
    count = len(core_installation.people)
    sender, recipient = core_installation.seed([f"sender{count}", f"recipient{count}"], ["team"])
    return sender, recipient


def settled(client: WireClient, count: int) -> list[bytes]:
    """The next `count` envelopes, and that no other follows them by itself: several rounds through every thread."""
    came = receive(client, count)
    for _ in range(5):
        client.ask(c.RoomList(client.next_id()))
        client.ask(c.UserList(client.next_id()))
    assert [said for said in client.said if isinstance(said, e.DirectEnvelope)] == []
    return came


@both_numbers_of_threads
def test_who_is_there_hears_at_once_in_order_unaltered_with_time_and_sender(
    core_installation: Installation, pair: tuple[TestPerson, TestPerson], io_threads: int
) -> None:
    sender, recipient = pair
    envelopes = [envelope_for(sender, recipient) for _ in range(20)]
    with (
        running(core_installation, io_threads) as core,
        core.connect_as(recipient.name) as there,
        core.connect_as(sender.name) as client,
    ):
        accepted = client.ask(send_request(client, recipient, envelopes[0]))
        assert isinstance(accepted, e.DirectAccepted)
        first = there.wait_for(e.DirectEnvelope)
        assert (first.envelope, first.time, first.sender) == (envelopes[0], accepted.time, sender.name)
        send_direct(client, recipient, *envelopes[1:])
        assert receive(there, 19) == envelopes[1:]
        acknowledge(there, *envelopes)


@both_numbers_of_threads
def test_who_was_away_hears_everything_in_order_and_the_welcome_before_it(
    core_installation: Installation, pair: tuple[TestPerson, TestPerson], io_threads: int
) -> None:
    sender, recipient = pair
    envelopes = [envelope_for(sender, recipient) for _ in range(MAILBOX_WINDOW_ENVELOPES)]
    with running(core_installation, io_threads) as core:
        with core.connect_as(sender.name) as client:
            send_direct(client, recipient, *envelopes)
        with core.connect() as there:
            proof = recipient.proof(there.server_id, there.hello.nonce, there.leaf_hash)
            there.send(c.Resume(there.next_id(), recipient.resume_token, proof))
            while len(there.said) <= MAILBOX_WINDOW_ENVELOPES:
                there.pump(60)
            assert isinstance(there.said.popleft(), e.Welcome)
            assert settled(there, MAILBOX_WINDOW_ENVELOPES) == envelopes


@both_numbers_of_threads
def test_a_device_has_at_most_a_window_unacknowledged_and_gets_more_as_it_acknowledges(
    core_installation: Installation, pair: tuple[TestPerson, TestPerson], io_threads: int
) -> None:
    sender, recipient = pair
    envelopes = [envelope_for(sender, recipient) for _ in range(150)]
    with running(core_installation, io_threads) as core, core.connect_as(sender.name) as client:
        send_direct(client, recipient, *envelopes[:100])
        with core.connect_as(recipient.name) as there:
            assert settled(there, MAILBOX_WINDOW_ENVELOPES) == envelopes[:64]
            acknowledge(there, *envelopes[:3])
            assert settled(there, 3) == envelopes[64:67]
            send_direct(client, recipient, *envelopes[100:])
            assert settled(there, 0) == [], "what arrives live waits its turn as well"
            acknowledge(there, *envelopes[3:67])
            assert settled(there, MAILBOX_WINDOW_ENVELOPES) == envelopes[67:131]
            acknowledge(there, *envelopes[67:131])
            assert settled(there, 19) == envelopes[131:]
            acknowledge(there, *envelopes[131:])
        with core.connect_as(recipient.name) as there:
            assert settled(there, 0) == []


def test_a_window_is_full_of_bytes_as_well(
    core_installation: Installation, pair: tuple[TestPerson, TestPerson]
) -> None:
    sender, recipient = pair
    envelopes = [envelope_for(sender, recipient, padded=LONGEST, is_init=True) for _ in range(20)]
    fitting = MAILBOX_WINDOW_BYTES // (len(envelopes[0]) + 100)
    with running(core_installation) as core, core.connect_as(sender.name) as client:
        send_direct(client, recipient, *envelopes)
        with core.connect_as(recipient.name) as there:
            assert settled(there, fitting) == envelopes[:fitting]
            acknowledge(there, *envelopes[:fitting])
            assert settled(there, 20 - fitting) == envelopes[fitting:]


def test_a_full_window_costs_the_mailbox_and_not_the_connection(
    core_installation: Installation, pair: tuple[TestPerson, TestPerson]
) -> None:
    sender, recipient = pair
    with (
        running(core_installation) as core,
        core.connect_as(sender.name) as client,
        core.connect_as(recipient.name) as there,
    ):
        send_direct(client, recipient, *[envelope_for(sender, recipient) for _ in range(80)])
        receive(there, MAILBOX_WINDOW_ENVELOPES)
        there.open("team")
        for number in range(20):
            there.post("team", f"rooms go on, {number}", client_id(len(core_installation.people), number))
        heard = [there.wait_for(e.Message).text for _ in range(20)]
        assert heard == [f"rooms go on, {number}" for number in range(20)]


@both_numbers_of_threads
def test_deferred_envelopes_leave_the_window_and_come_again_on_the_next_connection(
    core_installation: Installation, pair: tuple[TestPerson, TestPerson], io_threads: int
) -> None:
    sender, recipient = pair
    envelopes = [envelope_for(sender, recipient) for _ in range(70)]
    with running(core_installation, io_threads) as core:
        with core.connect_as(sender.name) as client:
            send_direct(client, recipient, *envelopes)
        with core.connect_as(recipient.name) as there:
            assert receive(there, 64) == envelopes[:64]
            defer(there, *envelopes[:64])
            assert settled(there, 6) == envelopes[64:], "deferred ones do not come again on this connection"
            acknowledge(there, *envelopes[1:64:2])
        with core.connect_as(recipient.name) as there:
            assert settled(there, 38) == envelopes[:64:2] + envelopes[64:]


@both_numbers_of_threads
def test_a_reconnect_goes_on_at_the_oldest_unacknowledged(
    core_installation: Installation, pair: tuple[TestPerson, TestPerson], io_threads: int
) -> None:
    sender, recipient = pair
    envelopes = [envelope_for(sender, recipient) for _ in range(6)]
    with running(core_installation, io_threads) as core, core.connect_as(sender.name) as client:
        with core.connect_as(recipient.name) as there:
            send_direct(client, recipient, *envelopes)
            receive(there, 6)
            acknowledge(there, envelopes[1], envelopes[4])
        with core.connect_as(recipient.name) as there:
            assert settled(there, 4) == [envelopes[0], envelopes[2], envelopes[3], envelopes[5]]


@both_numbers_of_threads
def test_a_newer_connection_of_the_device_starts_over_and_the_older_gets_nothing_more(
    core_installation: Installation, pair: tuple[TestPerson, TestPerson], io_threads: int
) -> None:
    sender, recipient = pair
    first, second = envelope_for(sender, recipient), envelope_for(sender, recipient)
    with (
        running(core_installation, io_threads) as core,
        core.connect_as(sender.name) as client,
        core.connect_as(recipient.name) as older,
    ):
        send_direct(client, recipient, first)
        assert receive(older, 1) == [first]
        with core.connect_as(recipient.name) as newer:
            send_direct(client, recipient, second)
            assert settled(newer, 2) == [first, second]
            older.wait_until_closed()
            assert [said for said in older.said if isinstance(said, e.DirectEnvelope)] == []


def test_a_repeated_send_is_accepted_again_and_delivered_once(
    core_installation: Installation, pair: tuple[TestPerson, TestPerson]
) -> None:
    sender, recipient = pair
    envelope = envelope_for(sender, recipient)
    with (
        running(core_installation) as core,
        core.connect_as(sender.name) as client,
        core.connect_as(recipient.name) as there,
    ):
        answers = [client.ask(send_request(client, recipient, envelope)) for _ in range(3)]
        assert len({answer.time for answer in answers if isinstance(answer, e.DirectAccepted)}) == 1
        other = envelope[:-1] + bytes([envelope[-1] ^ 1])
        refused = client.answer_to(client.send(send_request(client, recipient, other)))
        assert isinstance(refused, e.Failure)
        assert refused.code == "message.id_reused"
        assert settled(there, 1) == [envelope]


def test_a_mailbox_with_too_much_of_one_sender_is_full_for_him_alone(
    core_installation: Installation, pair: tuple[TestPerson, TestPerson]
) -> None:
    sender, recipient = pair
    envelopes = [envelope_for(sender, recipient) for _ in range(MAILBOX_ENVELOPES_PER_SENDER + 1)]
    other = core_installation.people["alice"]
    with running(core_installation) as core, core.connect_as(sender.name) as client, core.connect_as("alice") as alice:
        send_direct(client, recipient, *envelopes[:-1])
        full = client.ask(send_request(client, recipient, envelopes[-1]))
        assert isinstance(full, e.DevicesFull)
        assert full.devices == [recipient.device.device_id]
        send_direct(alice, recipient, envelope_for(other, recipient))
        with core.connect_as(recipient.name) as there:
            came: list[bytes] = []
            while len(came) < 200:
                batch = receive(there, 50)
                came += batch
                acknowledge(there, *batch)
            assert came == envelopes[:200]
        send_direct(client, recipient, envelopes[-1])


def test_nothing_is_sent_to_a_disabled_account(
    core_installation: Installation, pair: tuple[TestPerson, TestPerson]
) -> None:
    sender, recipient = pair
    with running(core_installation) as core, core.connect_as(sender.name) as client:
        assert isinstance(administer(core, SetAccountState(recipient.name, "disabled")).outcome, Settled)
        refused = client.answer_to(client.send(send_request(client, recipient, envelope_for(sender, recipient))))
        assert isinstance(refused, e.Failure)
        assert refused.code == "user.disabled"


def test_a_reader_who_takes_nothing_holds_up_nobody(
    core_installation: Installation, pair: tuple[TestPerson, TestPerson]
) -> None:
    sender, recipient = pair
    envelopes = [envelope_for(sender, recipient, padded=LONGEST) for _ in range(60)]
    with running(core_installation) as core, ExitStack() as stack:
        client = stack.enter_context(core.connect_as(sender.name))
        there = stack.enter_context(core.connect_as(recipient.name))
        send_direct(client, recipient, *envelopes)  # a megabyte that nobody reads
        assert isinstance(client.ask(c.Ping(client.next_id())), e.PongReply)
        came: list[bytes] = []
        while len(came) < len(envelopes):
            batch = receive(there, 1)
            came += batch
            acknowledge(there, *batch)
        assert came == envelopes


def test_envelopes_that_say_otherwise_than_their_request_are_refused(
    core_installation: Installation, pair: tuple[TestPerson, TestPerson]
) -> None:
    sender, recipient = pair
    alice = core_installation.people["alice"]
    device = recipient.device.device_id
    good = envelope_for(sender, recipient)
    with running(core_installation) as core, core.connect_as(sender.name) as client:
        for parts, code in (
            ([c.DirectPart(device, envelope=envelope_for(alice, recipient))], "direct.mismatch"),
            ([c.DirectPart(device, envelope=envelope_for(sender, alice))], "direct.mismatch"),
            ([c.DirectPart(device, envelope=envelope_for(sender, recipient, device_id=9))], "direct.mismatch"),
            ([c.DirectPart(device, envelope=good), c.DirectPart(device, envelope=good)], "direct.mismatch"),
            ([c.DirectPart(device, envelope=good, omitted=1)], "direct.mismatch"),
            ([c.DirectPart(device)], "direct.mismatch"),
            ([c.DirectPart(device, envelope=good[:-1])], "direct.invalid"),
            ([c.DirectPart(device, envelope=b"\x02" + good[1:])], "direct.invalid"),
        ):
            refused = client.answer_to(client.send(c.DirectSend(client.next_id(), recipient.user_id, parts)))
            assert isinstance(refused, e.Failure)
            assert refused.code == code
        stale = client.ask(c.DirectSend(client.next_id(), recipient.user_id, [c.DirectPart(77, omitted=1)]))
        assert isinstance(stale, e.DevicesStale)
        assert stale.lists == [recipient.device_list.signed.encode()]
        send_direct(client, recipient, good)
