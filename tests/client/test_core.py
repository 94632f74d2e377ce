"""The client's core against a real server: what is typed arrives, what is asked is answered, in one order of events."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from secure_chat.client.core import Options
from secure_chat.client.events import (
    Heard,
    HistoryFound,
    LineAccepted,
    LineRefused,
    MessagesFound,
    PeopleFound,
    RoomEntered,
    RoomLost,
    RoomsFound,
    Settled,
    Status,
)
from secure_chat.client.vault import places
from secure_chat.client.vault.sealed import SealedVault
from secure_chat.errors import MessageTooLong, RoomNameInvalid
from secure_chat.limits import MAX_TEXT_BYTES
from secure_chat.protocol.events import Joined, Kicked, Left, Message, TopicSet
from secure_chat.protocol.states import Role
from tests.support.client_people import PASSPHRASE, TestClient, options, vault_of
from tests.support.installation import Installation, ServerProcess

PEOPLE = [f"person-{first}{second}" for first in "abc" for second in "abcdefgh"]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    made = Installation(tmp_path_factory.mktemp("server"))
    made.seed(PEOPLE)
    made.seed(["chief"], role=Role.ADMINISTRATOR)
    return made


@pytest.fixture(scope="module")
def server(installation: Installation) -> Iterator[ServerProcess]:
    with installation.start() as running:
        yield running


Somebody = Callable[..., TestClient]
_unused = iter(PEOPLE)


@pytest.fixture
def somebody(installation: Installation, server: ServerProcess, tmp_path: Path) -> Somebody:
    """Make a client of somebody who was not used by any test before, or of `name`."""
    assert server.pid

    def make(name: str | None = None, settings: Options | None = None) -> TestClient:
        person = installation.people[name or next(_unused)]
        return TestClient(vault_of(installation, person, tmp_path / secrets.token_hex(4)), settings)

    return make


def new_room(client: TestClient) -> str:
    """A room that nobody else has."""
    name = f"room-{secrets.token_hex(4)}"
    client.answer(client.core.create_room(name), Settled)
    return name


def test_two_people_talk_and_each_hears_both_once_and_in_order(somebody: Somebody) -> None:
    with somebody() as alice, somebody() as bob:
        room = new_room(alice)
        bob.answer(bob.core.join_room(f"#{room}"), Settled)
        for text in ("one", "two", "three"):
            alice.core.post(room, text)
        assert bob.texts(room, 3) == ["one", "two", "three"]
        bob.core.post(room, "four")
        assert alice.texts(room, 4) == ["one", "two", "three", "four"]
        numbers = [event.event.number for event in alice.seen if isinstance(event, Heard) and event.event.room == room]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_an_own_line_is_accepted_and_heard_under_its_ticket(somebody: Somebody) -> None:
    with somebody() as alice:
        room = new_room(alice)
        ticket = alice.core.post(room, "waves", action=True)
        accepted = alice.wait_for(LineAccepted)
        assert accepted.ticket == ticket
        alice.texts(room, 1)
        heard = next(event for event in alice.seen if isinstance(event, Heard) and isinstance(event.event, Message))
        assert isinstance(heard.event, Message)
        assert (heard.ticket, heard.own, heard.late, heard.event.action) == (ticket, True, False, True)
        assert heard.event.number == accepted.number


def test_a_text_that_the_server_keeps_otherwise_is_told(somebody: Somebody) -> None:
    with somebody() as alice:
        room = new_room(alice)
        alice.core.post(room, "red \x1b[31malert")
        accepted = alice.wait_for(LineAccepted)
        assert accepted.changed is not None
        assert "\x1b" not in accepted.changed
        assert alice.texts(room, 1) == [accepted.changed]


def test_a_line_that_is_too_long_or_into_no_room_is_not_taken(somebody: Somebody) -> None:
    with somebody() as alice:
        with pytest.raises(MessageTooLong, match="8,193 bytes, the limit is 8,192"):
            alice.core.post("lobby", "x" * (MAX_TEXT_BYTES + 1))
        with pytest.raises(RoomNameInvalid):
            alice.core.post("no room", "hello")


def test_a_line_that_the_server_refuses_comes_back_with_its_text(somebody: Somebody) -> None:
    with somebody() as alice:
        ticket = alice.core.post("nowhere-at-all", "my text")
        refused = alice.wait_for(LineRefused)
        assert (refused.ticket, refused.text, refused.room) == (ticket, "my text", "nowhere-at-all")
        assert refused.error.code in ("room.unknown", "room.not_member")
        room = new_room(alice)
        alice.core.post(room, "later lines still go")
        assert alice.texts(room, 1) == ["later lines still go"]


def test_rooms_are_made_joined_renamed_left_and_listed(somebody: Somebody) -> None:
    with somebody() as alice, somebody() as bob:
        room = new_room(alice)
        entered = next(event for event in alice.seen if isinstance(event, RoomEntered) and event.room == room)
        assert entered.ticket is not None
        assert alice.failure(alice.core.create_room(room)) == "room.exists"
        bob.answer(bob.core.join_room(room), Settled)
        bob.answer(bob.core.set_topic(room, "Releases"), Settled)
        topic = alice.wait(lambda event: isinstance(event, Heard) and isinstance(event.event, TopicSet))
        assert isinstance(topic, Heard)
        assert isinstance(topic.event, TopicSet)
        assert topic.event.text == "Releases"
        listed = alice.answer(alice.core.list_rooms(room), RoomsFound)
        assert [(each.room, each.topic, each.members, each.joined) for each in listed.rooms] == [
            (room, "Releases", 2, True)
        ]
        bob.answer(bob.core.leave_room(room), Settled)
        assert bob.wait(lambda event: isinstance(event, RoomLost)) == RoomLost(room, kicked=False)
        left = alice.wait(lambda event: isinstance(event, Heard) and isinstance(event.event, Left))
        assert isinstance(left, Heard)
        assert left.own is False
        members = alice.answer(alice.core.list_members(room), PeopleFound)
        assert [person.name for person in members.people] == [alice.core.snapshot.name]


def test_who_is_kicked_loses_the_room_and_learns_why(somebody: Somebody) -> None:
    with somebody() as alice, somebody("chief") as chief:
        room = new_room(alice)
        chief.answer(chief.core.join_room(room), Settled)
        chief.answer(chief.core.kick(room, alice.core.snapshot.name, "off you go"), Settled)
        heard = alice.wait(lambda event: isinstance(event, Heard) and isinstance(event.event, Kicked))
        assert isinstance(heard, Heard)
        assert isinstance(heard.event, Kicked)
        assert (heard.own, heard.event.by, heard.event.reason) == (True, "chief", "off you go")
        assert alice.wait_for(RoomLost) == RoomLost(room, kicked=True)
        assert alice.failure(alice.core.kick(room, "chief")) == "permission.denied"


def test_history_is_paged_back_to_the_first_event_without_gap_or_double(somebody: Somebody) -> None:
    with somebody() as alice:
        room = new_room(alice)
        for number in range(120):
            alice.core.post(room, f"line {number}")
        alice.texts(room, 120)
        found: list[int] = []
        before: int | None = None
        while True:
            page = alice.answer(alice.core.history(room, before, 50), HistoryFound)
            found = [event.number for event in page.events] + found
            if not page.earlier:
                break
            before = page.first
        assert found == list(range(1, 122)), "the joining and 120 lines"
        assert alice.failure(alice.core.history("nowhere-at-all")) == "room.not_member"


def test_one_history_call_gathers_more_than_one_page_of_the_server(somebody: Somebody) -> None:
    with somebody() as alice:
        room = new_room(alice)
        for number in range(450):
            alice.core.post(room, f"line {number}")
        alice.texts(room, 450)
        page = alice.answer(alice.core.history(room, None, 430), HistoryFound)
        assert len(page.events) == 430
        assert (page.first, page.last, page.earlier) == (22, 451, True)


def test_search_finds_words_and_pages_on(somebody: Somebody) -> None:
    with somebody() as alice:
        room = new_room(alice)
        for number in range(3):
            alice.core.post(room, f"rotation {number} of the certificate")
        alice.core.post(room, "nothing of the kind")
        alice.texts(room, 4)
        found = alice.answer(alice.core.search("certificate rotation", room), MessagesFound)
        assert [message.text for message in found.messages] == [
            f"rotation {number} of the certificate" for number in (2, 1, 0)
        ]
        assert alice.answer(alice.core.search("certificate", room, sender="nobody-else"), MessagesFound).messages == ()


def test_users_and_status_say_who_and_how(somebody: Somebody) -> None:
    with somebody() as alice:
        people = alice.answer(alice.core.list_users(), PeopleFound)
        assert alice.core.snapshot.name in [person.name for person in people.people]
        status = alice.answer(alice.core.status(), Status)
        assert status.tls == "TLS 1.3"
        assert 0 < status.round_trip < 30
        assert status.name == alice.core.snapshot.name


def test_what_was_read_is_kept_for_the_next_start_and_the_rest_is_shown_then(
    somebody: Somebody, installation: Installation, tmp_path: Path
) -> None:
    with somebody() as bob:
        room = new_room(bob)
        person = installation.people[next(_unused)]
        vault = vault_of(installation, person, tmp_path / "vault")
        with TestClient(vault) as alice:
            alice.answer(alice.core.join_room(room), Settled)
            bob.core.post(room, "read")
            alice.texts(room, 1)
            last = next(
                event.event.number
                for event in alice.seen
                if isinstance(event, Heard) and isinstance(event.event, Message)
            )
            alice.core.mark_read(room, last)
            alice.core.close()
            assert places.read_markers(vault)[room] == last
        bob.core.post(room, "missed one")
        bob.core.post(room, "missed two")
        bob.texts(room, 3)
        with SealedVault(tmp_path / "vault") as sealed, TestClient(sealed.unlock(PASSPHRASE)) as alice:
            entered = alice.wait(lambda event: isinstance(event, RoomEntered) and event.room == room)
            assert isinstance(entered, RoomEntered)
            assert (entered.after, entered.unread, entered.again) == (last, 2, False)
            assert alice.texts(room, 2) == ["missed one", "missed two"]
            assert all(event.late for event in alice.seen if isinstance(event, Heard) and event.event.room == room)


def test_who_only_asks_follows_no_room(somebody: Somebody) -> None:
    with somebody() as bob:
        room = new_room(bob)
        with somebody(None, options(attend=False)) as alice:
            alice.answer(alice.core.list_rooms(), RoomsFound)
            bob.core.post(room, "hello")
            bob.texts(room, 1)
            alice.answer(alice.core.list_rooms(), RoomsFound)
            assert not [event for event in alice.seen if isinstance(event, RoomEntered | Heard)]


def test_a_joining_is_heard_by_those_who_are_there(somebody: Somebody) -> None:
    with somebody() as alice, somebody() as bob:
        room = new_room(alice)
        bob.answer(bob.core.join_room(room), Settled)
        heard = alice.wait(
            lambda event: (
                isinstance(event, Heard)
                and isinstance(event.event, Joined)
                and event.event.name == bob.core.snapshot.name
            )
        )
        assert isinstance(heard, Heard)
        assert heard.own is False
