"""Commands about people: lists in words, kicking."""

import pytest

from secure_chat.client import events as e
from secure_chat.errors import PermissionDenied, UserUnknown
from secure_chat.protocol.events import Person as Listed
from tests.client.line.person import Person


@pytest.fixture
def alice() -> Person:
    person = Person()
    person.arrives("dev", "lobby")
    return person


PAGE = (Listed("alice", "administrator", True), Listed("漢字", "member", True), Listed("bob", "member", False))


def test_who_is_online_is_listed_in_columns_of_words(alice: Person) -> None:
    alice.types("/users")
    assert alice.asks() == ("list_users", "")
    assert alice.answers(e.PeopleFound(PAGE, more=False, total=3)) == [
        "* 3 online:",
        "  alice   administrator   online    that is you",
        "  漢字    member          online",
        "  bob     member          offline",
    ]


def test_nobody_online_is_said_so(alice: Person) -> None:
    alice.types("/users")
    assert alice.answers(e.PeopleFound((), more=False, total=0)) == ["* nobody is online"]


def test_a_beginning_that_nobody_comes_after_is_said_to_be_one(alice: Person) -> None:
    alice.types("/users zzz")
    assert alice.asks() == ("list_users", "zzz")
    assert alice.answers(e.PeopleFound((), more=False, total=2)) == [
        "* nobody comes after zzz in this list: /users shows its beginning"
    ]
    alice.types("/members @zzz")
    assert alice.asks() == ("list_members", "lobby", "zzz")


def test_somebody_who_is_not_there_cannot_be_removed_and_who_was_meant_is_named(alice: Person) -> None:
    alice.console.context.people.see("bob")
    alice.types("/kick bbo")
    assert alice.hears(e.Failed(alice.client.asked[-1].ticket, UserUnknown())) == [
        "! There is no user bbo. Did you mean bob? /users lists who is online. [user.unknown]"
    ]


def test_a_long_list_is_asked_for_page_after_page(alice: Person) -> None:
    alice.types("/users a")
    assert alice.asks() == ("list_users", "a")
    alice.answers(e.PeopleFound((Listed("bob", "member", True),), more=True, total=2))
    assert alice.asks() == ("list_users", "bob")
    drawn = alice.answers(e.PeopleFound((Listed("carol", "member", True),), more=False, total=2))
    assert drawn == ["* 2 online:", "  bob     member   online", "  carol   member   online"]


def test_a_list_that_does_not_end_says_how_to_go_on(alice: Person) -> None:
    alice.types("/members")
    drawn: list[str] = []
    for number in range(5):
        page = tuple(Listed(f"p{number}{row:03}", "member", True) for row in range(100))
        drawn = alice.answers(e.PeopleFound(page, more=True, total=9000))
    assert drawn[0] == "* #lobby has 9000 members:"
    assert drawn[-1] == "  … and more: /members p4099"


def test_members_are_those_of_the_current_room(alice: Person) -> None:
    alice.types("/go dev")
    alice.types("/members")
    assert alice.asks() == ("list_members", "dev", "")
    assert alice.answers(e.PeopleFound(PAGE[:1], more=False, total=1))[0] == "* #dev has 1 member:"


def test_names_that_were_listed_can_be_completed(alice: Person) -> None:
    alice.types("/users")
    alice.answers(e.PeopleFound(PAGE, more=False, total=3))
    assert alice.console.propose("/kick b").choices == ("bob ",)


def test_kicking_names_the_person_and_the_reason(alice: Person) -> None:
    alice.types("/kick @Bob  please take   it outside")
    assert alice.asks() == ("kick", "lobby", "bob", "please take it outside")
    assert alice.answers(e.Settled()) == []


def test_kicking_without_the_right_is_refused_in_words(alice: Person) -> None:
    alice.types("/kick bob")
    assert alice.hears(e.Failed(alice.client.asked[-1].ticket, PermissionDenied())) == [
        "! This is not allowed. [permission.denied]"
    ]


@pytest.mark.parametrize(("text", "code"), [("/kick", "usage.invalid"), ("/kick a b", "name.invalid")])
def test_kicking_nobody_asks_nothing(alice: Person, text: str, code: str) -> None:
    assert alice.types(text)[0].endswith(f"[{code}]")
    assert alice.client.take_asked() == []


@pytest.mark.parametrize("text", ["/users a b", "/members a b"])
def test_a_list_begins_at_one_name(alice: Person, text: str) -> None:
    assert alice.types(text)[0].endswith("[usage.invalid]")
