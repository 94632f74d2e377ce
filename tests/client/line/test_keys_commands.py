"""Commands about keys: comparing, accepting a changed one, dropping what is held, beginning anew."""

import pytest

from secure_chat.client import events as e
from secure_chat.client.direct import events as d
from secure_chat.errors import (
    KeyChangedAgain,
    KeyContradicted,
    KeyNotChanged,
    NotConnected,
    NothingHeld,
    NumberDiffers,
    UserUnknown,
)
from secure_chat.protocol.events import Person as Listed
from tests.client.line.direct_rows import contact, heard_row, row
from tests.client.line.person import TEN, Person

DIGITS = "".join(f"{group:05}" for group in range(10001, 10013))
ROWS = ["  10001 10002 10003 10004", "  10005 10006 10007 10008", "  10009 10010 10011 10012"]
QUESTION = "Are all 12 groups the same at bob's? yes, or Enter for not now >"


@pytest.fixture
def alice() -> Person:
    person = Person()
    person.arrives("dev", "lobby")
    return person


def last_ticket(person: Person) -> e.Ticket:
    return person.client.asked[-1].ticket


def number(state: d.Trust = d.Trust.UNVERIFIED, fingerprint: bytes = b"f" * 32) -> d.SafetyNumber:
    return d.SafetyNumber("bob", DIGITS, b"\x01" + b"q" * 104, state, fingerprint)


# --- comparing -----------------------------------------------------------------------------------


def test_verify_shows_twelve_groups_of_five_and_asks(alice: Person) -> None:
    alice.types("/verify bob")
    assert alice.asks() == ("compare", "bob")
    assert alice.answers(number()) == [
        "* compare this with what bob sees after /verify alice, face to face or by voice:",
        *ROWS,
    ]
    assert alice.prompt == QUESTION


def test_yes_marks_the_person_as_verified(alice: Person) -> None:
    alice.types("/verify bob")
    alice.answers(number())
    assert alice.types("yes") == []
    assert alice.asks() == ("mark_verified", "bob", DIGITS)
    assert alice.hears(e.Answered(last_ticket(alice), e.Settled()), d.ContactVerified("bob", "number")) == [
        "* bob is verified by the number that you compared"
    ]


@pytest.mark.parametrize("typed", ["", "n", "no", "yeah no", "not now", DIGITS])
def test_anything_but_yes_is_not_now(alice: Person, typed: str) -> None:
    alice.types("/verify bob")
    alice.answers(number())
    assert alice.types(typed) == ["* bob stays unverified; /verify bob asks again"]
    assert alice.asks()[0] == "compare"


def test_ctrl_c_is_not_now(alice: Person) -> None:
    alice.types("/verify bob")
    alice.answers(number())
    alice.console.interrupted(had_text=False)
    assert alice.sees() == ["* bob stays unverified; /verify bob asks again"]


def test_who_is_verified_already_is_not_asked_about(alice: Person) -> None:
    alice.types("/verify bob")
    assert alice.answers(number(d.Trust.VERIFIED))[-1] == "* bob is verified already"
    assert alice.prompt == "#lobby >"


def test_a_number_that_was_another_one_meanwhile_is_an_error(alice: Person) -> None:
    alice.types("/verify bob")
    alice.answers(number())
    alice.types("yes")
    assert alice.hears(e.Failed(last_ticket(alice), NumberDiffers()))[0].endswith("[key.number_differs]")


def test_the_code_for_a_camera_is_drawn_when_it_is_asked_for_where_it_fits(alice: Person) -> None:
    alice.console.context.columns = lambda: 80
    alice.types("/verify bob --qr")
    assert alice.asks() == ("compare", "bob")
    drawn = alice.answers(number())
    assert drawn[1:4] == ROWS
    assert drawn[4] == "  for a program with a camera; bob's code looks different:"
    code = drawn[5:]
    assert len({len(line) for line in code}) == 1
    assert set("".join(code)) <= set("█▀▄ ")
    alice.types("")
    alice.types("/verify bob")
    assert alice.answers(number())[1:] == ROWS
    alice.types("")
    alice.console.context.columns = lambda: 30
    alice.types("/msg bob")
    alice.types("/verify --qr")
    assert alice.asks() == ("compare", "bob")
    assert alice.answers(number())[1:] == [
        *ROWS,
        "  the code for a camera is not drawn: there is no terminal here that is wide enough",
    ]


def test_in_a_conversation_nobody_needs_to_be_named(alice: Person) -> None:
    alice.types("/msg bob")
    for command in ("/verify", "/fingerprint"):
        alice.types(command)
        assert alice.asks() == ("compare", "bob")
    alice.hears(d.KeyIsChanged("bob", TEN, False, 1, b"k" * 32))
    for command in ("trust", "discard"):
        alice.types(f"/{command}")
        assert alice.asks()[:2] == (command, "bob")


def test_in_a_room_somebody_must_be_named(alice: Person) -> None:
    for command in ("/verify", "/fingerprint", "/trust"):
        assert alice.types(command)[0].startswith("! Whose key? In a room there are several people.")
    assert alice.types("/verify a b")[0].startswith("! One person at a time.")
    assert "That is you." in alice.types("/verify alice")[0]
    assert alice.client.take_asked() == []


def test_fingerprint_shows_the_number_and_asks_nothing(alice: Person) -> None:
    alice.types("/fingerprint bob")
    assert alice.answers(number()) == ["* you and bob, unverified:", *ROWS]
    assert alice.prompt == "#lobby >"


def test_somebody_who_is_not_there_is_answered_with_who_was_meant(alice: Person) -> None:
    alice.hears(heard_row(row("hi")))
    alice.types("/verify bbo")
    assert alice.hears(e.Failed(last_ticket(alice), UserUnknown())) == [
        "! There is no user bbo. Did you mean bob? /users lists who is online. [user.unknown]"
    ]
    assert "There is no conversation with bbo yet." in alice.types("/go @bbo")[0]


# --- a key that has changed ----------------------------------------------------------------------


def changed(person: Person, *, was_verified: bool, fingerprint: bytes = b"k" * 32) -> None:
    person.hears(d.KeyIsChanged("dave", TEN, was_verified, 1, fingerprint))


@pytest.mark.negative(65)
def test_trust_accepts_no_key_of_which_nothing_was_shown_yet(alice: Person) -> None:
    """Typed before the news of a changed key has come, it must not accept what nobody has seen."""
    (drawn,) = alice.types("/trust dave")
    assert drawn.startswith("! No new key of dave was shown here. Nothing was accepted.")
    assert not alice.client.take_asked()


def test_trust_accepts_the_key_that_was_told_of(alice: Person) -> None:
    changed(alice, was_verified=False)
    assert alice.types("/trust dave") == []
    assert alice.asks() == ("trust", "dave", b"k" * 32)
    assert alice.answers(e.Settled()) == ["* the new key of dave is accepted; what was held goes out now"]
    alice.types("/go dave")
    assert alice.prompt == "dave (end-to-end) >"


def test_the_key_that_is_accepted_is_the_one_that_was_shown_last(alice: Person) -> None:
    changed(alice, was_verified=False)
    alice.types("/verify dave")
    alice.answers(d.SafetyNumber("dave", DIGITS, b"", d.Trust.CHANGED, b"n" * 32))
    alice.types("")
    alice.types("/trust dave")
    assert alice.asks() == ("trust", "dave", b"n" * 32)
    (drawn,) = alice.hears(e.Failed(last_ticket(alice), KeyChangedAgain()))
    assert drawn.endswith("[key.changed_again]")
    alice.types("/go dave")
    assert alice.prompt == "dave (key changed: messages are held) >"


def test_when_the_known_key_is_shown_again_the_prompt_says_so(alice: Person) -> None:
    changed(alice, was_verified=False)
    alice.types("/trust dave")
    (drawn,) = alice.hears(e.Failed(last_ticket(alice), KeyNotChanged()))
    assert drawn.endswith("[key.not_changed]")
    alice.types("/go dave")
    assert alice.prompt == "dave (end-to-end) >"


def test_for_who_was_verified_the_name_is_wanted(alice: Person) -> None:
    changed(alice, was_verified=True)
    assert alice.types("/trust dave") == ["* you had compared numbers with dave; /verify dave compares them anew"]
    assert alice.prompt == "To accept the new key without that, type dave >"
    assert alice.types("yes") == ["* nothing was accepted; messages to dave stay held"]
    assert alice.client.take_asked() == []
    alice.types("/trust dave")
    alice.types("dave")
    assert alice.asks() == ("trust", "dave", b"k" * 32)


def contradicted(person: Person, *, was_verified: bool) -> list[str]:
    error = KeyContradicted("The server has shown two different device lists of dave. Nothing is sent.")
    return person.hears(d.KeyIsContradicted("dave", error, was_verified, b"k" * 16))


def test_lists_that_contradict_each_other_are_told_with_the_key_that_trust_goes_on_with(alice: Person) -> None:
    (drawn,) = contradicted(alice, was_verified=False)
    assert drawn.startswith("! The server has shown two different device lists of dave. Nothing is sent.")
    assert drawn.endswith("/trust USER. [key.contradicted]")
    assert alice.console.take_bell()
    alice.types("/trust dave")
    assert alice.asks() == ("trust", "dave", b"k" * 16)
    assert alice.answers(e.Settled()) == [
        "* the list of devices that is shown now of dave counts; what was held goes out now"
    ]
    assert "end-to-end encrypted, unverified" in alice.types("/go dave")[0]


def test_of_who_was_verified_lists_that_contradict_each_other_want_the_name_and_change_no_key(alice: Person) -> None:
    contradicted(alice, was_verified=True)
    alice.types("/trust dave")
    assert alice.prompt == "To go on without that, type dave >"
    alice.types("dave")
    alice.answers(e.Settled())
    assert "end-to-end encrypted, verified" in alice.types("/go dave")[0]


def test_what_is_held_is_dropped_for_one_or_for_everybody(alice: Person) -> None:
    alice.types("/discard dave")
    assert alice.asks() == ("discard", "dave")
    assert alice.answers(e.Settled()) == ["* what was held for dave is dropped; nothing of it was sent"]
    alice.types("/discard")
    assert alice.asks() == ("discard", "")
    assert alice.answers(e.Settled()) == ["* what was held for everybody is dropped; nothing of it was sent"]
    alice.types("/discard")
    assert alice.hears(e.Failed(last_ticket(alice), NothingHeld())) == ["! No message is held. [direct.nothing_held]"]


# --- sessions ------------------------------------------------------------------------------------


def test_a_session_is_begun_anew_with_one_person(alice: Person) -> None:
    alice.types("/session reset Bob")
    assert alice.asks() == ("reset_session", "bob")
    assert alice.answers(e.Settled()) == [
        "* the next message begins a new session with bob; keys and trust stay as they are"
    ]


def test_with_everybody_is_asked_about(alice: Person) -> None:
    alice.types("/session reset all")
    assert alice.prompt == "Begin anew with everybody? Some messages under way may be lost. y/n >"
    assert alice.types("n") == ["* all sessions stay as they are"]
    assert alice.client.take_asked() == []
    alice.types("/session reset all")
    alice.types("y")
    assert alice.asks() == ("reset_session", "all")
    assert alice.answers(e.Settled()) == [
        "* the next message begins a new session with everybody; keys and trust stay as they are"
    ]


@pytest.mark.parametrize("typed", ["/session", "/session reset", "/session bob", "/session reset a b"])
def test_a_session_command_that_makes_no_sense_asks_nothing(alice: Person, typed: str) -> None:
    assert "/session reset USER, or /session reset all" in alice.types(typed)[0]
    assert alice.client.take_asked() == []


# --- one person ----------------------------------------------------------------------------------


def asks_who(alice: Person, *contacts: d.ContactRow) -> None:
    alice.types("/who bob")
    assert alice.asks() == ("contacts",)
    alice.answers(d.ContactsFound(contacts))
    assert alice.asks() == ("list_users", "")


def online(*names: str, more: bool = False) -> e.PeopleFound:
    return e.PeopleFound(tuple(Listed(name, "member", True) for name in names), more, 9)


def test_who_says_what_is_known_of_somebody(alice: Person) -> None:
    asks_who(alice, contact("anna"), contact("bob", state=d.Trust.VERIFIED, unread=2))
    assert alice.answers(online("anna", "bob")) == ["* bob: online, verified, 2 unread, last message 10:00"]
    asks_who(alice, contact("bob", state=d.Trust.CHANGED, held=1, last=0))
    assert alice.answers(online("anna", "carol", more=True)) == [
        "* bob: not online, key changed, 1 held until you accept the new key"
    ]


def test_who_of_a_stranger_who_is_not_online_asks_whether_there_is_one(alice: Person) -> None:
    asks_who(alice)
    assert alice.answers(online("anna")) == []
    assert alice.asks() == ("look_up", "bob")
    assert alice.answers(e.Settled()) == ["* bob: not online, no conversation with you yet: /msg bob begins one"]


def test_who_of_somebody_whom_the_server_does_not_know_says_that_there_is_nobody(alice: Person) -> None:
    alice.console.context.people.see("bobby")
    asks_who(alice)
    alice.answers(online("anna"))
    assert alice.hears(e.Failed(last_ticket(alice), UserUnknown())) == [
        "! There is no user bob. Did you mean bobby? /users lists who is online. [user.unknown]"
    ]


def test_who_without_a_connection_says_of_a_stranger_that_there_is_none(alice: Person) -> None:
    asks_who(alice)
    assert alice.hears(e.Failed(last_ticket(alice), NotConnected()))[0].endswith("[net.offline]")
    asks_who(alice, contact("bob"))
    assert alice.hears(e.Failed(last_ticket(alice), NotConnected())) == ["* bob: unverified, last message 10:00"]


def test_who_looks_on_while_the_name_can_still_come(alice: Person) -> None:
    asks_who(alice)
    alice.answers(online("anna", "bo", more=True))
    assert alice.asks() == ("list_users", "bo")
    assert alice.answers(online("bob")) == ["* bob: online, no conversation with you yet: /msg bob begins one"]


def test_a_link_for_somebody_stands_on_a_row_of_its_own(alice: Person) -> None:
    alice.types("/invite-person")
    assert alice.asks() == ("invite",)
    assert alice.answers(d.InviteReady("secure-chat://x/j#1.a", TEN)) == [
        "* works once, until 2021-05-03 10:00; whoever has it joins, and the two of you are verified:",
        "  secure-chat://x/j#1.a",
        "* it is used in a terminal, with quotes around it: secure-chat join 'secure-chat://…'",
    ]


def test_a_changed_key_that_was_not_compared_stays_unaccepted(alice: Person) -> None:
    alice.types("/verify bob")
    alice.answers(number(state=d.Trust.CHANGED))
    assert alice.types("no") == ["* the new key of bob stays unaccepted; /verify bob asks again"]
