"""The network thread: notices a dead link, yields to a newer session, waits for a screen that is behind."""

import os
import secrets
import shutil
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from secure_chat.certificates.contexts import server_context
from secure_chat.certificates.pins import server_id
from secure_chat.client import inbox, network
from secure_chat.client.direct.events import DirectHeard
from secure_chat.client.events import Connected, Disconnected, Heard, Settled, Stopped
from secure_chat.client.persistence import Persistence
from secure_chat.client.vault import login_state
from secure_chat.client.vault.enrolment import ServerFacts, register
from secure_chat.client.vault.sealed import SealedVault
from secure_chat.client.vault.vault import create_vault
from secure_chat.errors import InternalError
from secure_chat.protocol.commands import AnyCommand, Ping, Resume
from secure_chat.protocol.events import Message, Said, Welcome
from tests.certificates.impostors import Issuer, write
from tests.client.vault.faults import SqliteFailure, around_commits
from tests.support.cheap_client import CHEAP
from tests.support.client_people import PASSPHRASE, TestClient, options, vault_of
from tests.support.installation import HOST, Installation, ServerProcess
from tests.support.scripted_server import ScriptedServer

NAMES = [f"person-{letter}{letter}" for letter in "abcdefghij"]
_unused = iter(NAMES)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    made = Installation(tmp_path_factory.mktemp("server"))
    made.seed(NAMES, ["dev"])
    return made


@pytest.fixture(scope="module")
def server(installation: Installation) -> Iterator[ServerProcess]:
    with installation.start() as running:
        yield running


def test_a_server_that_gives_no_sign_of_life_is_asked_for_one_and_then_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "CLIENT_PING_SECONDS", 0.05)
    monkeypatch.setattr(network, "CLIENT_SILENCE_SECONDS", 0.05)
    authority, log_key = Issuer.make(), os.urandom(32)
    certificate, key = authority.issue(HOST, now=datetime.now(UTC))
    files = write(tmp_path, key, certificate, authority.certificate)
    user_ids: list[bytes] = []

    def answer(command: AnyCommand) -> Iterable[Said | bytes]:
        if isinstance(command, Resume):
            return [Welcome(command.id, user_ids[0], "alice", "member", 0, 1, 0, [])]
        return []  # not even to a ping

    with ScriptedServer(server_context(files.certificate, files.key), log_key, answer) as scripted:
        facts = ServerFacts(HOST, scripted.port, authority.public_key, server_id(authority.public_key), log_key)
        new = register(facts, "alice", os.urandom, 1_790_000_000_000)
        user_ids.append(new.account.user_id)
        directory = tmp_path / "vault"
        directory.mkdir(mode=0o700)
        vault = create_vault(directory, PASSPHRASE, new.identity.seed, new.write, cost=CHEAP)
        login_state.keep_token(vault, bytes(range(32)))
        with TestClient(vault) as alice:
            lost = alice.wait_for(Disconnected)
            assert lost.error.code == "net.lost"
            assert "no sign of life" in lost.error.sentence
            assert any(isinstance(command, Ping) for command in scripted.commands)


def test_a_newer_session_of_the_same_device_ends_this_one_and_only_an_order_takes_it_back(
    installation: Installation, server: ServerProcess, tmp_path: Path
) -> None:
    assert server.pid
    person = installation.people[next(_unused)]
    first = vault_of(installation, person, tmp_path / "vault")
    shutil.copytree(tmp_path / "vault", tmp_path / "copy")
    with TestClient(first) as here, SealedVault(tmp_path / "copy") as sealed:
        with TestClient(sealed.unlock(PASSPHRASE)):
            replaced = here.wait_for(Disconnected)
            assert (replaced.error.code, replaced.retry_in) == ("session.replaced", None)
        here.core.reconnect()
        assert here.wait_for(Connected).again


def test_a_screen_that_is_behind_stops_the_reading_and_gets_everything_in_the_end(
    installation: Installation, server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server.pid
    monkeypatch.setattr(inbox, "MAX_WAITING_EVENTS", 50)
    monkeypatch.setattr(inbox, "RESUMED_WAITING_EVENTS", 10)
    alice_vault = vault_of(installation, installation.people[next(_unused)], tmp_path / "alice")
    bob_vault = vault_of(installation, installation.people[next(_unused)], tmp_path / "bob")
    with TestClient(alice_vault) as alice, TestClient(bob_vault) as bob:
        room = f"room-{secrets.token_hex(4)}"
        bob.answer(bob.core.create_room(room), Settled)
        alice.answer(alice.core.join_room(room), Settled)
        for number in range(600):
            bob.core.post(room, f"{number} " + "x" * 2000)
        bob.texts(room, 600)
        waiting = alice.core.events._queue.qsize()
        assert waiting < 300, "what nobody takes stays with the server"
        assert [int(text.split()[0]) for text in alice.texts(room, 600)] == list(range(600))
        numbers = [event.event.number for event in alice.seen if isinstance(event, Heard) and event.event.room == room]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_logging_out_ends_the_thread_and_the_token(
    installation: Installation, server: ServerProcess, tmp_path: Path
) -> None:
    assert server.pid
    vault = vault_of(installation, installation.people[next(_unused)], tmp_path / "vault")
    with TestClient(vault) as alice:
        alice.answer(alice.core.log_out(), Settled)
        assert alice.wait_for(Stopped).error is None
        assert login_state.resume_tokens(vault).current is None


def test_an_administrators_logout_asks_a_screen_for_the_passphrase_and_ends_one_command(
    installation: Installation, server: ServerProcess, tmp_path: Path
) -> None:
    assert server.pid
    vault = vault_of(installation, installation.people[next(_unused)], tmp_path / "vault")
    login_state.keep_token(vault, os.urandom(32))  # as good as one that was revoked
    quiet = options(persistence=Persistence(patience=60, asks=False))
    with TestClient(vault, quiet, connects=False) as command:
        stopped = command.wait_for(Stopped)
        assert stopped.error is not None
        assert stopped.error.code == "auth.token_unknown"


def test_a_fault_of_this_program_still_tells_the_screen_that_it_is_over(
    installation: Installation, server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server.pid
    faults: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", faults.append)

    def fault() -> None:
        raise ZeroDivisionError

    vault = vault_of(installation, installation.people[next(_unused)], tmp_path / "vault")
    with TestClient(vault) as alice:
        alice.core._network.call(fault)
        stopped = alice.wait_for(Stopped)
        assert isinstance(stopped.error, InternalError)
    assert [each.exc_type for each in faults] == [ZeroDivisionError], "and is not hidden"


def test_messages_are_what_they_were_when_said(
    installation: Installation, server: ServerProcess, tmp_path: Path
) -> None:
    assert server.pid
    vault = vault_of(installation, installation.people[next(_unused)], tmp_path / "vault")
    with TestClient(vault) as alice:
        room = f"room-{secrets.token_hex(4)}"
        alice.answer(alice.core.create_room(room), Settled)
        alice.core.post(room, "first\nsecond  line 👩‍👩‍👧")
        assert alice.texts(room, 1) == ["first\nsecond  line 👩‍👩‍👧"]
        [message] = alice.messages(room)
        assert isinstance(message, Message)
        assert (message.sender, message.room) == (alice.core.snapshot.name, room)


def test_a_full_disk_is_tried_again_by_itself_until_there_is_room(
    installation: Installation, server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server.pid
    monkeypatch.setattr(network, "READ_MARKER_SECONDS", 0.0)
    full = threading.Event()

    def fail_while_full(_number: int) -> None:
        if full.is_set():
            raise SqliteFailure(sqlite3.SQLITE_FULL)

    alice_name, bob_name = next(_unused), next(_unused)
    vault_of(installation, installation.people[alice_name], tmp_path / "alice").close()
    bob_vault = vault_of(installation, installation.people[bob_name], tmp_path / "bob")
    with SealedVault(tmp_path / "alice", factory=around_commits(fail_while_full)) as sealed:
        alice_vault = sealed.unlock(PASSPHRASE)
    with TestClient(alice_vault) as alice, TestClient(bob_vault) as bob:
        full.set()
        bob.core.message(alice_name, "while the disk is full")
        for _ in range(3):
            lost = alice.wait_for(Disconnected)
            assert lost.error.code == "vault.full"
            assert lost.retry_in is not None
            alice.core.mark_read("dev", 7)
            alice.core.mark_conversation_read(bob_name, 1)
        full.clear()
        assert alice.wait_for(DirectHeard).message.text == "while the disk is full"
        assert not [event for event in alice.seen if isinstance(event, Stopped)]
