"""Finding what was said: history forwards, backwards and whole; searches page after page."""

import pytest

from secure_chat.client import events as e
from secure_chat.errors import NotConnected, RoomUnknown
from secure_chat.limits import MAX_HISTORY_CALL
from secure_chat.protocol.events import RoomEvent
from tests.client.line.person import MINUTE, TEN, Person, entered, joined, said

DAY = 24 * 60 * MINUTE


@pytest.fixture
def alice() -> Person:
    person = Person()
    person.arrives("lobby")
    person.hears(entered("dev", head=2500))
    person.types("/go dev")
    person.learns_names()
    return person


def stretch(first: int, last: int, *, earlier: bool = False) -> e.HistoryFound:
    events: list[RoomEvent] = [said(f"text {number}", number=number) for number in range(first, last + 1)]
    return e.HistoryFound("dev", first, last, tuple(events), earlier)


# --- history -------------------------------------------------------------------------------------


def test_history_is_numbered_the_oldest_first_with_its_days(alice: Person) -> None:
    alice.types("/history")
    assert alice.asks() == ("history", "dev", None, 50)
    events = (joined("dave", number=12, at=TEN - DAY), said("one\ntwo", number=13), said("three", number=14))
    assert alice.answers(e.HistoryFound("dev", 12, 14, events, earlier=True)) == [
        "* #dev · 12 to 14",
        "--- Sunday, 2 May 2021 ---",
        "   12  10:00 · dave joined",
        "--- Monday, 3 May 2021 ---",
        "   13  10:00 dave: one",
        "    | two",
        "   14  10:00 dave: three",
        "* older ones: /history --before 12",
    ]


def test_the_beginning_is_said_to_be_one(alice: Person) -> None:
    alice.types("/history 2")
    assert alice.asks() == ("history", "dev", None, 2)
    assert alice.answers(stretch(1, 2))[-1] == "* that is the beginning"
    alice.types("/history")
    assert alice.answers(stretch(100, 101))[-1] == "* nothing older is kept"


@pytest.mark.parametrize("wish", ["1 2", "all 2", "2 all", "all all", "2 --before 5 3", "--before 5 --before 6"])
def test_more_than_one_number_of_lines_is_refused(alice: Person, wish: str) -> None:
    assert alice.types(f"/history {wish}")[0].endswith("[usage.invalid]")
    assert alice.client.take_asked() == []


def test_history_goes_on_before_a_number(alice: Person) -> None:
    alice.types("/history 20 --before #1042")
    assert alice.asks() == ("history", "dev", 1042, 20)
    assert alice.answers(stretch(1022, 1041, earlier=True))[-1] == "* older ones: /history 20 --before 1022"


def test_a_search_in_a_room_that_there_is_not_names_the_one_that_was_meant(alice: Person) -> None:
    alice.types("/search x in:#devv")
    assert alice.hears(e.Failed(alice.client.asked[-1].ticket, RoomUnknown())) == [
        "! No room #devv. Did you mean #dev? /rooms lists what there is, /join devv --create makes it. [room.unknown]"
    ]


def test_nothing_found_is_said_so(alice: Person) -> None:
    alice.types("/history")
    assert alice.answers(e.HistoryFound("dev", 1, 0, (), earlier=False)) == ["* #dev has no history yet"]
    alice.types("/history --before 1")
    assert alice.answers(e.HistoryFound("dev", 1, 0, (), earlier=False)) == ["* #dev has nothing older"]


def test_all_of_it_comes_in_order_without_gap_or_duplicate(alice: Person) -> None:
    drawn = alice.types("/history all")
    assert drawn == ["* #dev · 1 to 2500, Ctrl-C stops"]
    while alice.asks()[0] == "history" and len(alice.client.asked) < 10:
        _, _, before, count = alice.asks()
        assert isinstance(before, int)
        assert isinstance(count, int)
        assert count <= MAX_HISTORY_CALL
        drawn += alice.answers(stretch(before - count, before - 1))
        if drawn[-1] == "* that is all":
            break
    numbers = [int(line.split()[0]) for line in drawn if line.startswith(" ")]
    assert numbers == list(range(1, 2501))


def test_all_of_a_room_that_was_not_heard_of_yet_is_more_than_nothing() -> None:
    alice = Person()
    alice.hears(e.Connected("team.example.org", "alice", "member", resumed=True, again=False, rooms=("dev",)))
    alice.client.asked.clear()
    alice.types("/history all")
    assert alice.asks() == ("history", "dev", None, 1)
    assert alice.answers(stretch(2500, 2500)) == ["* #dev · 1 to 2500, Ctrl-C stops"]
    assert alice.asks() == ("history", "dev", 1001, 1000)
    empty = Person()
    empty.hears(e.Connected("team.example.org", "alice", "member", resumed=True, again=False, rooms=("dev",)))
    empty.types("/history all")
    assert empty.answers(e.HistoryFound("dev", 1, 0, (), earlier=False)) == ["* #dev has no history yet"]


def test_more_than_one_call_can_bring_is_fetched_piece_by_piece(alice: Person) -> None:
    alice.types("/history 1500 --before 2001")
    assert alice.asks() == ("history", "dev", 1501, 1000)
    alice.answers(stretch(501, 1500))
    assert alice.asks() == ("history", "dev", 2001, 500)


def test_a_long_listing_ends_with_ctrl_c(alice: Person) -> None:
    alice.types("/history all")
    alice.console.interrupted(had_text=False)
    assert alice.answers(stretch(1, 1000)) == ["* stopped"]
    assert alice.console.is_settled
    alice.console.interrupted(had_text=False)
    assert alice.sees() == ["* once more Ctrl-C, or /quit, to leave"]


def test_a_long_listing_that_fails_says_why(alice: Person) -> None:
    alice.types("/history all")
    drawn = alice.hears(e.Failed(alice.client.asked[-1].ticket, NotConnected()))
    assert drawn[0].endswith("[net.offline]")
    alice.console.interrupted(had_text=False)
    assert alice.sees() == ["* once more Ctrl-C, or /quit, to leave"]


@pytest.mark.parametrize(
    "text", ["/history x", "/history 0", "/history --before", "/history --before x", "/history -5"]
)
def test_a_history_that_makes_no_sense_asks_nothing(alice: Person, text: str) -> None:
    assert alice.types(text)[0].endswith("[usage.invalid]")
    assert alice.client.take_asked() == []


# --- search --------------------------------------------------------------------------------------


def test_a_search_shows_room_number_and_time(alice: Person) -> None:
    alice.types("/search cert rotation from:@Dave in:#dev")
    assert alice.asks() == ("search", "cert rotation", "dev", "dave", 0, 0)
    found = (said("the cert rotation", number=61), said("a cert rotation", number=12, at=TEN - DAY, room="lobby"))
    assert alice.answers(e.MessagesFound(found, next=7)) == [
        "* 2 found, the newest first:",
        "#dev 61  2021-05-03 10:00 dave: the cert rotation",
        "#lobby 12  2021-05-02 10:00 dave: a cert rotation",
        "* older ones: /search --more",
    ]


def test_a_search_goes_on_where_it_ended(alice: Person) -> None:
    alice.types("/search cert")
    alice.answers(e.MessagesFound((said("cert"),), next=7))
    alice.types("/search --more")
    assert alice.asks() == ("search", "cert", "", "", 0, 7)
    assert alice.answers(e.MessagesFound((), next=0)) == ["* nothing more found"]
    assert "no search to go on with" in alice.types("/search --more")[0]


def test_a_search_after_a_date_asks_for_its_time(alice: Person) -> None:
    alice.types("/search cert after:2021-05-01")
    since = alice.asks()[4]
    assert isinstance(since, int)
    assert abs(since - (TEN - 2 * DAY)) < 2 * DAY


def test_nothing_found_names_where_was_looked(alice: Person) -> None:
    alice.types("/search cert")
    assert alice.answers(e.MessagesFound((), next=0)) == ["* nothing found in the rooms you are in"]


@pytest.mark.parametrize("text", ["/search", "/search from:bob", "/search x after:someday", "/search x in:#ä"])
def test_a_search_that_makes_no_sense_asks_nothing(alice: Person, text: str) -> None:
    drawn = alice.types(text)
    assert "[usage.invalid]" in drawn[0] or "[room.name_invalid]" in drawn[0]
    assert "secure-chat search" not in drawn[0]
    assert alice.client.take_asked() == []
