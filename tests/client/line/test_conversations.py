"""Conversations: what is typed and seen of direct messages, fed by the events that the client tells."""

import pytest

from secure_chat.client import events as e
from secure_chat.client.direct import events as d
from secure_chat.errors import Busy, ConnectionLost, KeyChanged, MessageTooLong, RateLimited, UserUnknown
from secure_chat.exit_codes import ExitCode
from secure_chat.limits import DELAY_NOTICE_SECONDS, MAX_HISTORY_CALL, MAX_UNREAD_AT_START
from tests.client.line.direct_rows import contact, heard_row, row
from tests.client.line.fake_client import OWN_NAME, SERVER
from tests.client.line.person import MINUTE, TEN, Person, entered, heard, said


@pytest.fixture
def alice() -> Person:
    person = Person()
    person.arrives("dev", "lobby")
    return person


def last_ticket(person: Person) -> e.Ticket:
    return person.client.asked[-1].ticket


def is_settled(person: Person) -> bool:
    return person.console.is_settled


# --- writing -------------------------------------------------------------------------------------


def test_msg_says_it_to_one_person_and_the_prompt_stays_where_it_is(alice: Person) -> None:
    assert alice.types("/msg Bob  lunch at one?\nor two?") == []
    assert alice.asks() == ("message", "bob", "lunch at one?\nor two?")
    assert alice.prompt == "#lobby >"


def test_an_own_message_is_drawn_once_when_the_server_has_it(alice: Person) -> None:
    alice.types("/msg bob hello")
    ticket = last_ticket(alice)
    assert not is_settled(alice)
    drawn = alice.hears(heard_row(row("hello", own=True), ticket=ticket), d.DirectAccepted(ticket, "bob", 1, TEN))
    assert drawn == ["10:00 [bob, end-to-end, unverified] alice: hello"]
    assert is_settled(alice)


def test_msg_without_a_text_opens_the_conversation_and_says_who_reads_it(alice: Person) -> None:
    assert alice.types("/msg bob") == [
        "* you write to bob: end-to-end encrypted, unverified; the server cannot read it"
    ]
    assert alice.prompt == "bob (end-to-end) >"
    alice.types("hello")
    assert alice.asks() == ("message", "bob", "hello")
    alice.types("//etc")
    assert alice.asks() == ("message", "bob", "/etc")


@pytest.mark.parametrize("alias", ["dm", "query", "tell", "w", "whisper"])
def test_what_other_programs_call_it_is_understood(alice: Person, alias: str) -> None:
    alice.types(f"/{alias} @bob hello")
    assert alice.asks() == ("message", "bob", "hello")


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("/msg", "usage.invalid"),
        ("/msg #dev x", "usage.invalid"),
        ("/msg alice x", "usage.invalid"),
        ("/msg ! x", "name.invalid"),
    ],
)
def test_a_message_to_nobody_goes_nowhere(alice: Person, typed: str, code: str) -> None:
    assert alice.types(typed)[0].endswith(f"[{code}]")
    assert alice.client.take_asked() == []


def test_an_action_is_for_rooms(alice: Person) -> None:
    alice.types("/msg bob")
    (refused,) = alice.types("/me waves")
    assert refused.startswith("! /me speaks to a room, and this goes to bob. Nothing was sent. Your text is back at")
    assert refused.endswith(" the prompt. Say it in words. [usage.invalid]")
    assert alice.prompt_text.text == "/me waves"
    assert alice.client.take_asked() == []


def test_reply_goes_to_whoever_wrote_last(alice: Person) -> None:
    assert "Nobody has written to you since the start." in alice.types("/reply yes")[0]
    alice.hears(heard_row(row("hi", peer="carol")), heard_row(row("lunch?", number=2)))
    alice.types("/reply yes")
    assert alice.asks() == ("message", "bob", "yes")
    alice.types("/reply")
    assert alice.prompt == "bob (end-to-end) >"


def test_a_reply_goes_to_nobody_who_wrote_while_it_was_typed(alice: Person) -> None:
    """Who writes at the right moment must not get what was meant for somebody else."""
    alice.hears(heard_row(row("lunch?", peer="bob")))
    alice.prompt_text.text = "/reply with you, of cou"
    alice.hears(heard_row(row("hi", peer="carol", number=2)))
    (drawn,) = alice.types("/reply with you, of course")
    assert drawn == (
        "! carol has written while you typed. Nothing was sent. Your text is back at the prompt. "
        "Enter sends it to carol, /msg bob TEXT to bob. [usage.invalid]"
    )
    assert alice.client.take_asked() == []
    assert alice.prompt_text.text == "/reply with you, of course"
    alice.types("/reply with you, of course")
    assert alice.asks() == ("message", "carol", "with you, of course")


def test_a_reply_that_was_begun_after_the_message_goes_out_at_once(alice: Person) -> None:
    alice.hears(heard_row(row("lunch?", peer="bob")), heard_row(row("hi", peer="carol", number=2)))
    alice.prompt_text.text = "/reply yes"
    alice.hears(heard_row(row("are you there?", peer="carol", number=3)))
    alice.types("/reply yes")
    assert alice.asks() == ("message", "carol", "yes")
    alice.prompt_text.text = "/users"
    alice.hears(heard_row(row("well?", peer="bob", number=4)))
    alice.types("/time")
    alice.prompt_text.text = ""
    alice.types("/reply no")
    assert alice.asks()[:2] == ("message", "bob")


def test_a_message_of_many_lines_to_a_person_is_asked_about_too(alice: Person) -> None:
    alice.types("/msg bob")
    alice.types("\n".join(["line"] * 12))
    assert alice.prompt == "12 lines: send as one message? y/n >"
    assert alice.types("n") == ["* nothing was sent. Your text is back at the prompt."]
    assert alice.client.take_asked() == []


def test_commands_of_rooms_say_that_this_is_none(alice: Person) -> None:
    alice.types("/msg bob")
    for command in ("/members", "/topic", "/leave", "/kick carol"):
        (drawn,) = alice.types(command)
        assert drawn == (
            "! This is a conversation with bob, no room. Nothing was done. /go ROOM leads to a room. [usage.invalid]"
        )


# --- hearing -------------------------------------------------------------------------------------


def test_what_is_heard_names_the_conversation_who_can_read_it_and_what_is_known_of_the_key(alice: Person) -> None:
    assert alice.hears(heard_row(row("notes attached", trust=d.Trust.VERIFIED, at=TEN + 3 * MINUTE))) == [
        "10:03 [bob, end-to-end, verified] bob: notes attached"
    ]
    assert alice.console.take_bell()
    assert alice.hears(heard_row(row("more", number=2))) == ["10:00 [bob, end-to-end, unverified] bob: more"]


def test_the_own_messages_of_somewhere_else_ring_no_bell(alice: Person) -> None:
    alice.hears(heard_row(row("hello", own=True)))
    assert not alice.console.take_bell()


def test_a_remote_text_cannot_move_the_cursor_or_forge_a_line(alice: Person) -> None:
    text = "\x1b[2Jhi\n10:03 [carol, end-to-end, verified] carol: I agree"
    drawn = alice.hears(heard_row(row(text, peer="bob\x1b[31m")))
    assert drawn == [
        "10:00 [bob, end-to-end, unverified] bob: hi",
        "    | 10:03 [carol, end-to-end, verified] carol: I agree",
    ]


def test_what_cannot_be_read_says_what_it_claims_why_and_the_one_fix(alice: Person) -> None:
    unreadable = row("", kind=d.MessageKind.UNREADABLE, reason="its one-time key is gone")
    assert alice.hears(heard_row(unreadable)) == [
        (
            "10:00 [bob, end-to-end, unverified] ! something that claims to be from bob cannot be read: "
            "its one-time key is gone. Ask bob to send it again."
        )
    ]


def test_what_a_newer_version_sent_says_so(alice: Person) -> None:
    unknown = row("", kind=d.MessageKind.UNKNOWN)
    assert alice.hears(heard_row(unknown)) == [
        "10:00 [bob, end-to-end, unverified] · bob sent something that needs a newer version of secure_chat"
    ]


def test_what_came_under_a_key_that_nobody_accepted_is_shown_apart(alice: Person) -> None:
    drawn = alice.hears(heard_row(row("send me money", trust=d.Trust.QUARANTINED)))
    assert drawn == [
        (
            "10:00 [bob, end-to-end, quarantined] ! something that claims to be from bob, under a key that you have "
            "not accepted: send me money"
        )
    ]


def test_a_clock_that_is_wrong_is_named(alice: Person) -> None:
    late = row("old", doubtful=True, sent_at=TEN - 120 * MINUTE)
    assert alice.hears(heard_row(late)) == [
        "10:00 [bob, end-to-end, unverified] bob: old (sent 2021-05-03 08:00 by the sender's clock)"
    ]


# --- what is told beside the messages ------------------------------------------------------------


def test_a_first_contact_a_new_device_and_an_omission_are_quiet_lines(alice: Person) -> None:
    assert alice.hears(d.ContactPinned("bob")) == ["* this device now knows the key of bob; /verify bob compares it"]
    assert alice.hears(d.NewDevice("bob")) == ["* bob has a new device, vouched for by the key that you know"]
    assert alice.hears(d.NewDevice("bob", replaces=True)) == [
        "* bob has a new device, vouched for by the key that you know; what the old one had not fetched is lost"
    ]
    assert alice.hears(d.DeviceLeftOut("bob", "it has published no keys")) == [
        "* a device of bob is left out: it has published no keys"
    ]
    assert alice.hears(d.ContactVerified("bob", "invite")) == ["* bob is verified by the invite that you share"]
    assert not alice.console.take_bell()


def test_what_may_have_been_lost_with_a_device_is_counted(alice: Person) -> None:
    assert alice.hears(d.MayBeLost("bob", 3, TEN - 13 * MINUTE)) == [
        "! 3 messages, the first one of 09:47, may not have reached bob: /go bob, then /history"
    ]
    assert alice.hears(d.MayBeLost("bob", 1, TEN)) == [
        "! 1 message of 10:00 may not have reached bob: /go bob, then /history"
    ]


def test_a_changed_key_is_the_one_alarm_and_names_the_ways_on(alice: Person) -> None:
    assert alice.hears(d.KeyIsChanged("dave", TEN + MINUTE, was_verified=False, held=0)) == [
        (
            "! dave has a new key since 10:01. Messages to dave are held. Compare: /verify dave · "
            "accept: /trust dave · drop: /discard dave [key.changed]"
        )
    ]
    assert alice.console.take_bell()
    verified = alice.hears(d.KeyIsChanged("dave", TEN, was_verified=True, held=2))
    assert verified[0].startswith(
        "! dave, whom you had verified, has a new key since 10:00. Messages to dave are held (2"
    )
    alice.types("/go dave")
    assert alice.prompt == "dave (key changed: messages are held) >"


def test_a_message_that_is_held_is_said_to_be_kept_and_does_not_come_back(alice: Person) -> None:
    alice.types("/msg dave hello")
    error = KeyChanged("dave has a new key since 10:01. Message kept, not sent.", hint="compare: /verify dave")
    assert alice.hears(d.DirectHeld(last_ticket(alice), "dave", error)) == [
        "! dave has a new key since 10:01. Message kept, not sent. Compare: /verify dave. [key.changed]"
    ]
    assert alice.prompt_text.text == ""
    assert is_settled(alice)


def test_who_is_offline_gets_it_later_which_is_said_once(alice: Person) -> None:
    def sends() -> list[str]:
        alice.types("/msg bob hello")
        return alice.hears(d.DirectAccepted(last_ticket(alice), "bob", 1, TEN))

    assert sends() == []
    alice.hears(e.PresenceChanged("lobby", (), ("bob",), 1))
    assert sends() == ["* bob is offline: it waits at the server, which cannot read it"]
    assert sends() == []
    assert alice.types("/msg bob")[-1].startswith("* you write to bob, who is offline: end-to-end encrypted")
    alice.hears(e.PresenceChanged("lobby", ("bob",), (), 2))
    assert sends() == []
    alice.hears(e.PresenceChanged("lobby", (), ("bob",), 1))
    assert len(sends()) == 1


def test_nobody_is_called_offline_by_a_connection_that_is_gone(alice: Person) -> None:
    alice.hears(e.PresenceChanged("lobby", (), ("bob",), 1), e.Disconnected(ConnectionLost(), 1.0))
    alice.types("/msg bob hello")
    assert alice.hears(d.DirectAccepted(last_ticket(alice), "bob", 1, TEN)) == []


# --- waiting and refusals ------------------------------------------------------------------------


def test_a_message_typed_offline_waits_in_the_vault_and_outlives_the_program(alice: Person) -> None:
    alice.hears(e.Disconnected(ConnectionLost(), 4.0))
    alice.types("/msg bob hello\x07")
    assert alice.hears(d.DirectQueued(last_ticket(alice), "bob", 1)) == [
        "* no connection, waits in your vault: to bob: hello␇"
    ]
    assert alice.prompt == "#lobby (offline, next try in 4 s, 1 line waits) >"
    assert alice.types("/status") == [
        "* team.example.org: offline since 10:00, next try in 4 s",
    ]
    assert alice.is_told("contacts", d.ContactsFound(())) == ["* 1 line waits to be sent:", "  to bob: hello␇"]
    alice.types("/quit")
    assert alice.hears(e.Stopped(None)) == [
        "* 1 message waits in your vault and goes by the next start:",
        "  to bob: hello␇",
    ]
    assert alice.console.leaving is ExitCode.OK


def test_a_message_that_the_server_has_no_room_for_says_so_once_in_a_while(alice: Person) -> None:
    alice.types("/msg bob hello")
    assert alice.hears(d.DirectDelayed(last_ticket(alice), "bob", RateLimited(), 2.4)) == []
    delayed = d.DirectDelayed(last_ticket(alice), "bob", Busy("Too much to do."), 2.4)
    assert alice.hears(delayed) == ["! Too much to do. This message to bob waits 2.4 s, then goes by itself. [busy]"]
    assert alice.hears(delayed) == []
    alice.waits(DELAY_NOTICE_SECONDS)
    assert len(alice.hears(delayed)) == 1


def test_a_person_that_there_is_not_leaves_no_conversation_and_the_text_comes_back(alice: Person) -> None:
    alice.hears(heard_row(row("hi")))
    alice.types("/msg bbo see you")
    drawn = alice.hears(d.DirectRefused(last_ticket(alice), "bbo", UserUnknown(), "see you"))
    assert drawn == [
        (
            "! There is no user bbo. Did you mean bob? /users lists who is online. Nothing was sent. "
            "Your text is back at the prompt. [user.unknown]"
        )
    ]
    assert alice.prompt_text.text == "/msg bbo see you"
    assert "There is no conversation with bbo yet." in alice.types("/go @bbo")[0]


def test_what_is_typed_to_a_person_never_goes_to_a_room_because_the_server_knows_nobody_of_that_name(
    alice: Person,
) -> None:
    alice.types("/msg nobody-here")
    alice.types("hello")
    alice.hears(d.DirectRefused(last_ticket(alice), "nobody-here", UserUnknown(), "hello"))
    assert alice.prompt.startswith("nobody-here (end-to-end)")
    assert alice.prompt_text.text == "hello"
    alice.types("typed before the refusal was read")
    assert alice.asks() == ("message", "nobody-here", "typed before the refusal was read")


def test_a_refused_message_waits_in_its_conversation(alice: Person) -> None:
    alice.hears(heard_row(row("hi")))
    alice.types("/msg bob long")
    drawn = alice.hears(d.DirectRefused(last_ticket(alice), "bob", MessageTooLong("Too long."), "long"))
    assert "Your text waits at the prompt of bob: /go bob" in drawn[0]
    alice.types("/go bob")
    assert alice.prompt_text.text == "long"


def test_a_message_of_an_earlier_run_that_is_refused_comes_back_too(alice: Person) -> None:
    alice.hears(heard_row(row("hi")))
    assert "Nothing was sent." in alice.hears(d.DirectRefused(None, "bob", MessageTooLong("Too long."), "long"))[0]


# --- moving --------------------------------------------------------------------------------------


def test_rooms_and_conversations_are_walked_through_in_order(alice: Person) -> None:
    alice.hears(heard_row(row("hi", peer="bob")), heard_row(row("hi", peer="anna", number=2)))
    alice.prompt_text.text = "for the lobby"
    alice.console.moved(1)
    assert (alice.prompt, alice.prompt_text.text) == ("anna (end-to-end) >", "")
    alice.prompt_text.text = "for anna"
    alice.console.moved(1)
    assert alice.prompt == "bob (end-to-end) >"
    alice.types("/next")
    assert alice.prompt == "#dev >"
    assert alice.types("/next") == ["* you write to #lobby"]
    assert alice.prompt_text.text == "for the lobby"
    alice.types("/go an")
    assert alice.prompt_text.text == "for anna"


def test_next_with_nowhere_to_go_says_how_there_could_be() -> None:
    alone = Person()
    alone.arrives("lobby")
    assert alone.types("/next") == [
        "* there is no other place: /join ROOM enters a room, /msg USER begins a conversation"
    ]


def test_a_room_and_a_person_of_one_name_are_told_apart(alice: Person) -> None:
    alice.hears(heard_row(row("hi", peer="dev")))
    assert "More than one fits: #dev, dev." in alice.types("/go dev")[0]
    alice.types("/go @dev")
    assert alice.prompt == "dev (end-to-end) >"
    alice.types("/join dev")
    assert alice.prompt == "#dev >"


def test_drafts_of_conversations_are_kept_apart_from_those_of_rooms() -> None:
    alice = Person(drafts={"@dev": "for the person", "dev": "for the room"})
    alice.arrives("dev", "lobby")
    alice.types("/msg dev")
    assert alice.prompt_text.text == "for the person"
    assert alice.console.drafts() == {"dev": "for the room", "lobby": "", "@dev": "for the person"}


def test_what_was_drawn_is_read_once_the_person_does_something(alice: Person) -> None:
    alice.hears(heard_row(row("hi", number=7)))
    alice.types("/status")
    read = [asked.arguments for asked in alice.client.asked if asked.call == "mark_conversation_read"]
    assert read == [("bob", 7)]


def test_names_of_people_with_whom_one_talks_can_be_completed(alice: Person) -> None:
    alice.hears(heard_row(row("hi")))
    assert alice.console.propose("/msg b").choices == ("bob ",)
    assert alice.console.propose("/go ").choices == ("bob ", "dev ", "lobby ")
    assert alice.console.propose("/go #").choices == ("#dev ", "#lobby ")
    assert alice.console.propose("/search x in:").choices == ("in:#dev ", "in:#lobby ", "in:@bob ")
    assert alice.console.propose("/session ").choices == ("reset ",)
    assert alice.console.propose("/session reset b").choices == ("bob ",)


def test_who_is_removed_from_the_last_room_is_told_where_lines_go(alice: Person) -> None:
    alice.types("/msg bob")
    assert alice.hears(e.RoomLost("lobby", kicked=True)) == ["! you were removed from #lobby"]
    assert alice.prompt == "bob (end-to-end) >"


# --- what was unread at the start ----------------------------------------------------------------


def arrive(person: Person, *contacts: d.ContactRow) -> list[str]:
    person.hears(e.Connected(SERVER, OWN_NAME, "member", resumed=True, again=False, rooms=("lobby",)), entered("lobby"))
    person.learns_names()
    return person.is_told("contacts", d.ContactsFound(contacts))


def test_what_was_received_before_and_not_read_is_announced_and_shown_first() -> None:
    alice = Person()
    assert arrive(alice, contact("bob", unread=2), contact("carol")) == []
    assert alice.asks() == ("conversation", "bob", None, 2)
    assert alice.hears(heard_row(row("three", number=9), late=True)) == []
    assert not is_settled(alice)
    found = d.ConversationFound("bob", (row("one", number=3, at=TEN - 13 * MINUTE), row("two", number=7)), earlier=True)
    assert alice.is_told("conversation", found) == [
        "* [bob, end-to-end, unverified] · new since 09:47",
        "09:47 [bob, end-to-end, unverified] bob: one",
        "10:00 [bob, end-to-end, unverified] bob: two",
        "10:00 [bob, end-to-end, unverified] bob: three",
    ]
    assert alice.console.take_bell()
    assert is_settled(alice)
    assert alice.console.propose("/go ").choices == ("bob ", "carol ", "lobby ")


def test_a_row_that_was_among_the_unread_is_not_drawn_again() -> None:
    alice = Person()
    arrive(alice, contact("bob", unread=1))
    alice.hears(heard_row(row("one", number=3), late=True))
    assert len(alice.is_told("conversation", d.ConversationFound("bob", (row("one", number=3),), earlier=False))) == 2


def test_more_unread_than_is_shown_is_said_to_be_more() -> None:
    alice = Person()
    arrive(alice, contact("bob", unread=512))
    assert alice.asks() == ("conversation", "bob", None, MAX_UNREAD_AT_START)
    rows = tuple(row("x", number=number) for number in range(1, MAX_UNREAD_AT_START + 1))
    drawn = alice.is_told("conversation", d.ConversationFound("bob", rows, earlier=True))
    assert drawn[0].endswith("new since 10:00; the last 200 of 512 follow, /history has the others")


def test_what_is_held_is_named_at_the_start() -> None:
    alice = Person()
    assert arrive(alice, contact("dave", state=d.Trust.CHANGED, held=2)) == [
        (
            "! 2 messages are held for dave. Compare: /verify dave · accept: /trust dave · drop: /discard dave"
            " [key.changed]"
        )
    ]
    alice.types("/go dave")
    assert alice.prompt == "dave (key changed: messages are held) >"


def test_what_waited_at_the_server_is_announced_once_for_each_person_and_connection(alice: Person) -> None:
    first = alice.hears(heard_row(row("one"), late=True), heard_row(row("two", number=2), late=True))
    assert first == [
        "* [bob, end-to-end, unverified] · new since 10:00",
        "10:00 [bob, end-to-end, unverified] bob: one",
        "10:00 [bob, end-to-end, unverified] bob: two",
    ]
    alice.hears(e.Disconnected(ConnectionLost(), 1.0))
    alice.hears(e.Connected(SERVER, OWN_NAME, "member", resumed=True, again=True, rooms=("lobby",)), entered("lobby"))
    assert len(alice.hears(heard_row(row("three", number=3), late=True))) == 2


def test_conversations_that_cannot_be_listed_hold_nothing_up() -> None:
    alice = Person()
    alice.hears(e.Connected(SERVER, OWN_NAME, "member", resumed=True, again=False, rooms=("lobby",)), entered("lobby"))
    alice.learns_names()
    (asked,) = [asked for asked in alice.client.asked if asked.call == "contacts"]
    assert alice.hears(e.Failed(asked.ticket, ConnectionLost())) == []
    assert alice.hears(heard_row(row("hi"))) == ["10:00 [bob, end-to-end, unverified] bob: hi"]


# --- finding -------------------------------------------------------------------------------------


def test_history_in_a_conversation_is_from_the_vault(alice: Person) -> None:
    alice.types("/msg bob")
    alice.types("/history 2")
    assert alice.asks() == ("conversation", "bob", None, 2)
    rows = (row("one\ntwo", number=3, at=TEN - 24 * 60 * MINUTE), row("three", number=14, own=True))
    assert alice.answers(d.ConversationFound("bob", rows, earlier=True)) == [
        "* bob · 2 of your conversation, end-to-end encrypted, from your vault",
        "--- Sunday, 2 May 2021 ---",
        "    3  10:00 bob: one",
        "    | two",
        "--- Monday, 3 May 2021 ---",
        "   14  10:00 alice: three",
        "* older ones: /history 2 --before 3",
    ]
    alice.types("/history 2 --before 3")
    assert alice.asks() == ("conversation", "bob", 3, 2)
    assert alice.answers(d.ConversationFound("bob", (), earlier=False)) == ["* nothing said with bob before that"]
    alice.types("/history")
    assert alice.answers(d.ConversationFound("bob", (), earlier=False)) == ["* nothing said with bob yet"]


def test_all_of_a_conversation_is_gathered_page_by_page(alice: Person) -> None:
    alice.types("/msg bob")
    alice.types("/history all")
    assert alice.asks() == ("conversation", "bob", None, MAX_HISTORY_CALL)
    assert alice.answers(d.ConversationFound("bob", (row("two", number=9),), earlier=True)) == []
    assert alice.asks() == ("conversation", "bob", 9, MAX_HISTORY_CALL)
    drawn = alice.answers(d.ConversationFound("bob", (row("one", number=4),), earlier=False))
    assert [line[-8:] for line in drawn[2:4]] == ["bob: one", "bob: two"]
    assert drawn[-1] == "* that is the beginning"


def test_ctrl_c_ends_the_gathering(alice: Person) -> None:
    alice.types("/msg bob")
    alice.types("/history all")
    alice.console.interrupted(had_text=False)
    drawn = alice.answers(d.ConversationFound("bob", (row("two", number=9),), earlier=True))
    assert drawn[-1] == "* older ones: /history --before 9"
    alice.console.interrupted(had_text=False)
    assert alice.sees() == ["* once more Ctrl-C, or /quit, to leave"]


def test_a_search_in_a_conversation_asks_nothing_of_the_server(alice: Person) -> None:
    alice.hears(heard_row(row("hi")))
    alice.types("/go bob")
    alice.types("/search the secret")
    assert alice.asks() == ("search_conversations", "the secret", "", 0, 0)
    found = (row("the secret", number=9, trust=d.Trust.VERIFIED), row("secret the", number=4, own=True))
    assert alice.answers(d.DirectsFound(found, next=4)) == [
        "* 2 found in your vault, the newest first:",
        "[bob, end-to-end, verified] 9  2021-05-03 10:00 bob: the secret",
        "[bob, end-to-end, unverified] 4  2021-05-03 10:00 alice: secret the",
        "* older ones: /search --more",
    ]
    alice.types("/search --more")
    assert alice.asks() == ("search_conversations", "the secret", "", 0, 4)
    assert alice.answers(d.DirectsFound((), next=0)) == ["* nothing more found"]


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("x in:@bob", ("search_conversations", "x", "bob", 0, 0)),
        ("x in:@", ("search_conversations", "x", "", 0, 0)),
        ("x in:@ from:carol", ("search_conversations", "x", "carol", 0, 0)),
        ("x in:@ from:alice", ("search_conversations", "x", "", 0, 0)),
        ("x in:#dev", ("search", "x", "dev", "", 0, 0)),
        ("x", ("search", "x", "", "", 0, 0)),
    ],
)
def test_where_is_looked_can_be_said(alice: Person, typed: str, asked: tuple[object, ...]) -> None:
    alice.types(f"/search {typed}")
    assert alice.asks() == asked


def test_a_search_for_one_s_own_words_leaves_out_the_others(alice: Person) -> None:
    alice.types("/search x in:@ from:alice")
    drawn = alice.answers(d.DirectsFound((row("x", number=2), row("x mine", number=1, own=True)), next=0))
    assert drawn == [
        "* 1 found in your vault, the newest first:",
        "[bob, end-to-end, unverified] 1  2021-05-03 10:00 alice: x mine",
    ]


def test_a_search_in_a_conversation_reaches_a_room_when_it_is_named(alice: Person) -> None:
    alice.types("/msg bob")
    alice.types("/search x in:#dev")
    assert alice.asks() == ("search", "x", "dev", "", 0, 0)


def test_what_is_said_in_rooms_and_to_people_comes_in_one_stream(alice: Person) -> None:
    drawn = alice.hears(heard(said("one")), heard_row(row("two")), heard(said("three", number=2)))
    assert drawn == ["10:00 #dev dave: one", "10:00 [bob, end-to-end, unverified] bob: two", "10:00 #dev dave: three"]
