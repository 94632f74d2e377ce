"""Direct messages of real clients through a real server: both ways, to someone offline, across restarts."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from secure_chat.client.direct.events import (
    ContactPinned,
    ContactsFound,
    ConversationFound,
    DirectAccepted,
    DirectHeard,
    DirectQueued,
    DirectRefused,
    DirectsFound,
    SafetyNumber,
    Trust,
)
from secure_chat.client.events import Settled
from secure_chat.client.vault.sealed import SealedVault
from tests.support.client_people import PASSPHRASE, TestClient, vault_of
from tests.support.installation import Installation, ServerProcess

PEOPLE = [f"person-{first}{second}" for first in "abc" for second in "abcdefgh"]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    made = Installation(tmp_path_factory.mktemp("server"))
    made.seed(PEOPLE)
    return made


@pytest.fixture(scope="module")
def server(installation: Installation) -> Iterator[ServerProcess]:
    with installation.start() as running:
        yield running


Somebody = Callable[[], tuple[str, Path]]
_unused = iter(PEOPLE)


@pytest.fixture
def somebody(installation: Installation, server: ServerProcess, tmp_path: Path) -> Somebody:
    """The name and the closed vault of somebody who was not used by any test before."""
    assert server.pid

    def make() -> tuple[str, Path]:
        name, directory = next(_unused), tmp_path / secrets.token_hex(4)
        vault_of(installation, installation.people[name], directory).close()
        return name, directory

    return make


def client(directory: Path) -> TestClient:
    with SealedVault(directory) as sealed:
        return TestClient(sealed.unlock(PASSPHRASE))


def heard(person: TestClient, count: int) -> list[str]:
    """Wait until so many of others' messages were heard since the start; their texts in the order they came."""
    while len(found := _heard(person)) < count:
        person.wait_for(DirectHeard)
    return found


def _heard(person: TestClient) -> list[str]:
    return [each.message.text for each in person.seen if isinstance(each, DirectHeard) and not each.message.own]


def test_two_people_write_each_other_and_each_message_is_heard_once_and_in_order(somebody: Somebody) -> None:
    (alice_name, alice_vault), (bob_name, bob_vault) = somebody(), somebody()
    with client(alice_vault) as alice, client(bob_vault) as bob:
        tickets = [alice.core.message(bob_name.upper(), f"to bob {number}") for number in range(10)]
        for ticket in tickets:
            accepted = alice.wait_for(DirectAccepted)
            assert (accepted.ticket, accepted.peer) == (ticket, bob_name)
        assert heard(bob, 10) == [f"to bob {number}" for number in range(10)]
        for number in range(10):
            bob.core.message(alice_name, f"to alice {number}")
        assert heard(alice, 10) == [f"to alice {number}" for number in range(10)]
        found = alice.answer(alice.core.conversation(bob_name), ConversationFound)
        assert [message.text for message in found.messages if message.own] == [f"to bob {n}" for n in range(10)]
        assert [message.text for message in found.messages if not message.own] == [f"to alice {n}" for n in range(10)]
        assert not found.earlier
        assert alice.wait_for(ContactPinned).peer == bob_name


def test_a_message_to_somebody_offline_waits_and_what_is_typed_offline_goes_after_a_restart(
    somebody: Somebody,
) -> None:
    (alice_name, alice_vault), (bob_name, bob_vault) = somebody(), somebody()
    with client(alice_vault) as alice:
        alice.core.message(bob_name, "while you were away")
        alice.wait_for(DirectAccepted)
    with client(bob_vault) as bob:
        event = bob.wait_for(DirectHeard)
        assert event.late
        assert (event.message.text, event.message.trust) == ("while you were away", Trust.UNVERIFIED)
    with client(bob_vault) as bob:
        bob.core.message(alice_name, "thanks")
        bob.wait_for(DirectAccepted)
        contacts = bob.answer(bob.core.contacts(), ContactsFound).contacts
        assert [(each.name, each.unread) for each in contacts] == [(alice_name, 1)]
    with client(alice_vault) as alice:
        assert heard(alice, 1) == ["thanks"]


def test_both_see_the_same_safety_number_and_a_message_to_nobody_comes_back(somebody: Somebody) -> None:
    (alice_name, alice_vault), (bob_name, bob_vault) = somebody(), somebody()
    with client(alice_vault) as alice, client(bob_vault) as bob:
        first = alice.answer(alice.core.compare(bob_name), SafetyNumber)
        second = bob.answer(bob.core.compare(alice_name), SafetyNumber)
        assert first.digits == second.digits
        alice.answer(alice.core.mark_verified(bob_name, first.digits), Settled)
        assert alice.answer(alice.core.compare(bob_name), SafetyNumber).state is Trust.VERIFIED
        assert alice.failure(alice.core.mark_verified(bob_name, "00000 " * 12)) == "key.number_differs"
        alice.core.message("nobody-there", "hello?")
        refused = alice.wait_for(DirectRefused)
        assert (refused.error.code, refused.text) == ("user.unknown", "hello?")


def test_whether_there_is_somebody_is_asked_without_pinning_a_key(somebody: Somebody) -> None:
    (_, alice_vault), (bob_name, _) = somebody(), somebody()
    with client(alice_vault) as alice:
        alice.answer(alice.core.look_up(bob_name), Settled)
        assert alice.failure(alice.core.look_up("nobody-there")) == "user.unknown"
        assert alice.answer(alice.core.contacts(), ContactsFound).contacts == ()


def test_words_are_found_in_conversations(somebody: Somebody) -> None:
    (_, alice_vault), (bob_name, _) = somebody(), somebody()
    with client(alice_vault) as alice:
        for text in ("the red house", "Das Müsli ist ROT", "a red car in a house"):
            alice.core.message(bob_name, text)
            alice.wait_for(DirectAccepted)
        found = alice.answer(alice.core.search_conversations("red house"), DirectsFound)
        assert [message.text for message in found.messages] == ["a red car in a house", "the red house"]
        assert found.next == 0
        assert len(alice.answer(alice.core.search_conversations("musli"), DirectsFound).messages) == 1


def test_without_a_connection_a_message_is_queued(installation: Installation, tmp_path: Path) -> None:
    vault = vault_of(installation, installation.people["person-ca"], tmp_path / "vault", port=1)
    with TestClient(vault, connects=False) as alice:
        ticket = alice.core.message("person-cb", "later")
        queued = alice.wait_for(DirectQueued)
        assert (queued.ticket, queued.waiting) == (ticket, 1)
        assert alice.failure(alice.core.look_up("person-cb")) == "net.offline"
