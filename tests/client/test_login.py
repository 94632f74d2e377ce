"""Coming in with a vault: no lost answer makes a token useless, the counter gives copies away, nothing weak is sent."""

import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from secure_chat.certificates.contexts import server_context
from secure_chat.certificates.pins import server_id
from secure_chat.client import login as login_module
from secure_chat.client.events import Told
from secure_chat.client.login import Entrance
from secure_chat.client.login_secret import derive_login_secret
from secure_chat.client.vault import login_state
from secure_chat.client.vault.enrolment import NewVault, ServerFacts, register
from secure_chat.client.vault.records import LOGIN_COUNTER, ResumeTokens
from secure_chat.client.vault.sealed import SealedVault
from secure_chat.client.vault.tables import SELF
from secure_chat.client.vault.vault import Vault, create_vault
from secure_chat.client.waiting import Waiter
from secure_chat.errors import (
    AuthenticationFailed,
    ConnectionLost,
    DeviceElsewhere,
    LoginDerivationRefused,
    ServerSaidNonsense,
    TokenReused,
    TokenUnknown,
)
from secure_chat.protocol.authentication import login_signature_payload, resume_token_hash, verify_login_signature
from secure_chat.protocol.commands import AnyCommand, Login, NameQuery, Resume, TokenConfirm
from secure_chat.protocol.events import Done, Failure, NameFacts, Said, Welcome, WelcomeLimited
from tests.certificates.impostors import Issuer, write
from tests.support.answering import Machine, newcomer
from tests.support.cheap_client import CHEAP
from tests.support.client_people import PASSPHRASE, TestClient
from tests.support.installation import HOST, Installation
from tests.support.scripted_server import ScriptedServer

pytestmark = pytest.mark.usefixtures("cheap_login_derivations")

LOG_KEY = os.urandom(32)
OLD, NEW, NEWER = (bytes([number]) * 32 for number in (1, 2, 3))


@pytest.fixture(scope="module")
def authority() -> Issuer:
    return Issuer.make()


@pytest.fixture(scope="module")
def files(authority: Issuer, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    certificate, key = authority.issue(HOST, now=datetime.now(UTC))
    written = write(tmp_path_factory.mktemp("certificate"), key, certificate, authority.certificate)
    return written.certificate, written.key


class Doorman:
    """A scripted server's part: which tokens it knows, and what it answers to who comes in by one."""

    def __init__(self) -> None:
        self.vault: Vault | None = None
        self.tokens: dict[bytes, bytes] = {}  # token to the successor that is offered, or nothing
        self.refusal = "auth.token_unknown"
        self.row = 1
        self.counter_before = 0
        self.limited = False
        self.name = "alice"
        self.at_confirmation: list[ResumeTokens] = []
        self.counters_on_disk: list[int] = []
        self.confirms = True

    def __call__(self, command: AnyCommand) -> Iterable[Said | bytes]:
        assert self.vault is not None
        match command:
            case NameQuery():
                return [NameFacts(command.id, self.row)]
            case Resume():
                self._note_counter(command.device.counter)
                if command.token not in self.tokens:
                    return [Failure(command.id, self.refusal, "No."), b""]
                return [self._welcome(command.id, self.tokens[command.token])]
            case Login():
                assert command.device is not None
                self._note_counter(command.device.counter)
                if self.limited:
                    return [WelcomeLimited(command.id, b"", "alice", b"")]
                return [self._welcome(command.id, NEW)]
            case TokenConfirm():
                self.at_confirmation.append(login_state.resume_tokens(self.vault))
                assert command.token_hash == resume_token_hash(NEW)
                return [Done(command.id)] if self.confirms else [b""]
            case _:
                return [b""]

    def _welcome(self, id_: int, token: bytes) -> Welcome:
        assert self.vault is not None
        user_id = login_state.account(self.vault).user_id
        return Welcome(id_, user_id, self.name, "member", self.counter_before, 1, 0, [], token)

    def _note_counter(self, reported: int) -> None:
        assert self.vault is not None
        counter = self.vault.get(LOGIN_COUNTER, SELF)
        assert counter is not None
        assert reported == counter.value, "on the disk before it is reported"
        self.counters_on_disk.append(counter.value)


@pytest.fixture
def doorman() -> Doorman:
    return Doorman()


@pytest.fixture
def server(doorman: Doorman, files: tuple[Path, Path]) -> Iterator[ScriptedServer]:
    with ScriptedServer(server_context(*files), LOG_KEY, doorman) as running:
        yield running


@pytest.fixture(scope="module")
def new_vault(authority: Issuer) -> Callable[[int], NewVault]:
    def make(port: int) -> NewVault:
        facts = ServerFacts(HOST, port, authority.public_key, server_id(authority.public_key), LOG_KEY)
        return register(facts, "alice", os.urandom, 1_790_000_000_000)

    return make


@pytest.fixture
def vault(
    doorman: Doorman, server: ScriptedServer, new_vault: Callable[[int], NewVault], tmp_path: Path
) -> Iterator[Vault]:
    new = new_vault(server.port)
    directory = tmp_path / "vault"
    directory.mkdir(mode=0o700)
    with create_vault(directory, PASSPHRASE, new.identity.seed, new.write, cost=CHEAP) as made:
        doorman.vault = made
        yield made


@pytest.fixture
def entrance(vault: Vault) -> Iterator[Entrance]:
    with Waiter() as waiter:
        yield Entrance(vault, waiter)


def come_in(entrance: Entrance) -> None:
    logged_in = entrance.resume()
    assert logged_in is not None
    assert logged_in.resumed
    logged_in.channel.close()


# --- resume tokens -------------------------------------------------------------------------------


def test_without_a_token_there_is_nothing_to_resume(entrance: Entrance, server: ScriptedServer) -> None:
    assert entrance.resume() is None
    assert server.connections == 0


def test_a_successor_is_on_the_disk_before_it_is_confirmed_and_then_alone(
    entrance: Entrance, vault: Vault, doorman: Doorman
) -> None:
    login_state.keep_token(vault, OLD)
    doorman.tokens = {OLD: NEW}
    come_in(entrance)
    assert doorman.at_confirmation == [ResumeTokens(current=OLD, pending=NEW)]
    assert login_state.resume_tokens(vault) == ResumeTokens(current=NEW)


@pytest.mark.negative(61)
def test_after_a_lost_confirmation_the_successor_is_used_and_that_confirms_it(
    entrance: Entrance, vault: Vault, doorman: Doorman
) -> None:
    login_state.keep_token(vault, OLD)
    doorman.tokens, doorman.confirms = {OLD: NEW, NEW: b""}, False
    with pytest.raises(ConnectionLost):
        entrance.resume()
    assert login_state.resume_tokens(vault) == ResumeTokens(current=OLD, pending=NEW)
    come_in(entrance)
    assert login_state.resume_tokens(vault) == ResumeTokens(current=NEW)


@pytest.mark.negative(61)
def test_a_successor_that_the_server_has_replaced_is_dropped_and_the_old_one_still_works(
    entrance: Entrance, vault: Vault, doorman: Doorman
) -> None:
    login_state.keep_token(vault, OLD)
    login_state.keep_pending_token(vault, NEWER)
    doorman.tokens = {OLD: NEW}
    come_in(entrance)
    assert login_state.resume_tokens(vault) == ResumeTokens(current=NEW)


@pytest.mark.parametrize(
    ("refusal", "error"), [("auth.token_unknown", TokenUnknown), ("auth.token_reused", TokenReused)]
)
def test_a_session_that_has_ended_leaves_no_token_behind(
    refusal: str, error: type[Exception], entrance: Entrance, vault: Vault, doorman: Doorman
) -> None:
    login_state.keep_token(vault, OLD)
    doorman.refusal = refusal
    with pytest.raises(error):
        entrance.resume()
    assert login_state.resume_tokens(vault) == ResumeTokens()


@pytest.mark.negative(61)
def test_a_lost_connection_costs_no_token(entrance: Entrance, vault: Vault, doorman: Doorman) -> None:
    login_state.keep_token(vault, OLD)
    doorman.tokens, doorman.refusal = {}, "busy"
    with pytest.raises(Exception, match="No"):
        entrance.resume()
    assert login_state.resume_tokens(vault) == ResumeTokens(current=OLD)


# --- the device's word ---------------------------------------------------------------------------


@pytest.mark.negative(47)
def test_each_attempt_signs_its_own_connection_and_counts(
    entrance: Entrance, vault: Vault, doorman: Doorman, server: ScriptedServer, authority: Issuer
) -> None:
    login_state.keep_token(vault, OLD)
    doorman.tokens = {OLD: b""}
    logged_in = entrance.resume()
    assert logged_in is not None
    resume = server.commands[-1]
    assert isinstance(resume, Resume)
    account, device = login_state.account(vault), login_state.own_device(vault).keys
    payload = login_signature_payload(
        server_id(authority.public_key),
        account.user_id,
        device.device_id,
        logged_in.channel.hello.nonce,
        logged_in.channel.leaf_hash,
    )
    verify_login_signature(device.signing_key, resume.device.signature, payload)
    logged_in.channel.close()
    come_in(entrance)
    assert doorman.counters_on_disk == [1, 2]


@pytest.mark.negative(62)
def test_lost_answers_are_no_sign_of_a_copy_and_a_counter_that_did_not_rise_is(
    entrance: Entrance, vault: Vault, doorman: Doorman
) -> None:
    login_state.keep_token(vault, OLD)
    doorman.tokens = {OLD: b""}
    for before in (0, 0, 2):
        doorman.counter_before = before
        logged_in = entrance.resume()
        assert logged_in is not None
        assert logged_in.told is None
        logged_in.channel.close()
    doorman.counter_before = 4  # of a copy of this vault that has been used
    logged_in = entrance.resume()
    assert logged_in is not None
    logged_in.channel.close()
    assert logged_in.told is not None
    assert logged_in.told.code == "store.cloned"
    counter = vault.get(LOGIN_COUNTER, SELF)
    assert counter is not None
    assert counter.value == 5


def test_a_welcome_for_somebody_else_is_not_believed(entrance: Entrance, vault: Vault, doorman: Doorman) -> None:
    login_state.keep_token(vault, OLD)
    doorman.tokens, doorman.name = {OLD: b""}, "mallory"
    with pytest.raises(ServerSaidNonsense):
        entrance.resume()


# --- by passphrase -------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [0, 2, 99])
@pytest.mark.negative(41)
def test_a_derivation_that_is_weaker_or_unknown_is_refused_and_no_login_is_sent(
    row: int, entrance: Entrance, doorman: Doorman, server: ScriptedServer
) -> None:
    doorman.row = row
    with pytest.raises(LoginDerivationRefused):
        entrance.by_passphrase(PASSPHRASE, opened_vault=True)
    assert [type(command) for command in server.commands] == [NameQuery]


def test_no_connection_is_open_while_the_login_secret_is_derived(
    entrance: Entrance, vault: Vault, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    derived: list[int] = []

    def derive(passphrase: str, server_id: bytes, name: str, *, row: int, lowest: int) -> bytes:
        assert server.ended.wait(60), "the connection that asked for the row has ended"
        derived.append(server.connections)
        return derive_login_secret(passphrase, server_id, name, row=row, lowest=lowest)

    monkeypatch.setattr(login_module, "derive_login_secret", derive)
    entrance.by_passphrase(PASSPHRASE, opened_vault=True).channel.close()
    assert derived == [1]
    assert server.connections == 2
    assert login_state.resume_tokens(vault) == ResumeTokens(current=NEW)


def test_a_login_that_gets_no_further_than_recovery_says_where_the_keys_are(
    entrance: Entrance, doorman: Doorman
) -> None:
    doorman.limited = True
    with pytest.raises(DeviceElsewhere):
        entrance.by_passphrase(PASSPHRASE, opened_vault=True)


# --- against a real server -----------------------------------------------------------------------


@pytest.mark.negative(28)
def test_a_copied_profile_is_noticed_at_its_next_login(tmp_path: Path) -> None:
    installation, machine = Installation(tmp_path / "server"), Machine(tmp_path / "home")
    token = installation.invite()
    with installation.start():
        machine.joining(installation.link(token), newcomer("alice")).run().vault.close()
        directory = machine.profiles.choose().directory
        copy = tmp_path / "copy"
        shutil.copytree(directory, copy)
        for _ in range(2):
            with SealedVault(directory) as sealed, TestClient(sealed.unlock(PASSPHRASE)) as client:
                assert not [event for event in client.seen if isinstance(event, Told)]
        with SealedVault(copy) as sealed, TestClient(sealed.unlock(PASSPHRASE)) as client:
            assert client.wait_for(Told).error.code == "store.cloned"


def test_a_wrong_passphrase_is_refused_and_the_right_one_comes_in(tmp_path: Path) -> None:
    installation, machine = Installation(tmp_path / "server"), Machine(tmp_path / "home")
    token = installation.invite()
    with installation.start():
        enrolled = machine.joining(installation.link(token), newcomer("alice")).run()
        with enrolled.vault as vault, Waiter() as waiter:
            entrance = Entrance(vault, waiter)
            with pytest.raises(AuthenticationFailed):
                entrance.by_login_secret(secrets.token_bytes(32))
            entrance.by_passphrase(PASSPHRASE, opened_vault=True).channel.close()
