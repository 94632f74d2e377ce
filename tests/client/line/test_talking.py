"""Talking: what is typed is said, what is heard is drawn, each own line once."""

import pytest

from secure_chat.client import events as e
from secure_chat.errors import MessageTooLong, NotMember, RateLimited
from secure_chat.limits import DELAY_NOTICE_SECONDS, UNASKED_LINES
from tests.client.line.person import MINUTE, TEN, Person, did, entered, heard, joined, kicked, left, said, topic


@pytest.fixture
def alice() -> Person:
    person = Person()
    person.arrives("dev", "lobby")
    return person


def test_what_is_typed_is_said_in_the_room_that_the_prompt_names(alice: Person) -> None:
    assert alice.prompt == "#lobby >"
    assert alice.types("hello  ") == []
    assert alice.asks() == ("post", "lobby", "hello", False)


def test_nothing_typed_is_nothing_said(alice: Person) -> None:
    assert alice.types("   ") == []
    assert alice.client.take_asked() == []


def test_an_own_line_is_drawn_once_when_it_is_heard(alice: Person) -> None:
    alice.types("hello")
    ticket = alice.client.asked[-1].ticket
    assert alice.hears(e.LineAccepted(ticket, "lobby", 1, TEN)) == []
    own = said("hello", sender="alice", room="lobby")
    assert alice.hears(heard(own, ticket=ticket)) == ["10:00 #lobby alice: hello"]


def test_what_others_say_is_drawn_with_time_room_and_name(alice: Person) -> None:
    assert alice.hears(said("hello", at=TEN + 2 * MINUTE)) == ["10:02 #dev dave: hello"]
    assert alice.hears(did("waves")) == ["10:00 #dev * dave waves"]
    assert alice.hears(topic("Releases")) == ["10:00 #dev · dave set the topic: Releases"]
    assert alice.hears(topic("")) == ["10:00 #dev · dave cleared the topic"]
    assert alice.hears(kicked("erin", "dave", "spam")) == ["10:00 #dev · dave removed erin: spam"]
    assert alice.hears(kicked("erin", "dave")) == ["10:00 #dev · dave removed erin"]


def test_a_remote_text_cannot_move_the_cursor_or_forge_a_line(alice: Person) -> None:
    drawn = alice.hears(said("\x1b[2Jhi\n10:03 #dev alice: I agree", sender="dave\x1b[31m"))
    assert drawn == ["10:00 #dev dave: hi", "    | 10:03 #dev alice: I agree"]
    assert alice.hears(topic("a\nb\x07")) == ["10:00 #dev · dave set the topic: a b␇"]


def test_the_bell_rings_when_somebody_else_speaks_to_the_person(alice: Person) -> None:
    alice.hears(said("hello everybody"))
    assert not alice.console.take_bell()
    alice.hears(said("@alice look"))
    assert alice.console.take_bell()
    assert not alice.console.take_bell()
    alice.hears(said("alice: a note to self", sender="alice"))
    assert not alice.console.take_bell()


def test_a_day_that_ends_is_a_divider(alice: Person) -> None:
    assert alice.hears(said("late", at=TEN + 15 * 60 * MINUTE)) == [
        "--- Tuesday, 4 May 2021 ---",
        "01:00 #dev dave: late",
    ]


def test_me_says_what_one_does(alice: Person) -> None:
    alice.types("/me waves")
    assert alice.asks() == ("post", "lobby", "waves", True)
    assert alice.types("/me") == [
        "! What do you do? Say it: /me waves. Nothing was done. /help me explains it. [usage.invalid]",
    ]


def test_two_slashes_send_one(alice: Person) -> None:
    alice.types("//etc/passwd")
    assert alice.asks() == ("post", "lobby", "/etc/passwd", False)


@pytest.mark.parametrize(
    "text", ["/send-file bob x", " /edit bob the secret", "/react x", "/mgs bob x", "/etc/hosts", "/"]
)
def test_a_command_that_does_not_exist_never_goes_out(alice: Person, text: str) -> None:
    drawn = alice.types(text)
    assert "Nothing was sent." in drawn[0]
    assert alice.client.take_asked() == []
    assert alice.prompt_text.text == text


def test_a_slip_in_the_name_of_a_command_is_answered_with_what_was_meant(alice: Person) -> None:
    assert alice.types("/mgs bob the secret") == [
        (
            "! Unknown command /mgs, did you mean /msg? Nothing was sent. /help lists the commands; a text that begins "
            "with a slash is typed with two. Your text is back at the prompt. [usage.command_unknown]"
        )
    ]


# --- what the server says about a line -----------------------------------------------------------


def test_a_text_that_is_too_long_comes_back_to_the_prompt(alice: Person) -> None:
    drawn = alice.types("x" * 9312)
    assert drawn == [
        (
            "! 9,312 bytes, the limit is 8,192. Nothing was sent. Shorten it or send it in two parts. "
            "Your text is back at the prompt. [message.too_long]"
        )
    ]
    assert alice.prompt_text.text == "x" * 9312


def test_a_line_that_is_refused_comes_back_as_it_was_typed(alice: Person) -> None:
    alice.types("//etc")
    ticket = alice.client.asked[-1].ticket
    drawn = alice.hears(e.LineRefused(ticket, "lobby", MessageTooLong("Too long."), "/etc"))
    assert drawn[0].endswith("Nothing was sent. Your text is back at the prompt. [message.too_long]")
    assert alice.prompt_text.text == "//etc"


def test_a_refused_line_does_not_overwrite_what_is_being_typed(alice: Person) -> None:
    alice.types("first")
    alice.prompt_text.text = "second"
    drawn = alice.hears(e.LineRefused(alice.client.asked[-1].ticket, "lobby", NotMember(), "first"))
    assert "Your text is in the input history: the Up key brings it back." in drawn[0]
    assert alice.prompt_text.text == "second"


def test_a_line_refused_by_another_room_waits_there(alice: Person) -> None:
    alice.types("for the lobby")
    ticket = alice.client.asked[-1].ticket
    alice.types("/go dev")
    drawn = alice.hears(e.LineRefused(ticket, "lobby", NotMember(), "for the lobby", action=True))
    assert "Your text waits at the prompt of #lobby: /go lobby" in drawn[0]
    assert alice.prompt_text.text == ""
    alice.types("/go lobby")
    assert alice.prompt_text.text == "/me for the lobby"


def test_a_line_that_waits_for_its_rate_says_so_once_in_a_while(alice: Person) -> None:
    alice.types("hello")
    delayed = e.LineDelayed(alice.client.asked[-1].ticket, "lobby", RateLimited(retry_after=2.4), 2.4)
    assert alice.hears(delayed) == ["! Slow down: this line waits 2.4 s, then goes by itself. [rate.limited]"]
    assert alice.hears(delayed) == []
    alice.waits(DELAY_NOTICE_SECONDS)
    assert len(alice.hears(delayed)) == 1


def test_a_text_that_the_server_changed_is_said_to_be_another(alice: Person) -> None:
    alice.types("a\u202eb")
    accepted = e.LineAccepted(alice.client.asked[-1].ticket, "lobby", 1, TEN, changed="a\ufffdb")
    assert alice.hears(accepted) == ["* made safe to show, what was sent instead: a\ufffdb [text.changed]"]


# --- many lines ----------------------------------------------------------------------------------


def test_a_message_of_many_lines_is_asked_about(alice: Person) -> None:
    text = "\n".join(["line"] * 12)
    alice.types(text)
    assert alice.prompt == "12 lines: send as one message? y/n >"
    assert alice.client.take_asked() == []
    alice.types("y")
    assert alice.asks() == ("post", "lobby", text, False)
    assert alice.prompt == "#lobby >"


def test_a_message_of_many_lines_that_was_a_slip_comes_back(alice: Person) -> None:
    text = "\n".join(["line"] * 12)
    alice.types(text)
    assert alice.types("n") == ["* nothing was sent. Your text is back at the prompt."]
    assert alice.client.take_asked() == []
    assert alice.prompt_text.text == text


def test_a_few_lines_are_one_message_without_a_question(alice: Person) -> None:
    text = "\n".join(["line"] * UNASKED_LINES)
    alice.types(text)
    assert alice.asks() == ("post", "lobby", text, False)


# --- coming and going ----------------------------------------------------------------------------


def test_joining_is_gathered_into_one_line(alice: Person) -> None:
    names = ["bob", "carol", "dave", "erin", "frank"]
    assert alice.hears(*(joined(name, number=index) for index, name in enumerate(names, 1))) == []
    assert alice.console.due is not None
    assert alice.waits(2) == ["10:00 #dev · bob, carol and 3 others joined"]
    assert alice.console.due is None


def test_who_has_just_joined_and_speaks_is_announced_first(alice: Person) -> None:
    alice.hears(joined("bob"), left("carol"))
    assert alice.hears(said("hello", sender="dave")) == ["10:00 #dev dave: hello"]
    assert alice.hears(said("hello", sender="bob")) == [
        "10:00 #dev · bob joined",
        "10:00 #dev · carol left",
        "10:00 #dev bob: hello",
    ]


def test_who_comes_online_is_said(alice: Person) -> None:
    alice.hears(e.PresenceChanged("dev", ("bob", "alice"), ("carol",), 3))
    alice.hears(e.PresenceChanged("lobby", ("bob", "alice"), ("carol",), 3))
    assert alice.waits(2) == ["* bob is online", "* carol is offline"]


def test_the_count_of_a_large_room_is_not_drawn(alice: Person) -> None:
    assert alice.hears(e.PresenceChanged("dev", (), (), 512)) == []
    assert alice.console.due is None


def test_the_own_joining_and_leaving_are_said_by_the_room_alone(alice: Person) -> None:
    assert alice.hears(joined("alice"), left("alice")) == []
    assert alice.waits(2) == []


# --- what is new ---------------------------------------------------------------------------------


def test_new_lines_are_announced_with_the_time_of_the_first() -> None:
    alice = Person()
    alice.arrives("lobby")
    drawn = alice.hears(
        entered("dev", head=12, after=9, unread=3),
        heard(said("one", number=10, at=TEN - 13 * MINUTE), late=True),
        heard(said("two", number=11), late=True),
        heard(said("three", number=12), late=True),
    )
    assert drawn == [
        "* #dev · 3 new since 09:47",
        "09:47 #dev dave: one",
        "10:00 #dev dave: two",
        "10:00 #dev dave: three",
    ]


def test_more_than_is_shown_is_said_to_be_more() -> None:
    alice = Person()
    alice.arrives("lobby")
    drawn = alice.hears(entered("dev", head=512, after=312, unread=400), heard(said("one", number=313), late=True))
    assert drawn[0] == "* #dev · 400 new since 10:00; the last 200 follow, /history has the others"


def test_what_came_yesterday_bears_its_day() -> None:
    alice = Person()
    alice.arrives("lobby")
    drawn = alice.hears(
        entered("dev", head=10, after=9, unread=1), heard(said("one", number=10, at=TEN - 24 * 60 * MINUTE), late=True)
    )
    assert drawn == [
        "* #dev · 1 new since 2021-05-02 10:00",
        "--- Sunday, 2 May 2021 ---",
        "10:00 #dev dave: one",
    ]


def test_own_lines_that_went_out_on_the_way_back_are_not_new(alice: Person) -> None:
    alice.types("/go dev")
    alice.types("waited")
    ticket = alice.client.asked[-1].ticket
    drawn = alice.hears(
        entered("dev", head=11, after=9, again=True),
        heard(said("waited", sender="alice", number=10), late=True, ticket=ticket),
        heard(said("news", number=11), late=True),
    )
    assert drawn == ["10:00 #dev alice: waited", "* #dev · 1 new since 10:00", "10:00 #dev dave: news"]
    drawn = alice.hears(
        entered("lobby", head=1, after=0, again=True),
        heard(said("x", sender="alice", room="lobby"), late=True, ticket=e.Ticket(99)),
        said("y", room="lobby", number=2),
    )
    assert drawn == ["10:00 #lobby alice: x", "10:00 #lobby dave: y"]


def test_what_the_server_does_not_keep_is_named(alice: Person) -> None:
    assert alice.hears(e.NotKept("dev", 5, 90)) == ["* #dev · 5 to 90 are not kept any more"]


def test_a_long_catching_up_is_announced(alice: Person) -> None:
    assert alice.hears(e.CatchUpBegan("dev", 1, 3)) == []
    assert alice.hears(e.CatchUpBegan("dev", 1, 1200)) == ["* #dev · fetching 1,200 that were missed"]


def test_late_joinings_stand_before_the_message_that_followed_them(alice: Person) -> None:
    drawn = alice.hears(heard(joined("bob"), late=True), heard(said("hello"), late=True), e.CatchUpEnded("dev", 3))
    assert drawn == ["10:00 #dev · bob joined", "10:00 #dev dave: hello"]
    assert alice.hears(heard(joined("erin"), late=True), e.CatchUpEnded("dev", 4)) == ["10:00 #dev · erin joined"]


def test_what_was_drawn_is_read_once_the_person_does_something(alice: Person) -> None:
    alice.hears(said("hello", number=7))
    assert not [asked for asked in alice.client.asked if asked.call == "mark_read"]
    alice.types("hi")
    assert [asked.arguments for asked in alice.client.asked if asked.call == "mark_read"] == [("dev", 7)]
    alice.client.asked.clear()
    alice.types("again")
    assert not [asked for asked in alice.client.asked if asked.call == "mark_read"]
