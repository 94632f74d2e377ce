"""Coming back without the vault: by the recovery key, by an administrator's link, or told what is missing."""

import secrets
import shlex
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from secure_chat.client.channel import Channel
from secure_chat.client.enrolled import Enrolled
from secure_chat.client.enrolling import Enrolling
from secure_chat.client.events import Stopped
from secure_chat.client.login import Entrance
from secure_chat.client.persistence import Persistence
from secure_chat.client.vault import login_state
from secure_chat.client.vault.records import Enrolment
from secure_chat.client.waiting import Waiter
from secure_chat.directory.device_list import DeviceList
from secure_chat.e2ee.device_keys import IdentitySecret
from secure_chat.e2ee.recovery_kit import parse_recovery_key, recovery_key
from secure_chat.errors import (
    AuthenticationFailed,
    ChatError,
    DeviceElsewhere,
    InviteBound,
    NotConfirmed,
    ProfileBusy,
    RecoveryKeyOther,
)
from secure_chat.limits import INVITE_HOURS, INVITE_TOKEN_BYTES
from secure_chat.protocol.authentication import invite_token_hash
from secure_chat.protocol.commands import Command
from secure_chat.protocol.events import Welcome
from secure_chat.protocol.states import Role
from secure_chat.storage.entries import CreateInvite
from secure_chat.storage.store import Store
from tests.support.answering import Machine, Scripted, newcomer
from tests.support.client_people import PASSPHRASE, TestClient, options
from tests.support.installation import Installation, ServerProcess

pytestmark = pytest.mark.usefixtures("cheap_login_derivations")

NEW_PASSPHRASE = "another battery staple"
RESET_WITH_LINKS = ["hilda", "irene", "julia", "kirsten"]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    made = Installation(tmp_path_factory.mktemp("server"))
    made.seed(RESET_WITH_LINKS)
    return made


@pytest.fixture(scope="module")
def tokens(installation: Installation) -> Iterator[bytes]:
    return iter([installation.invite() for _ in range(16)])


@pytest.fixture(scope="module")
def reset_links(installation: Installation) -> dict[str, bytes]:
    """The token of a reset link for each of those who were seeded for it."""
    return {name: reset_token(installation, name) for name in RESET_WITH_LINKS}


@pytest.fixture(scope="module")
def server(
    installation: Installation, tokens: Iterator[bytes], reset_links: dict[str, bytes]
) -> Iterator[ServerProcess]:
    assert tokens is not None, "invites are made before the server runs"
    assert reset_links
    with installation.start() as running:
        yield running


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "first")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Machine:
    """Another machine of the same person, with nothing on it."""
    return Machine(tmp_path / "second")


NAMES = "alice bella cora dana emma fanny gloria hedwig ingrid jette karla lotte mara nele olga petra"
_names = iter(NAMES.split())


@pytest.fixture
def joined(
    installation: Installation, server: ServerProcess, tokens: Iterator[bytes], machine: Machine
) -> Iterator[Enrolled]:
    """Somebody who has joined."""
    assert server.pid
    enrolled = machine.joining(installation.link(next(tokens)), newcomer(next(_names))).run()
    with enrolled.vault:
        yield enrolled


def devices_of(enrolled: Enrolled) -> DeviceList:
    return login_state.own_device(enrolled.vault).device_list.device_list


def comes_in(enrolled: Enrolled) -> None:
    with TestClient(enrolled.vault, connects=False) as client:
        client.enter("lobby")


def test_the_recovery_key_puts_a_new_device_in_place_of_the_old_under_the_same_identity(
    joined: Enrolled, machine: Machine, elsewhere: Machine
) -> None:
    asking = Scripted(joined.name, PASSPHRASE, machine.recovery_key.lower())
    before = devices_of(joined)
    recovered = elsewhere.recovering(machine.recovery_link, asking).recover()
    after = devices_of(recovered)
    assert (after.version, after.identity_key, after.user_id) == (2, before.identity_key, before.user_id)
    assert len(after.devices) == 1
    assert after.devices[0].device_id != before.devices[0].device_id
    assert login_state.own_device(recovered.vault).enrolment is Enrolment.RECOVERY
    assert elsewhere.recovery_key == "", "the person has it already"
    comes_in(recovered)


@pytest.mark.negative(44)
def test_the_device_that_was_replaced_is_out(joined: Enrolled, machine: Machine, elsewhere: Machine) -> None:
    asking = Scripted(joined.name, PASSPHRASE, machine.recovery_key)
    elsewhere.recovering(machine.recovery_link, asking).recover().vault.close()
    with Waiter() as waiter:
        entrance = Entrance(joined.vault, waiter)
        with pytest.raises(ChatError) as refusal:
            entrance.resume()
        assert refusal.value.code == "auth.token_unknown"
        with pytest.raises(ChatError) as refusal:
            entrance.by_passphrase(PASSPHRASE, opened_vault=True)
        assert refusal.value.code == "device.elsewhere"


@pytest.mark.negative(44)
def test_the_key_of_another_account_is_refused_and_leaves_nothing(
    joined: Enrolled, machine: Machine, elsewhere: Machine
) -> None:
    asking = Scripted(joined.name, PASSPHRASE, recovery_key(secrets.token_bytes(32)))
    with pytest.raises(RecoveryKeyOther):
        elsewhere.recovering(machine.recovery_link, asking).recover()
    assert not elsewhere.files()


def test_a_slip_in_the_recovery_key_is_said_and_it_is_asked_for_again(
    joined: Enrolled, machine: Machine, elsewhere: Machine
) -> None:
    asking = Scripted(joined.name, PASSPHRASE, machine.recovery_key[:-1], machine.recovery_key)
    elsewhere.recovering(machine.recovery_link, asking).recover().vault.close()
    assert asking.prompts.count("Recovery key: ") == 2


def test_a_wrong_passphrase_recovers_nothing(joined: Enrolled, machine: Machine, elsewhere: Machine) -> None:
    asking = Scripted(joined.name, NEW_PASSPHRASE, machine.recovery_key)
    with pytest.raises(AuthenticationFailed):
        elsewhere.recovering(machine.recovery_link, asking).recover()
    assert not elsewhere.files()


def test_without_vault_and_without_recovery_key_the_ways_on_are_told(
    joined: Enrolled, machine: Machine, elsewhere: Machine
) -> None:
    error = elsewhere.recovering(machine.recovery_link, Scripted(joined.name, PASSPHRASE)).explain()
    assert isinstance(error, DeviceElsewhere)
    assert f"{joined.name}'s keys are on another device" in error.sentence
    assert "--recovery" in error.next_step
    assert "administrator" in error.next_step
    assert not elsewhere.files()


# --- on the machine that has a profile already ---------------------------------------------------


def test_the_hint_is_a_command_to_paste_and_leads_back_also_where_the_old_profile_lies(
    joined: Enrolled, machine: Machine, elsewhere: Machine
) -> None:
    key, link = machine.recovery_key, machine.recovery_link
    elsewhere.recovering(link, Scripted(joined.name, PASSPHRASE, key)).recover().vault.close()
    with Waiter() as waiter, pytest.raises(DeviceElsewhere) as refusal:
        Entrance(joined.vault, waiter).by_passphrase(PASSPHRASE, opened_vault=True)
    command = shlex.split(refusal.value.next_step.partition(": ")[2].partition(";")[0])
    assert command[:3] == ["secure-chat", "login", "--recovery"]
    joined.vault.close()

    asking = Scripted(joined.name, "yes", PASSPHRASE, key)
    recovered = machine.recovering(command[3], asking).recover()
    assert any("is on this machine already" in text for text in asking.said)
    assert devices_of(recovered).version == 3
    assert [profile.directory for profile in machine.profiles.complete()] == [recovered.profile.directory]
    comes_in(recovered)


@pytest.mark.parametrize("answer", ["", "no", "n"])
def test_who_does_not_agree_keeps_the_profile(joined: Enrolled, machine: Machine, answer: str) -> None:
    joined.vault.close()
    before = machine.files()
    with pytest.raises(NotConfirmed):
        machine.recovering(machine.recovery_link, Scripted(joined.name, answer)).recover()
    assert machine.files() == before
    with machine.profiles.choose().acquire() as locked, locked.unlock(PASSPHRASE) as vault:
        assert login_state.account(vault).name == joined.name


def test_a_script_agrees_by_an_option_or_is_told_of_it(joined: Enrolled, machine: Machine) -> None:
    joined.vault.close()
    answers = (joined.name, PASSPHRASE, machine.recovery_key)
    with pytest.raises(NotConfirmed) as refusal:
        machine.recovering(machine.recovery_link, Scripted(*answers, repeats=False)).recover()
    assert "--yes" in refusal.value.next_step
    recovered = machine.recovering(machine.recovery_link, Scripted(*answers, repeats=False), yes=True).recover()
    recovered.vault.close()


def test_a_profile_that_is_open_elsewhere_is_not_taken_over(joined: Enrolled, machine: Machine) -> None:
    with pytest.raises(ProfileBusy):
        machine.recovering(machine.recovery_link, Scripted(joined.name, "yes")).recover()
    assert len(machine.profiles.complete()) == 1


def test_a_vault_that_cannot_be_opened_any_more_is_no_obstacle(joined: Enrolled, machine: Machine) -> None:
    joined.vault.close()
    (joined.profile.directory / "keystore.db").write_bytes(b"scrambled")
    asking = Scripted(joined.name, "y", PASSPHRASE, machine.recovery_key)
    recovered = machine.recovering(machine.recovery_link, asking).recover()
    assert any("damaged" in text for text in asking.said)
    comes_in(recovered)


def test_a_recovery_that_was_cut_off_goes_on_without_being_agreed_to_twice(
    joined: Enrolled, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined.vault.close()
    real = Enrolling._ask

    def ask(self: Enrolling, channel: Channel, request: Command) -> Welcome:
        real(self, channel, request)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Enrolling, "_ask", ask)
        asking = Scripted(joined.name, "y", PASSPHRASE, machine.recovery_key)
        with pytest.raises(KeyboardInterrupt):
            machine.recovering(machine.recovery_link, asking).recover()
    assert len(machine.profiles.complete()) == 1, "the old one stays until the new one is complete"
    recovered = machine.recovering(machine.recovery_link, Scripted("", PASSPHRASE)).recover()
    assert [profile.directory for profile in machine.profiles.complete()] == [recovered.profile.directory]
    comes_in(recovered)


# --- an administrator's reset --------------------------------------------------------------------


def reset_token(installation: Installation, name: str) -> bytes:
    """What is in the link that `secure-chat-admin user reset` prints; the server is stopped."""
    token, now = secrets.token_bytes(INVITE_TOKEN_BYTES), time.time_ns() // 1_000_000
    store = Store.open(installation.data, now_ms=now)
    try:
        expires = now + INVITE_HOURS * 3_600_000
        store.commit([CreateInvite(invite_token_hash(token), "reset", Role.MEMBER, (), expires, name)], now)
    finally:
        store.close()
    return token


@pytest.fixture
def link_of(installation: Installation, server: ServerProcess, reset_links: dict[str, bytes]) -> Callable[[str], str]:
    """The reset link of a name; the server runs."""
    assert server.pid
    return lambda name: installation.link(reset_links[name])


def test_a_reset_link_with_the_recovery_key_keeps_the_identity(
    link_of: Callable[[str], str], installation: Installation, machine: Machine
) -> None:
    key = recovery_key(installation.people["hilda"].identity.seed)
    asking = Scripted(key, NEW_PASSPHRASE, NEW_PASSPHRASE)
    enrolled = machine.joining(link_of("hilda"), asking).run()
    assert login_state.own_device(enrolled.vault).enrolment is Enrolment.RECOVERY
    assert devices_of(enrolled).identity_key == installation.people["hilda"].identity.public_key
    assert "This link is for hilda." in asking.said
    comes_in(enrolled)


def test_a_reset_link_without_the_recovery_key_makes_a_new_identity_and_shows_its_key(
    link_of: Callable[[str], str], installation: Installation, machine: Machine
) -> None:
    asking = Scripted("", NEW_PASSPHRASE, NEW_PASSPHRASE)
    enrolled = machine.joining(link_of("irene"), asking).run()
    assert login_state.own_device(enrolled.vault).enrolment is Enrolment.RESET
    assert devices_of(enrolled).version == 2
    new = IdentitySecret(parse_recovery_key(machine.recovery_key)).public_key
    assert new == devices_of(enrolled).identity_key != installation.people["irene"].identity.public_key
    comes_in(enrolled)


def test_a_reset_link_is_for_one_name(link_of: Callable[[str], str], machine: Machine) -> None:
    asking = Scripted("bob", "", NEW_PASSPHRASE, NEW_PASSPHRASE, repeats=False)
    with pytest.raises(InviteBound):
        machine.joining(link_of("julia"), asking).run()
    assert not machine.files()


def test_a_reset_that_was_cut_off_after_it_was_sent_goes_on_with_the_same_link(
    link_of: Callable[[str], str], machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Enrolling._ask

    def ask(self: Enrolling, channel: Channel, request: Command) -> Welcome:
        real(self, channel, request)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Enrolling, "_ask", ask)
        with pytest.raises(KeyboardInterrupt):
            machine.joining(link_of("kirsten"), Scripted("", NEW_PASSPHRASE, NEW_PASSPHRASE)).run()
    enrolled = machine.joining(link_of("kirsten"), Scripted("", NEW_PASSPHRASE)).run()
    assert enrolled.name == "kirsten"
    comes_in(enrolled)


def test_a_reset_replaces_the_profile_of_the_lost_passphrase_and_another_machine_is_told(tmp_path: Path) -> None:
    installation, machine, other = Installation(tmp_path / "server"), Machine(tmp_path / "first"), tmp_path / "copy"
    token = installation.invite()
    with installation.start():
        machine.joining(installation.link(token), newcomer("alice")).run().vault.close()
    shutil.copytree(machine.home, other)
    token = reset_token(installation, "alice")
    with installation.start():
        asking = Scripted("", NEW_PASSPHRASE, NEW_PASSPHRASE)
        enrolled = machine.joining(installation.link(token), asking).run()
        assert [profile.directory for profile in machine.profiles.complete()] == [enrolled.profile.directory]
        comes_in(enrolled)
        with Machine(other).profiles.choose().acquire() as locked:
            vault = locked.unlock(PASSPHRASE)
        quiet = options(persistence=Persistence(patience=60, asks=False))
        with TestClient(vault, quiet, passphrase=PASSPHRASE, connects=False) as client:
            stopped = client.wait_for(Stopped)
            assert stopped.error is not None
            assert stopped.error.code == "auth.failed", "the passphrase there is no longer the account's"
