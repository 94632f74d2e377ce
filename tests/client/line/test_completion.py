"""Tab: what is proposed for the word at the cursor."""

import pytest

from secure_chat.client.line.commands import registry
from secure_chat.client.line.completion import Completion, Proposal
from secure_chat.client.line.known_names import KnownNames
from secure_chat.client.line.places import Place, Places


@pytest.fixture
def completion() -> Completion:
    places, people, rooms = Places(), KnownNames(), KnownNames()
    places.enter(Place("dev"))
    places.enter(Place("lobby"))
    people.see("bob", "bert", "dave")
    rooms.see("release", "dev")
    return Completion(registry(), places, people, rooms)


def choices(completion: Completion, before: str) -> list[str]:
    return [choice.rstrip() for choice in completion.propose(before).choices]


def test_a_slash_proposes_commands(completion: Completion) -> None:
    assert choices(completion, "/re") == ["/reconnect", "/reply"]
    assert choices(completion, "/me") == ["/me", "/members"]
    assert completion.propose("/rec").common == "/reconnect "
    assert completion.propose("/me").common == "/me"


def test_commands_that_are_not_in_this_version_are_not_proposed(completion: Completion) -> None:
    assert choices(completion, "/send-") == []


def test_an_argument_is_completed_by_what_it_names(completion: Completion) -> None:
    assert choices(completion, "/join ") == ["--create", "dev", "lobby", "release"]
    assert choices(completion, "/join #re") == ["#release"]
    assert choices(completion, "/join release --") == ["--create"]
    assert choices(completion, "/go ") == ["dev", "lobby"]
    assert choices(completion, "/kick b") == ["bert", "bob"]
    assert choices(completion, "/kick bob b") == []
    assert choices(completion, "/help jo") == ["join"]
    assert choices(completion, "/quit ") == []
    assert choices(completion, "/nonsense d") == []


def test_a_search_is_narrowed_by_names_and_rooms(completion: Completion) -> None:
    assert choices(completion, "/search cert from:b") == ["from:bert", "from:bob"]
    assert choices(completion, "/search cert in:#d") == ["in:#dev"]
    assert completion.propose("/search fr").common == "from:"


def test_a_name_at_the_beginning_of_a_text_addresses_somebody(completion: Completion) -> None:
    assert completion.propose("da") == Proposal(2, ("dave: ",))
    assert completion.propose("ask da") == Proposal(2, ("dave ",))
    assert completion.propose("ask @da") == Proposal(3, ("@dave ",))
    assert completion.propose("see #d") == Proposal(2, ("#dev ",))
    assert completion.propose("first\nda") == Proposal(2, ("dave ",))


def test_nothing_is_proposed_for_nothing(completion: Completion) -> None:
    assert completion.propose("") == Proposal(0, ())
    assert completion.propose("hello ") == Proposal(0, ())
    assert Proposal(0, ()).common == ""


def test_a_text_with_two_slashes_is_no_command(completion: Completion) -> None:
    assert choices(completion, "//re") == []


def test_names_that_are_not_safe_to_draw_are_not_known_and_the_oldest_are_forgotten() -> None:
    names = KnownNames(most=2)
    names.see("bob", "evil\x1b[2J", "", "carol", "bob", "dave")
    assert list(names) == ["bob", "dave"]
