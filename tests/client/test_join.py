"""Joining by a link: an account, its keys on this device alone, and nothing half made whatever cuts it off."""

import dataclasses
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from secure_chat.certificates.contexts import server_context
from secure_chat.certificates.pins import log_pin
from secure_chat.client.channel import Channel
from secure_chat.client.enrolled import Enrolled
from secure_chat.client.enrolling import Enrolling
from secure_chat.client.join import Joining, Prospect
from secure_chat.client.vault import login_state
from secure_chat.client.vault.records import Enrolment
from secure_chat.client.waiting import Waiter
from secure_chat.directory.device_list import SignedDeviceList
from secure_chat.directory.pins import inviter_pin
from secure_chat.e2ee.device_keys import IdentitySecret
from secure_chat.e2ee.recovery_kit import parse_recovery_key
from secure_chat.errors import (
    ChatError,
    ConnectionLost,
    InviteProofInvalid,
    InviteUsed,
    NameTaken,
    PassphraseInvalid,
    PassphrasesDiffer,
    ProfileExists,
    RegistrationClosed,
)
from secure_chat.protocol.authentication import Invitation, check_invite_proof, invite_token_hash
from secure_chat.protocol.commands import AnyCommand, Command, InviteQuery, NameQuery, Register
from secure_chat.protocol.events import Failure, InviteFacts, Inviter, NameFacts, Said, Welcome
from secure_chat.protocol.link import InviterPart, Link, parse_link
from tests.certificates.impostors import Issuer, write
from tests.support.answering import Machine, Scripted, newcomer
from tests.support.client_people import PASSPHRASE, TestClient
from tests.support.installation import HOST, Installation, ServerProcess
from tests.support.people import make_person
from tests.support.scripted_server import ScriptedServer

pytestmark = pytest.mark.usefixtures("cheap_login_derivations")

INVITES = 28  # more than the tests use


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    made = Installation(tmp_path_factory.mktemp("server"))
    made.seed(["taken"])
    return made


@pytest.fixture(scope="module")
def tokens(installation: Installation) -> Iterator[bytes]:
    return iter([installation.invite() for _ in range(INVITES)])


@pytest.fixture(scope="module")
def server(installation: Installation, tokens: Iterator[bytes]) -> Iterator[ServerProcess]:
    assert tokens is not None, "invites are made before the server runs"
    with installation.start() as running:
        yield running


@pytest.fixture
def link(installation: Installation, tokens: Iterator[bytes], server: ServerProcess) -> str:
    assert server.pid
    return installation.link(next(tokens))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "home")


def test_a_newcomer_is_registered_with_keys_made_here_and_is_in_the_lobby(machine: Machine, link: str) -> None:
    asking = newcomer("Alice")
    enrolled = machine.joining(link, asking).run()
    with enrolled.vault as vault:
        assert enrolled.name == "alice", "in its mapped form"
        assert enrolled.rooms == ("lobby",)
        device = login_state.own_device(vault)
        assert device.enrolment is Enrolment.REGISTRATION
        shown = IdentitySecret(parse_recovery_key(machine.recovery_key))
        assert shown.public_key == device.device_list.device_list.identity_key
        assert asking.said == ["Server certificate matches the invite.", "Your keys were made on this device."]
        assert asking.prompts[1:] == ["Passphrase: ", "again: "]
        assert machine.profiles.choose().title.startswith("alice@")


def test_the_link_beside_the_recovery_key_names_the_server_and_invites_nobody(machine: Machine, link: str) -> None:
    machine.joining(link, newcomer("beth")).run().vault.close()
    assert parse_link(machine.recovery_link) == parse_link(link).address_only()
    assert parse_link(machine.recovery_link).token == b""


def test_after_joining_the_client_comes_in_without_the_passphrase(machine: Machine, link: str) -> None:
    enrolled = machine.joining(link, newcomer("carla")).run()
    with TestClient(enrolled.vault, connects=False) as client:
        client.enter("lobby")
        assert client.core.snapshot.name == "carla"


def test_a_taken_name_is_said_and_another_one_is_asked_for(machine: Machine, link: str) -> None:
    asking = Scripted("taken", PASSPHRASE, PASSPHRASE, "dora", PASSPHRASE, PASSPHRASE)
    enrolled = machine.joining(link, asking).run()
    enrolled.vault.close()
    assert enrolled.name == "dora"
    assert any("taken" in text for text in asking.said)
    assert machine.profiles.unfinished() == ()


def test_a_taken_name_from_standard_input_is_refused_and_leaves_nothing(machine: Machine, link: str) -> None:
    with pytest.raises(NameTaken):
        machine.joining(link, Scripted("taken", PASSPHRASE, PASSPHRASE, repeats=False)).run()
    assert not machine.files()


def test_a_used_invite_is_refused_before_anything_is_asked(machine: Machine, link: str, tmp_path: Path) -> None:
    machine.joining(link, newcomer("edith")).run().vault.close()
    elsewhere, asking = Machine(tmp_path / "elsewhere"), newcomer("mallory")
    with pytest.raises(InviteUsed) as refusal:
        elsewhere.joining(link, asking).run()
    assert "secure-chat login" in refusal.value.next_step
    assert asking.prompts == []
    assert not elsewhere.files()


def test_the_name_of_a_profile_here_is_refused_before_a_passphrase_is_asked_and_another_may_be_typed(
    machine: Machine, link: str, installation: Installation, tokens: Iterator[bytes]
) -> None:
    machine.joining(link, newcomer("flora")).run().vault.close()
    second = installation.link(next(tokens))
    with pytest.raises(ProfileExists):
        machine.joining(second, Scripted("flora", PASSPHRASE, PASSPHRASE, repeats=False)).run()
    asking = Scripted("Flora", "fiona", PASSPHRASE, PASSPHRASE)
    enrolled = machine.joining(second, asking).run()
    enrolled.vault.close()
    assert enrolled.name == "fiona"
    assert [prompt.partition(" [")[0].strip().rstrip(":") for prompt in asking.prompts] == [
        "User name",
        "User name",
        "Passphrase",
        "again",
    ]
    title = machine.profiles.choose("flora").title
    assert asking.said[1] == f"{title} is on this machine already. Open it: secure-chat --profile {title}."


def test_a_name_that_the_invite_is_bound_to_is_not_asked_for_again(
    machine: Machine,
    link: str,
    installation: Installation,
    tokens: Iterator[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine.joining(link, newcomer("frida")).run().vault.close()
    learn = Joining._learn

    def bound(joining: Joining, waiter: Waiter) -> Prospect:
        prospect = learn(joining, waiter)
        assert prospect.invitation is not None
        return dataclasses.replace(prospect, invitation=msgspec.structs.replace(prospect.invitation, name="frida"))

    monkeypatch.setattr(Joining, "_learn", bound)
    asking = Scripted()
    with pytest.raises(ProfileExists):
        machine.joining(installation.link(next(tokens)), asking).run()
    assert asking.prompts == []


def test_the_machines_user_is_not_suggested_where_that_profile_is_here(
    machine: Machine,
    installation: Installation,
    tokens: Iterator[bytes],
    server: ServerProcess,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert server.pid
    monkeypatch.setattr("getpass.getuser", lambda: "felix")
    first = Scripted("", PASSPHRASE, PASSPHRASE)
    machine.joining(installation.link(next(tokens)), first).run().vault.close()
    assert first.prompts[0] == "User name [felix]: "
    second = Scripted()
    with pytest.raises(KeyboardInterrupt):
        machine.joining(installation.link(next(tokens)), second).run()
    assert second.prompts == ["User name: "]


@pytest.mark.parametrize(
    ("answers", "error"),
    [(["gina", "short", "short"], PassphraseInvalid), (["gina", PASSPHRASE, "something else"], PassphrasesDiffer)],
)
def test_passphrases_that_cannot_be_are_refused_or_asked_for_again(
    answers: list[str], error: type[ChatError], machine: Machine, link: str
) -> None:
    for repeats in (False, True):
        asking = Scripted(*answers, repeats=repeats)
        with pytest.raises(KeyboardInterrupt if repeats else error):
            machine.joining(link, asking).run()
    assert not machine.files()


@pytest.mark.parametrize("answered", [0, 1, 2])
def test_leaving_at_any_question_leaves_nothing_behind(answered: int, machine: Machine, link: str) -> None:
    asking = Scripted(*["gerda", PASSPHRASE, PASSPHRASE][:answered])
    with pytest.raises(KeyboardInterrupt):
        machine.joining(link, asking).run()
    assert not machine.files()


def test_an_unknown_invite_is_refused(machine: Machine, installation: Installation, server: ServerProcess) -> None:
    assert server.pid
    with pytest.raises(ChatError) as refusal:
        machine.joining(installation.link(os.urandom(16)), newcomer("hanna")).run()
    assert refusal.value.code == "invite.unknown"


def test_the_address_alone_invites_nobody(machine: Machine, installation: Installation, server: ServerProcess) -> None:
    assert server.pid
    asking = newcomer("hanna")
    with pytest.raises(RegistrationClosed):
        machine.joining(installation.link(b""), asking).run()
    assert asking.prompts == []


@pytest.mark.negative(43)
def test_an_inviter_whom_the_server_does_not_show_ends_it_before_anything_is_asked(machine: Machine, link: str) -> None:
    plain = parse_link(link)
    with_inviter = Link(
        plain.host, plain.port, plain.authority, plain.log_pin, plain.token, InviterPart(os.urandom(16), os.urandom(16))
    )
    asking = newcomer("ida")
    with pytest.raises(InviteProofInvalid, match="names no inviter"):
        machine.joining(with_inviter.format(), asking).run()
    assert asking.prompts == []
    assert not machine.files()


# --- answers that are lost -----------------------------------------------------------------------


Ask = Callable[[Enrolling, Channel, Command], Welcome]


def cut_after_the_answer(patch: pytest.MonkeyPatch, error: BaseException) -> None:
    """The first request arrives and is answered, but the answer is lost."""
    real: Ask = Enrolling._ask
    asked: list[Command] = []

    def ask(self: Enrolling, channel: Channel, request: Command) -> Welcome:
        welcome = real(self, channel, request)
        asked.append(request)
        if len(asked) == 1:
            raise error
        return welcome

    patch.setattr(Enrolling, "_ask", ask)


def cut_before_the_request(patch: pytest.MonkeyPatch, error: BaseException) -> None:
    """The first request may have left, for all that this machine knows, and never arrives."""
    real: Ask = Enrolling._ask
    asked: list[Command] = []

    def ask(self: Enrolling, channel: Channel, request: Command) -> Welcome:
        asked.append(request)
        if len(asked) == 1:
            self._draft.sending()
            raise error
        return real(self, channel, request)

    patch.setattr(Enrolling, "_ask", ask)


@pytest.mark.parametrize(("cut", "name"), [(cut_after_the_answer, "jana"), (cut_before_the_request, "jutta")])
@pytest.mark.negative(58)
def test_an_answer_that_is_lost_is_asked_for_again_by_itself(
    cut: Callable[[pytest.MonkeyPatch, BaseException], None],
    name: str,
    machine: Machine,
    link: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cut(monkeypatch, ConnectionLost())
    enrolled = machine.joining(link, newcomer(name)).run()
    _can_come_in(enrolled, name)


@pytest.mark.parametrize(("cut", "name"), [(cut_after_the_answer, "karin"), (cut_before_the_request, "klara")])
@pytest.mark.negative(58)
def test_a_join_that_was_cut_off_goes_on_with_the_same_link_and_shows_the_key_again(
    cut: Callable[[pytest.MonkeyPatch, BaseException], None],
    name: str,
    machine: Machine,
    link: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        cut(patch, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            machine.joining(link, newcomer(name)).run()
    assert machine.recovery_key == ""
    assert [profile.label.name for profile in machine.profiles.unfinished()] == [name]
    assert machine.profiles.complete() == ()

    asking = Scripted("", "not this one, no", PASSPHRASE)  # Enter takes the name that was begun
    enrolled = machine.joining(link, asking).run()
    assert asking.prompts[0] == f"User name [{name}]: "
    assert machine.recovery_key
    _can_come_in(enrolled, name)
    assert machine.profiles.unfinished() == ()


def _can_come_in(enrolled: Enrolled, name: str) -> None:
    with TestClient(enrolled.vault, connects=False) as client:
        client.enter("lobby")
        assert client.core.snapshot.name == name


@pytest.mark.negative(42)
def test_the_server_of_the_link_is_known_by_its_key_log_too(
    machine: Machine, link: str, installation: Installation
) -> None:
    right = parse_link(link)
    assert right.log_pin == log_pin(installation.log_public_key)
    wrong = Link(HOST, right.port, right.authority, os.urandom(16), right.token)
    asking = newcomer("lena")
    with pytest.raises(ChatError) as refusal:
        machine.joining(wrong.format(), asking).run()
    assert refusal.value.code == "tls.pin"
    assert asking.prompts == []


# --- invites of people, and no invites at all ----------------------------------------------------


class Watching(Scripted):
    """Somebody who types only while no connection is open."""

    def __init__(self, server: ScriptedServer, *answers: str) -> None:
        super().__init__(*answers)
        self._server = server

    def line(self, prompt: str) -> str:
        assert self._server.idle.wait(60), f"a connection is open while the person answers {prompt!r}"
        return super().line(prompt)


def test_an_inviter_who_fits_the_link_gets_a_proof_and_no_connection_is_open_while_the_joiner_types(
    machine: Machine, tmp_path: Path
) -> None:
    inviter, secret, token = make_person("berta"), os.urandom(16), os.urandom(16)
    shown = Inviter(inviter.user_id, inviter.name, inviter.identity.public_key.raw)
    authority, log_key = Issuer.make(), os.urandom(32)
    registered: list[Register] = []
    asked_for_time: list[str] = []

    def answer(command: AnyCommand) -> list[Said | bytes]:
        match command:
            case InviteQuery():
                return [InviteFacts(command.id, "join", 2**42, inviter=shown)]
            case NameQuery():
                asked_for_time.append(command.name)
                if len(asked_for_time) == 1:
                    return [Failure(command.id, "rate.limited", "Slow down.", retry_after=0.05), b""]
                return [NameFacts(command.id, 1)]
            case Register():
                registered.append(command)
                devices = SignedDeviceList.parse(command.device_list).device_list
                return [Welcome(command.id, devices.user_id, command.name, "member", 0, 1, 0, [], bytes(32))]
            case _:
                return [b""]

    certificate, key = authority.issue(HOST, now=datetime.now(UTC))
    files = write(tmp_path, key, certificate, authority.certificate)
    with ScriptedServer(server_context(files.certificate, files.key), log_key, answer) as scripted:
        asking = Watching(scripted, "moni", PASSPHRASE, PASSPHRASE)
        pin = inviter_pin(inviter.user_id, inviter.name, inviter.identity.public_key)
        link = Link(HOST, scripted.port, authority.public_key, log_pin(log_key), token, InviterPart(pin, secret))
        machine.joining(link.format(), asking).run().vault.close()
    assert len(asking.prompts) == 3
    assert "Slow down. Trying again in 0 s (Ctrl-C stops)." in asking.said, "a server that asks for time gets it"
    [command] = registered
    own = SignedDeviceList.parse(command.device_list).device_list
    invitation = Invitation(
        invite_token_hash(token), inviter.user_id, inviter.identity.public_key, own.user_id, "moni", own.identity_key
    )
    check_invite_proof(command.proof, secret, invitation)


def test_where_registration_is_open_the_address_is_enough(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECURE_CHAT_SERVER_REGISTRATION", "open")
    installation = Installation(tmp_path / "server")
    with installation.start():
        enrolled = machine.joining(installation.link(b""), newcomer("nora")).run()
        _can_come_in(enrolled, "nora")
