"""What the journal has decided, applied on real TLS: logins, replaced and ended sessions, rooms that are opened."""

import pytest

from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.server.inbox import Inbox
from secure_chat.server.io_thread import IoConfiguration
from secure_chat.server.items import Administration, AdministrationOutcome, AskSessions, Sessions
from secure_chat.storage.entries import AnyEntry, RevokeSessions
from secure_chat.storage.outcomes import Settled
from tests.support.installation import Installation
from tests.support.running_core import CoreOptions, RunningCore, connected, eventually
from tests.support.wire_client import WireClient, client_id


def events_of(client: WireClient, room: str, last: int) -> list[int]:
    """Numbers of a room's events as they came, up to `last`; a gap's are negative."""
    numbers: list[int] = []
    while not numbers or abs(numbers[-1]) < last:
        said = client.wait(lambda said: getattr(said, "room", None) == room and not isinstance(said, e.Presence))
        if isinstance(said, e.RoomGap):
            numbers += range(-said.first, -said.last - 1, -1)
        elif not isinstance(said, e.Accepted):
            number = getattr(said, "number", None)
            assert isinstance(number, int), said
            numbers.append(number)
    return numbers


@pytest.mark.parametrize("io_threads", [1, 2])
def test_a_newer_connection_of_a_device_ends_the_older_with_its_reason(
    core_installation: Installation, io_threads: int
) -> None:
    options = CoreOptions(io=IoConfiguration(io_threads=io_threads))
    with (
        RunningCore(core_installation, options) as core,
        core.connect_as("alice") as older,
        core.connect_as("alice") as newer,
    ):
        older.wait_until_closed()
        assert any(isinstance(said, e.SessionReplaced) for said in older.said)
        assert isinstance(newer.ask(c.Ping(9)), e.PongReply)
        newer.open("team")
        newer.post("team", "still here", client_id(40, io_threads))


def administer(core: RunningCore, entry: AnyEntry) -> AdministrationOutcome:
    answers: Inbox[Sessions | AdministrationOutcome] = Inbox()
    core.server.administer(Administration(entry, answers, 1))
    found: list[object] = []

    def has_come() -> bool:
        found.extend(answers.take())
        return bool(found)

    eventually(has_come, "the operator was answered")
    answers.close()
    assert isinstance(found[0], AdministrationOutcome)
    return found[0]


def test_an_ended_session_is_told_and_closed_and_others_are_not(core_installation: Installation) -> None:
    installation = core_installation
    (person,) = installation.seed(["victim"], ["team"])
    with (
        RunningCore(installation, CoreOptions()) as core,
        core.connect_as(person.name) as ended,
        core.connect_as("bob") as other,
    ):
        assert isinstance(administer(core, RevokeSessions(person.name)).outcome, Settled)
        ended.wait_until_closed()
        failures = [said for said in ended.said if isinstance(said, e.Failure)]
        assert [(failure.id, failure.code) for failure in failures] == [(0, "auth.token_unknown")]
        assert isinstance(other.ask(c.Ping(9)), e.PongReply)


def test_the_operator_sees_who_is_connected_and_from_where(core_installation: Installation) -> None:
    answers: Inbox[Sessions | AdministrationOutcome] = Inbox()
    options = CoreOptions(io=IoConfiguration(io_threads=2))
    with RunningCore(core_installation, options) as core, connected(core, ["alice", "bob"]), core.connect():
        core.server.ask_sessions(AskSessions(answers, 5))
        found: list[Sessions] = []

        def all_have_come() -> bool:
            found.extend(item for item in answers.take() if isinstance(item, Sessions))
            return len(found) == core.server.io_threads

        eventually(all_have_come, "every I/O thread has answered")
        rows = [row for one in found for row in one.sessions]
        assert sorted(row.session.name for row in rows) == ["alice", "bob"]
        assert {row.address for row in rows} == {"127.0.0.1"}
        assert sum(one.connections for one in found) == 3
        assert {one.tag for one in found} == {5}
    answers.close()


def test_events_follow_the_reply_that_opens_the_room(core_installation: Installation) -> None:
    with RunningCore(core_installation, CoreOptions()) as core, connected(core, ["alice", "bob"]) as (alice, bob):
        head = alice.open("team").head
        for number in range(30):
            alice.tls.sendall(b"")
            alice.post("team", "x", client_id(41, number))
            if number % 10 == 5:
                request = bob.send(c.RoomOpen(bob.next_id(), "team", head))
                said = bob.wait(lambda said: isinstance(said, e.Message | e.RoomOpened))
                while not (isinstance(said, e.RoomOpened) and said.id == request):
                    said = bob.wait(lambda said: isinstance(said, e.Message | e.RoomOpened))
        assert events_of(bob, "team", head + 30) == list(range(head + 1, head + 31))


def test_a_room_opened_from_far_behind_names_what_is_missing_and_history_has_it(
    core_installation: Installation,
) -> None:
    with RunningCore(core_installation, CoreOptions()) as core, connected(core, ["alice", "bob"]) as (alice, bob):
        alice.open("hall")
        for number in range(200):
            alice.post("hall", "y" * 8000, client_id(42, number))  # more than a ring
        head = bob.open("hall", 0).head
        numbers = events_of(bob, "hall", head)
        assert [abs(number) for number in numbers] == list(range(1, head + 1))
        missing = [-number for number in numbers if number < 0]
        assert missing
        paged = [getattr(said, "number", None) for said in bob.pages("hall", missing[0], missing[-1])]
        assert paged == missing


def test_opening_again_begins_again_without_a_doubled_live_event(core_installation: Installation) -> None:
    with RunningCore(core_installation, CoreOptions()) as core, core.connect_as("alice") as alice:
        head = alice.open("team").head
        for number in range(5):
            alice.post("team", "x", client_id(43, number))
        assert events_of(alice, "team", head + 5) == list(range(head + 1, head + 6))
        assert alice.open("team", head + 2).after == head + 2
        alice.post("team", "x", client_id(43, 6))
        assert events_of(alice, "team", head + 6) == list(range(head + 3, head + 7))


def test_leaving_and_joining_again_in_one_commit_leaves_the_room_open(core_installation: Installation) -> None:
    with RunningCore(core_installation, CoreOptions()) as core, connected(core, ["carol", "bob"]) as (carol, bob):
        carol.open("team")
        bob.open("team")
        for number in range(20):
            carol.send(c.RoomLeave(carol.next_id(), "team"))
            opened = carol.join("team")
            posted = bob.post("team", "x", client_id(44, number))
            assert events_of(carol, "team", posted.number)[-2:] == [posted.number - 1, posted.number]
            assert opened.after < posted.number


def test_who_has_left_receives_his_leaving_and_nothing_after_it(core_installation: Installation) -> None:
    with RunningCore(core_installation, CoreOptions()) as core, connected(core, ["carol", "bob"]) as (carol, bob):
        carol.open("team")
        bob.open("team")
        carol.ask(c.RoomLeave(carol.next_id(), "team"))
        left = carol.wait_for(e.Left)
        for number in range(20):
            bob.post("team", "x", client_id(45, number))
        carol.ask(c.Ping(carol.next_id()))
        assert not [said for said in carol.said if getattr(said, "number", 0) > left.number]
        carol.join("team")
