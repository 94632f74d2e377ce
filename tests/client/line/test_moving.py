"""Moving between rooms: joining, leaving, going, drafts that wait for their room, lists of rooms and topics."""

import pytest

from secure_chat.client import events as e
from secure_chat.client.direct.events import ContactsFound
from secure_chat.errors import PermissionDenied, RoomExists, RoomUnknown
from secure_chat.exit_codes import ExitCode
from secure_chat.limits import MAX_LISTED_ROWS
from secure_chat.protocol.events import RoomSummary
from tests.client.line.person import Person, entered, heard, kicked, said, topic


@pytest.fixture
def alice() -> Person:
    person = Person()
    person.arrives("dev", "lobby")
    return person


def last_ticket(person: Person) -> e.Ticket:
    return person.client.asked[-1].ticket


# --- joining -------------------------------------------------------------------------------------


def test_joining_moves_the_prompt_once_the_server_has_answered(alice: Person) -> None:
    alice.types("/join #Release")
    assert alice.asks() == ("join_room", "release")
    assert alice.prompt == "#lobby >"
    drawn = alice.hears(entered("release", head=40, ticket=last_ticket(alice), topic="What ships"))
    assert drawn == ["* you are in #release: What ships, 3 members; /history shows what was said before"]
    assert alice.prompt == "#release >"
    assert alice.answers(e.Settled()) == []


STAYS = ", 3 members. What you write goes where it went before: /go release leads there"


def test_a_late_answer_takes_nobody_away_from_where_the_person_has_gone_meanwhile(alice: Person) -> None:
    """What is half typed for bob must not be finished in a room, whatever the server takes its time with."""
    alice.types("/join release")
    ticket = last_ticket(alice)
    alice.types("/msg bob")
    alice.prompt_text.text = "a secret for b"
    assert alice.hears(entered("release", ticket=ticket)) == [f"* you are in #release{STAYS}"]
    assert (alice.prompt, alice.prompt_text.text) == ("bob (end-to-end) >", "a secret for b")
    alice.types("/go release")
    alice.types("/go bob")
    assert alice.prompt_text.text == ""


def test_a_late_answer_splits_no_line_that_was_begun_where_the_prompt_was(alice: Person) -> None:
    alice.types("/msg bob")
    alice.types("/join release")
    ticket = last_ticket(alice)
    alice.prompt_text.text = "a secret for b"
    assert alice.hears(entered("release", ticket=ticket)) == [f"* you are in #release{STAYS}"]
    assert (alice.prompt, alice.prompt_text.text) == ("bob (end-to-end) >", "a secret for b")


def test_of_several_rooms_that_are_joined_in_a_row_the_last_one_is_where_lines_go(alice: Person) -> None:
    alice.types("/join release")
    first = last_ticket(alice)
    alice.types("/join news")
    second = last_ticket(alice)
    alice.hears(entered("release", ticket=first))
    alice.hears(entered("news", ticket=second))
    assert alice.prompt == "#news >"


def test_who_loses_the_room_while_another_is_on_its_way_chooses_a_place_anew(alice: Person) -> None:
    alice.types("/join release")
    ticket = last_ticket(alice)
    alice.hears(e.RoomLost("lobby", kicked=True))
    alice.hears(entered("release", ticket=ticket))
    assert alice.prompt == "(nowhere) >"


def test_creating_says_what_there_is(alice: Person) -> None:
    alice.types("/join release --create")
    assert alice.asks() == ("create_room", "release")
    event = e.RoomEntered("release", "", 1, head=1, first=1, after=0, unread=0, again=False, ticket=last_ticket(alice))
    assert alice.hears(event) == ["* you are in #release, 1 member"]


def test_joining_a_room_that_one_is_in_goes_there(alice: Person) -> None:
    assert alice.types("/join dev") == ["* you write to #dev"]
    assert alice.client.take_asked() == []


def test_joining_a_room_that_there_is_not_suggests_one(alice: Person) -> None:
    alice.types("/join devv")
    alice.hears(e.Failed(last_ticket(alice), RoomUnknown()))
    assert alice.asks() == ("list_rooms", "", "")
    found = e.RoomsFound((RoomSummary("dev", "", 3, True), RoomSummary("lobby", "", 9, True)), more=False, total=2)
    assert alice.answers(found) == [
        "! No room #devv. Did you mean #dev? /rooms lists 2, /join devv --create makes it. [room.unknown]"
    ]


def test_a_suggestion_that_cannot_be_had_is_left_out(alice: Person) -> None:
    alice.types("/join devv")
    alice.hears(e.Failed(last_ticket(alice), RoomUnknown()))
    assert alice.hears(e.Failed(last_ticket(alice), PermissionDenied())) == [
        "! No room #devv. Did you mean #dev? /rooms lists what there is, /join devv --create makes it. [room.unknown]"
    ]


def test_creating_a_room_that_there_is_says_how_to_enter_it(alice: Person) -> None:
    alice.types("/join release --create")
    assert alice.hears(e.Failed(last_ticket(alice), RoomExists())) == [
        "! There is a room #release already. /join release enters it. [room.exists]"
    ]


@pytest.mark.parametrize(
    ("text", "code"), [("/join", "usage.invalid"), ("/join a b", "usage.invalid"), ("/join ä", "room.name_invalid")]
)
def test_a_joining_that_makes_no_sense_asks_nothing(alice: Person, text: str, code: str) -> None:
    assert alice.types(text)[0].endswith(f"[{code}]")
    assert alice.client.take_asked() == []


# --- leaving -------------------------------------------------------------------------------------


def test_leaving_is_of_this_room_and_moves_the_prompt(alice: Person) -> None:
    alice.types("/leave")
    assert alice.asks() == ("leave_room", "lobby")
    assert alice.hears(e.RoomLost("lobby", kicked=False)) == [
        "* you are no longer in #lobby",
        "* you write to #dev",
    ]
    assert alice.prompt == "#dev >"
    alice.types("/part")
    assert alice.asks() == ("leave_room", "dev")
    assert alice.hears(e.RoomLost("dev", kicked=False)) == ["* you are no longer in #dev"]
    assert alice.prompt == ">"


def test_another_room_can_be_left_by_name(alice: Person) -> None:
    alice.types("/leave dev")
    assert alice.asks() == ("leave_room", "dev")
    assert alice.hears(e.RoomLost("dev", kicked=False)) == ["* you are no longer in #dev"]
    assert alice.prompt == "#lobby >"


WAYS_BACK = "/go dev, /msg USER or /join ROOM leads to one"


def is_removed(alice: Person) -> list[str]:
    return alice.hears(heard(kicked("alice", "dave", "spam", room="lobby")), e.RoomLost("lobby", kicked=True))


def test_who_is_removed_is_told_by_whom_and_what_was_typed_stays_and_goes_nowhere_else(alice: Person) -> None:
    alice.prompt_text.text = "a secret of the lobby"
    assert is_removed(alice) == [
        "10:00 #lobby · dave removed alice: spam",
        "! you were removed from #lobby",
        (
            "* your text stays at the prompt, and nothing is sent before you choose another place: "
            "/go dev, /msg USER or /join ROOM leads to one"
        ),
    ]
    assert (alice.prompt, alice.prompt_text.text) == ("(nowhere) >", "a secret of the lobby")
    alice.client.take_asked()
    assert alice.types("a secret of the lobby") == [
        (
            f"! You are not in #lobby any more, where this was begun. Nothing was sent. {WAYS_BACK}. "
            "Your text is back at the prompt. [room.none]"
        )
    ]
    assert alice.prompt_text.text == "a secret of the lobby"
    assert alice.client.take_asked() == []
    alice.console.moved(1)
    assert alice.sees() == ["* what you were typing was not sent: a secret of the lobby"]
    assert (alice.prompt, alice.prompt_text.text) == ("#dev >", "")


def test_what_is_begun_right_after_a_removal_goes_nowhere_either(alice: Person) -> None:
    """Half a thought may be in the fingers only: the prompt does not move under them."""
    assert is_removed(alice)[-1] == f"* nothing is sent before you choose another place: {WAYS_BACK}"
    alice.hears(e.Connected("team.example.org", "alice", "member", resumed=True, again=True, rooms=("dev",)))
    alice.hears(entered("dev", again=True))
    assert "[room.none]" in alice.types("hello")[0]
    assert "[room.none]" in alice.types("/me waves")[0]
    assert alice.types("/go dev") == ["* you write to #dev"]
    alice.client.take_asked()
    alice.types("hello")
    assert alice.client.take_asked() == [("post", "dev", "hello", False)]


def test_a_room_that_is_left_while_something_is_typed_takes_it_nowhere_else(alice: Person) -> None:
    alice.types("/leave")
    alice.prompt_text.text = "one more thing"
    drawn = alice.hears(e.RoomLost("lobby", kicked=False))
    assert drawn[1].startswith("* your text stays at the prompt, and nothing is sent")
    assert (alice.prompt, alice.prompt_text.text) == ("(nowhere) >", "one more thing")


def test_without_any_other_room_the_way_to_one_is_named(alice: Person) -> None:
    alice.types("/leave dev")
    alice.hears(e.RoomLost("dev", kicked=False))
    assert is_removed(alice)[-1].endswith("another place: /rooms lists all of them, /join ROOM enters one")


# --- going ---------------------------------------------------------------------------------------


def test_going_needs_only_the_beginning_of_a_name(alice: Person) -> None:
    assert alice.types("/go d") == ["* you write to #dev"]
    assert alice.prompt == "#dev >"
    assert alice.types("/go #lobby") == ["* you write to #lobby"]


def test_going_says_what_the_room_is_about(alice: Person) -> None:
    alice.hears(topic("Releases"))
    assert alice.types("/go dev") == ["* you write to #dev: Releases"]


def test_going_nowhere_says_where_one_is(alice: Person) -> None:
    assert alice.types("/go") == [
        "! Where to? You are in #dev, #lobby. Nothing was done. /help go explains it. [usage.invalid]"
    ]
    assert alice.types("/go release") == [
        (
            "! You are not in #release. /join release enters it, /msg release writes to a person of that name. "
            "[room.not_member]"
        )
    ]
    assert alice.types("/go #release") == ["! You are not in #release. /join release enters it. [room.not_member]"]
    assert alice.types("/go @bob") == [
        "! There is no conversation with bob yet. /msg bob begins one. [usage.invalid]",
    ]


def test_a_beginning_of_several_names_is_not_guessed(alice: Person) -> None:
    alice.hears(entered("devops"))
    assert "More than one fits: #dev, #devops." in alice.types("/go de")[0]
    assert alice.types("/go dev") == ["* you write to #dev"]


def test_what_is_typed_stays_with_its_room(alice: Person) -> None:
    alice.prompt_text.text = "for the lobby"
    alice.console.moved(1)
    assert (alice.prompt, alice.prompt_text.text) == ("#dev >", "")
    alice.prompt_text.text = "for dev"
    alice.console.moved(1)
    assert (alice.prompt, alice.prompt_text.text) == ("#lobby >", "for the lobby")
    alice.console.moved(-1)
    assert (alice.prompt, alice.prompt_text.text) == ("#dev >", "for dev")
    assert alice.console.drafts() == {"dev": "for dev", "lobby": "for the lobby"}


def test_drafts_of_the_last_time_are_there_again() -> None:
    alice = Person(drafts={"lobby": "half a th", "dev": "and more", "gone": "x"})
    alice.arrives("dev", "lobby")
    assert alice.prompt_text.text == "half a th"
    alice.console.moved(1)
    assert alice.prompt_text.text == "and more"


def test_with_one_room_or_none_there_is_nowhere_to_move() -> None:
    alice = Person()
    alice.console.moved(1)
    alice.arrives("lobby")
    alice.console.moved(1)
    assert alice.prompt == "#lobby >"


def test_without_the_lobby_the_first_room_is_the_one() -> None:
    alice = Person()
    alice.arrives("ops", "dev")
    assert alice.prompt == "#dev >"


def test_the_names_of_a_room_that_one_goes_to_can_be_completed() -> None:
    alice = Person()
    alice.hears(e.Connected("team.example.org", "alice", "member", resumed=True, again=False, rooms=("dev", "lobby")))
    assert alice.asks() == ("list_members", "lobby", "")
    alice.is_told("contacts", ContactsFound(()))
    alice.learns_names("bob", "bert")
    assert alice.console.propose("@b").choices == ("@bert ", "@bob ")
    alice.types("/go dev")
    assert alice.asks() == ("list_members", "dev", "")
    assert alice.hears(e.Failed(last_ticket(alice), PermissionDenied())) == []
    alice.types("/go lobby")
    assert [asked.call for asked in alice.client.asked] == ["list_members"]


# --- lines whose answers nobody sees -------------------------------------------------------------


@pytest.fixture
def pipe() -> Person:
    person = Person()
    person.console.context.is_watched = False
    person.arrives("dev", "lobby")
    person.client.take_asked()
    return person


@pytest.mark.parametrize(
    ("command", "exit_code"),
    [
        ("/go bobb", ExitCode.PERMISSION),
        ("/go", ExitCode.USAGE),
        ("/next 2", ExitCode.USAGE),
        ("/msg", ExitCode.USAGE),
        ("/msg b!b", ExitCode.USAGE),
        ("/msg alice", ExitCode.USAGE),
        ("/reply", ExitCode.USAGE),
        ("/mgs bob", ExitCode.USAGE),
        ("/join a b", ExitCode.USAGE),
        ("/leave x y", ExitCode.USAGE),
    ],
)
def test_after_a_way_that_failed_unseen_a_line_goes_nowhere(pipe: Person, command: str, exit_code: ExitCode) -> None:
    pipe.types(command)
    assert pipe.console.context.shortfall is exit_code
    for line in ("a secret", "/me whispers", "//slash"):
        (drawn,) = pipe.types(line)
        what = "/mgs was not understood" if "mgs" in command else "The place that was named before was not reached"
        assert drawn.startswith(f"! {what}, so this goes nowhere. Nothing was")
        assert drawn.endswith("[room.none]")
    assert pipe.client.take_asked() == []
    pipe.console.input_ended()
    assert pipe.console.leaving is ExitCode.PARTLY_SENT


def test_unseen_only_a_whole_name_leads_anywhere(pipe: Person) -> None:
    """Whoever writes first can have a name that begins like, or holds, the one that is meant."""
    pipe.types("/msg bobby hello")
    pipe.client.take_asked()
    for beginning in ("bob", "@bob", "#de", "obb"):
        pipe.types("/go dev")
        pipe.types(f"/go {beginning}")
        assert pipe.types("a secret")[0].endswith("[room.none]")
    assert pipe.client.take_asked() == []
    for name, prompt in (("bobby", "bobby (end-to-end) >"), ("@Bobby", "bobby (end-to-end) >"), ("#dev", "#dev >")):
        pipe.types(f"/go {name}")
        assert pipe.prompt == prompt


@pytest.mark.parametrize("command", ["/join elsewhere", "/join elsewhere --create", "/leave dev"])
def test_a_way_that_the_server_refuses_is_one_that_failed(pipe: Person, command: str) -> None:
    pipe.types(command)
    pipe.hears(e.Failed(last_ticket(pipe), RoomExists() if "create" in command else PermissionDenied()))
    pipe.client.take_asked()
    assert pipe.types("a secret")[0].endswith("[room.none]")
    assert pipe.client.take_asked() == []


def test_a_way_to_a_room_that_there_is_not_is_one_that_failed(pipe: Person) -> None:
    pipe.types("/join devv")
    pipe.hears(e.Failed(last_ticket(pipe), RoomUnknown()))
    pipe.answers(e.RoomsFound((), more=False, total=0))
    assert pipe.types("a secret")[0].endswith("[room.none]")
    pipe.console.input_ended()
    assert pipe.console.leaving is ExitCode.PARTLY_SENT


@pytest.mark.parametrize("command", ["/msg b!b a secret", "/kick", "/topic --clear x", "/send-file x bob"])
def test_a_command_that_leads_nowhere_else_may_fail(pipe: Person, command: str) -> None:
    assert pipe.types(command)[0].startswith("! ")
    pipe.types("hello")
    assert pipe.client.take_asked() == [("post", "lobby", "hello", False)]


# --- looking around ------------------------------------------------------------------------------


def test_rooms_are_listed_in_words(alice: Person) -> None:
    alice.types("/rooms")
    assert alice.asks() == ("list_rooms", "", "")
    found = (RoomSummary("dev", "Releases\x1b[2J", 6, True), RoomSummary("lobby", "", 1, False))
    assert alice.answers(e.RoomsFound(found, more=False, total=2)) == [
        "* 2 rooms, kept by the server, which can read them:",
        "  #dev     6 members   you are in it   Releases",
        "  #lobby   1 member",
    ]


def test_rooms_are_asked_for_page_after_page_up_to_a_limit(alice: Person) -> None:
    alice.types("/rooms r")
    drawn: list[str] = []
    for start in range(0, MAX_LISTED_ROWS, 100):
        page = tuple(RoomSummary(f"r{number:04}", "", 1, False) for number in range(start, start + 100))
        drawn = alice.answers(e.RoomsFound(page, more=True, total=2000))
    assert alice.asks() == ("list_rooms", "r", f"r{MAX_LISTED_ROWS - 101:04}")
    assert len(drawn) == MAX_LISTED_ROWS + 2
    assert drawn[-1] == f"  … and {2000 - MAX_LISTED_ROWS} more: /rooms PART-OF-A-NAME"


def test_no_room_is_said_to_be_none(alice: Person) -> None:
    alice.types("/rooms xyz")
    assert alice.answers(e.RoomsFound((), more=False, total=0)) == ["* no room has xyz in its name"]
    alice.types("/rooms")
    assert alice.answers(e.RoomsFound((), more=False, total=0)) == ["* there are no rooms yet"]


def test_the_topic_is_said_set_and_cleared(alice: Person) -> None:
    assert alice.types("/topic") == ["* #lobby has no topic"]
    alice.types("/topic Releases   and incidents")
    assert alice.asks() == ("set_topic", "lobby", "Releases and incidents")
    alice.hears(topic("Releases and incidents", room="lobby"))
    assert alice.types("/topic") == ["* #lobby is about: Releases and incidents"]
    alice.types("/topic --clear")
    assert alice.asks() == ("set_topic", "lobby", "")


def test_an_old_topic_that_is_caught_up_with_is_not_the_topic(alice: Person) -> None:
    alice.hears(heard(topic("old", room="lobby"), late=True))
    assert alice.types("/topic") == ["* #lobby has no topic"]


def test_a_room_that_is_heard_of_goes_on_being_drawn_after_moving(alice: Person) -> None:
    alice.types("/go dev")
    assert alice.hears(said("hello", room="lobby")) == ["10:00 #lobby dave: hello"]
