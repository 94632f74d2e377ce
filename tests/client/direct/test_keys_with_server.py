"""Invites, prekeys and copies of a store, of real clients through a real server."""

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from secure_chat.client.direct.events import (
    ContactsFound,
    ContactVerified,
    DirectAccepted,
    DirectHeard,
    InviteReady,
    MessageKind,
    Trust,
)
from secure_chat.client.direct.own_prekeys import OwnPrekeys
from secure_chat.client.direct.prekey_records import LEDGER, ONE_TIME_PREKEYS
from secure_chat.client.enrolled import Enrolled
from secure_chat.client.events import Settled, Status, Told
from secure_chat.client.vault.records import SIGNED_PREKEYS
from secure_chat.client.vault.sealed import SealedVault
from secure_chat.client.vault.tables import SELF
from secure_chat.directory.prekeys import PublishedOneTimePrekey, PublishedSignedPrekey
from secure_chat.errors import InviteUsed
from secure_chat.limits import ONE_TIME_PREKEYS_UPLOAD
from secure_chat.protocol.commands import PrekeysClaim
from secure_chat.protocol.events import PrekeyBundle, PrekeyBundles
from secure_chat.protocol.link import parse_link
from tests.support.answering import Machine, newcomer
from tests.support.client_people import PASSPHRASE, TestClient, vault_of
from tests.support.installation import Installation, ServerProcess
from tests.support.wire_client import PATIENCE_SECONDS

pytestmark = pytest.mark.usefixtures("cheap_login_derivations")

PEOPLE = [f"person-{letter}" for letter in "abcdefghijkl"]


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


def join(machine: Machine, link: str, name: str) -> Enrolled:
    return machine.joining(link, newcomer(name)).run()


def state_of(person: TestClient, name: str) -> Trust:
    rows = person.answer(person.core.contacts(), ContactsFound).contacts
    return {row.name: row.state for row in rows}[name]


def wait_for_prekeys(person: TestClient) -> set[bytes]:
    """Until a hundred are published, and the server has confirmed them; the ids of all prekeys in the vault."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        person.answer(person.core.status(), Status)  # the network thread takes turns meanwhile
        ledger = person.core.vault.get(LEDGER, SELF)
        if ledger is not None and ledger.offered is None and ledger.set_since and ledger.live > 90:
            vault = person.core.vault
            rows = [row for row, _ in vault.scan(ONE_TIME_PREKEYS)] + [row for row, _ in vault.scan(SIGNED_PREKEYS)]
            return {bytes.fromhex(row[-16:]) for row in rows}
    raise AssertionError("the prekeys were not published in time")


def claim(installation: Installation, asker: str, name: str) -> PrekeyBundle:
    """What the server hands out to `asker`, who has no client, for a device."""
    person = installation.people[name]
    with installation.connect_as(asker) as connection:
        said = connection.ask(PrekeysClaim(connection.next_id(), person.user_id, [person.device.device_id]))
    assert isinstance(said, PrekeyBundles)
    [bundle] = said.bundles
    return bundle


def wait_for_own_prekey(person: TestClient, installation: Installation, asker: str, name: str) -> bytes:
    """Until the signed prekey that the server hands out for somebody is of the vault that is open; its id."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        person.answer(person.core.status(), Status)
        prekey_id = PublishedSignedPrekey.parse(claim(installation, asker, name).signed_prekey).prekey.prekey_id
        if person.core.vault.get(SIGNED_PREKEYS, prekey_id.hex()) is not None:
            return prekey_id
    raise AssertionError("the server hands out another copy's prekeys")


# --- invites -------------------------------------------------------------------------------------


def test_who_joins_by_a_members_link_and_the_member_are_verified_for_each_other(
    somebody: Somebody, tmp_path: Path
) -> None:
    name, vault = somebody()
    with client(vault) as alice:
        ready = alice.answer(alice.core.invite(), InviteReady)
        assert parse_link(ready.link).inviter is not None
        assert ready.link not in repr(ready)
        enrolled = join(Machine(tmp_path / "bob"), ready.link, "bob")
        assert alice.wait_for(ContactVerified) == ContactVerified("bob", "invite")
        assert state_of(alice, "bob") is Trust.VERIFIED
        with TestClient(enrolled.vault) as bob:
            assert state_of(bob, name) is Trust.VERIFIED
            bob.core.message(name, "hello from your guest")
            heard = alice.wait_for(DirectHeard).message
            assert (heard.text, heard.trust) == ("hello from your guest", Trust.VERIFIED)
        with pytest.raises(InviteUsed):
            join(Machine(tmp_path / "mallory"), ready.link, "mallory")


def test_an_inviter_who_was_away_verifies_at_the_next_login_and_once(somebody: Somebody, tmp_path: Path) -> None:
    _, vault = somebody()
    with client(vault) as alice:
        link = alice.answer(alice.core.invite(), InviteReady).link
    join(Machine(tmp_path / "carol"), link, "carol").vault.close()
    with client(vault) as alice:
        assert alice.wait_for(ContactVerified) == ContactVerified("carol", "invite")
        alice.answer(alice.core.status(), Status)
    with client(vault) as alice:
        assert state_of(alice, "carol") is Trust.VERIFIED
        assert not [event for event in alice.seen if isinstance(event, ContactVerified | Told)]


# --- prekeys -------------------------------------------------------------------------------------


def test_after_a_login_a_hundred_prekeys_are_there_and_a_claimed_one_is_the_vaults_own(
    somebody: Somebody, installation: Installation
) -> None:
    (name, vault), (asker, _) = somebody(), somebody()
    with client(vault) as alice:
        ids = wait_for_prekeys(alice)
        bundle = claim(installation, asker, name)
        assert len(alice.core.vault.scan(ONE_TIME_PREKEYS)) == ONE_TIME_PREKEYS_UPLOAD
    assert PublishedSignedPrekey.parse(bundle.signed_prekey).prekey.prekey_id in ids
    assert PublishedOneTimePrekey.parse(bundle.one_time).prekey.prekey_id in ids


# --- copies --------------------------------------------------------------------------------------


@pytest.mark.negative(28)
@pytest.mark.negative(62)
def test_a_restored_vault_drops_its_sessions_and_prekeys_and_talks_on_with_new_ones(
    somebody: Somebody, installation: Installation, tmp_path: Path
) -> None:
    (alice_name, alice_vault), (bob_name, bob_vault), (asker, _) = somebody(), somebody(), somebody()
    restored = tmp_path / "restored"
    with client(bob_vault) as bob:
        with client(alice_vault) as alice:
            before = wait_for_prekeys(alice)
            alice.core.message(bob_name, "before the backup")
            alice.wait_for(DirectAccepted)
        shutil.copytree(alice_vault, restored)
        for number in range(2):
            with client(alice_vault) as alice:
                alice.core.message(bob_name, f"after the backup {number}")
                alice.wait_for(DirectAccepted)
                assert not [event for event in alice.seen if isinstance(event, Told)], "reconnecting is no alarm"
        with client(restored) as alice:
            assert alice.wait_for(Told).error.code == "store.cloned"
            assert not wait_for_prekeys(alice) & before
            bundle = claim(installation, asker, alice_name)
            assert PublishedSignedPrekey.parse(bundle.signed_prekey).prekey.prekey_id not in before
            alice.core.message(bob_name, "restored")
            alice.wait_for(DirectAccepted)
        texts = ["before the backup", "after the backup 0", "after the backup 1", "restored"]
        heard = [bob.wait_for(DirectHeard).message for _ in texts]
        assert [message.text for message in heard] == texts
        with client(alice_vault) as alice:
            # The other copy does not leave prekeys out that it cannot open.
            assert wait_for_own_prekey(alice, installation, asker, alice_name) not in before


@pytest.mark.negative(48)
def test_a_first_message_to_a_prekey_that_was_destroyed_is_unreadable_and_the_next_one_is_read(
    somebody: Somebody,
) -> None:
    (alice_name, alice_vault), (bob_name, bob_vault) = somebody(), somebody()
    with client(alice_vault) as alice:
        wait_for_prekeys(alice)
    with client(bob_vault) as bob:
        bob.core.message(alice_name, "to an old prekey")
        bob.wait_for(DirectAccepted)
        with SealedVault(alice_vault) as sealed, sealed.unlock(PASSPHRASE) as vault:
            prekeys = OwnPrekeys(vault, os.urandom, lambda: time.time_ns() // 1_000_000)
            with vault.transaction() as transaction:
                prekeys.destroy_all(transaction)
        with client(alice_vault) as alice:
            unreadable = alice.wait_for(DirectHeard).message
            assert (unreadable.kind, unreadable.peer) == (MessageKind.UNREADABLE, bob_name)
            wait_for_prekeys(alice)
            bob.core.message(alice_name, "to the new one")
            assert alice.wait_for(DirectHeard).message.text == "to the new one"


def test_reset_all_is_answered_and_what_comes_after_it_is_read(somebody: Somebody) -> None:
    (alice_name, alice_vault), (bob_name, bob_vault) = somebody(), somebody()
    with client(alice_vault) as alice, client(bob_vault) as bob:
        before = wait_for_prekeys(alice)
        alice.core.message(bob_name, "one")
        assert bob.wait_for(DirectHeard).message.text == "one"
        alice.answer(alice.core.reset_session("all"), Settled)
        assert not wait_for_prekeys(alice) & before
        alice.core.message(bob_name, "two")
        assert bob.wait_for(DirectHeard).message.text == "two"
        bob.core.message(alice_name, "three")
        own_and_others = [alice.wait_for(DirectHeard).message.text for _ in range(3)]
        assert own_and_others == ["one", "two", "three"]
