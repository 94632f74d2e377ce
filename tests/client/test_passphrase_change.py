"""Changing the passphrase: vault and server change together; whatever is cut off, one passphrase opens and logs in."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from secure_chat.client.channel import Channel
from secure_chat.client.events import Answered, Connected, Disconnected, Failed, PassphraseNeeded, Settled, Stopped
from secure_chat.client.persistence import Persistence
from secure_chat.client.vault.sealed import SealedVault
from secure_chat.client.vault.vault import Vault
from secure_chat.errors import ConnectionLost, VaultPassphrase
from secure_chat.protocol import commands as c
from secure_chat.protocol.commands import Command
from secure_chat.protocol.events import Done
from tests.architecture.source import ROOT
from tests.support.answering import Machine, newcomer
from tests.support.client_people import PASSPHRASE as OLD
from tests.support.client_people import TestClient, options
from tests.support.cutting_proxy import CuttingProxy
from tests.support.installation import HOST, Installation, ServerProcess

pytestmark = pytest.mark.usefixtures("cheap_login_derivations")

NEW = "an entirely new passphrase"
NAMES = ["alice", "bella", "cora", "dana", "emma", "fanny", "gloria", "hilda", "irene", "julia"]
ONE_TRY = options(attend=False, persistence=Persistence(patience=60, asks=False))


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return Installation(tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="module")
def invites(installation: Installation) -> Iterator[tuple[str, bytes]]:
    return iter([(name, installation.invite()) for name in NAMES])


@pytest.fixture(scope="module")
def server(installation: Installation, invites: Iterator[tuple[str, bytes]]) -> Iterator[ServerProcess]:
    assert invites is not None, "they are made before the server runs"
    with installation.start() as running:
        yield running


@dataclass
class Joined:
    """Somebody who has joined, through a proxy."""

    directory: Path
    proxy: CuttingProxy

    def open(self, passphrase: str) -> Vault:
        with SealedVault(self.directory) as sealed:
            return sealed.unlock(passphrase)

    def opens(self, passphrase: str) -> bool:
        try:
            self.open(passphrase).close()
        except VaultPassphrase:
            return False
        return True

    def comes_in(self, passphrase: str) -> str:
        """What becomes of opening with this passphrase and logging in by it, without a token."""
        with TestClient(self.open(passphrase), ONE_TRY, passphrase=passphrase, connects=False) as client:
            event = client.wait(lambda event: isinstance(event, Connected | Stopped))
            return event.error.code if isinstance(event, Stopped) and event.error is not None else "in"


@pytest.fixture
def joined(
    installation: Installation, server: ServerProcess, invites: Iterator[tuple[str, bytes]], tmp_path: Path
) -> Iterator[Joined]:
    name, token = next(invites)
    machine = Machine(tmp_path / "home")
    with CuttingProxy(HOST, server.port) as proxy:
        enrolled = machine.joining(installation.link(token, port=proxy.port), newcomer(name)).run()
        enrolled.vault.close()
        yield Joined(enrolled.profile.directory, proxy)


def log_out(joined: Joined, passphrase: str) -> None:
    with TestClient(joined.open(passphrase), passphrase=passphrase) as client:
        client.core.log_out()
        assert client.wait_for(Stopped).error is None


def test_afterwards_the_new_one_opens_and_logs_in_and_the_old_one_does_neither(joined: Joined) -> None:
    with TestClient(joined.open(OLD)) as client:
        client.answer(client.core.change_passphrase(OLD, NEW), Settled)
    assert not joined.opens(OLD)
    log_out(joined, NEW)
    assert joined.comes_in(NEW) == "in"


def test_a_wrong_old_one_changes_nothing_anywhere(joined: Joined) -> None:
    with TestClient(joined.open(OLD)) as client:
        assert client.failure(client.core.change_passphrase("not the right one", NEW)) == "vault.passphrase"
    assert not joined.opens(NEW)
    log_out(joined, OLD)
    assert joined.comes_in(OLD) == "in"


def test_while_offline_it_is_refused_and_the_old_one_stays(joined: Joined) -> None:
    with TestClient(joined.open(OLD)) as client:
        joined.proxy.refuse()
        joined.proxy.cut()
        client.wait_for(Disconnected)
        assert client.failure(client.core.change_passphrase(OLD, NEW)) == "net.offline"
    assert not joined.opens(NEW)


@pytest.mark.parametrize("arrived", [True, False])
def test_when_the_answer_is_lost_the_next_login_finds_out_which_it_is(
    arrived: bool, joined: Joined, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Channel.send

    def send(channel: Channel, command: Command) -> None:
        if not isinstance(command, c.PassphraseChange):
            real(channel, command)
            return
        if arrived:
            real(channel, command)
            while not any(isinstance(said, Done) for said in channel.turn(channel.waiter.clock() + 60)):
                pass
        raise ConnectionLost

    monkeypatch.setattr(Channel, "send", send)
    with TestClient(joined.open(OLD)) as client:
        outcome = client.outcome(client.core.change_passphrase(OLD, NEW))
    if arrived:
        assert isinstance(outcome, Answered)
        assert (joined.opens(OLD), joined.opens(NEW)) == (False, True)
    else:
        assert isinstance(outcome, Failed)
        assert (joined.opens(OLD), joined.opens(NEW)) == (True, False)


@pytest.mark.negative(60)
@pytest.mark.parametrize(
    ("step", "possible"),
    [("begun", {OLD}), ("sent", {OLD, NEW}), ("answered", {NEW})],
    ids=["begun", "sent", "answered"],
)
@pytest.mark.negative(60)
def test_killed_at_a_step_both_open_and_the_one_that_the_server_knows_settles_it(
    step: str, possible: set[str], joined: Joined
) -> None:
    ended = _change_in_a_process(joined.directory, step)
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, ""), ended.stderr
    assert joined.opens(OLD)
    assert joined.opens(NEW)
    # The one that is less likely first: to be refused settles nothing.
    first, second = (NEW, OLD) if possible == {OLD} else (OLD, NEW)
    outcome = joined.comes_in(first)
    known = first if outcome == "in" else second
    assert known in possible
    assert outcome in ("in", "vault.change_pending")
    assert joined.comes_in(known) == "in"
    assert (joined.opens(OLD), joined.opens(NEW)) == (known == OLD, known == NEW)


def _change_in_a_process(directory: Path, step: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.client.crashing_passwd", str(directory), OLD, NEW, step],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_person_who_is_there_is_asked_for_the_passphrase_when_the_session_has_ended(joined: Joined) -> None:
    log_out(joined, OLD)
    with TestClient(joined.open(OLD), connects=False) as client:
        needed = client.wait_for(PassphraseNeeded)
        assert needed.error.code == "auth.token_unknown"
        client.core.give_passphrase("surely not this")
        assert client.wait_for(PassphraseNeeded).error.code == "auth.failed"
        client.core.give_passphrase(OLD)
        assert not client.wait_for(Connected).resumed
