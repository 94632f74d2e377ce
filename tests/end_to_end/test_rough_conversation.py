"""Two people write each other over a bad network, while both programs and the server are killed at random moments."""

import os
import random
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from secure_chat.client.direct.events import MessageKind
from secure_chat.client.vault.sealed import SealedVault
from tests.architecture.source import ROOT
from tests.end_to_end.direct_writer import rows, said_by
from tests.support.client_people import PASSPHRASE, vault_of
from tests.support.installation import HOST, Installation, ServerProcess
from tests.support.rough_network import RoughNetwork
from tests.support.running_core import eventually

NAMES = ("alice", "bob")
LONGEST_AFTER_SECONDS = 0.5  # a kill need not follow a lost connection
DEADLINE_SECONDS = 120.0  # of the last, undisturbed part in CI


@dataclass(slots=True)
class Writer:
    """One person's program, which is started again after it was killed."""

    name: str
    peer: str
    vault: Path
    count: int
    process: "subprocess.Popen[str] | None" = None
    kills: int = 0
    complaints: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Let it go on."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.end_to_end.direct_writer", str(self.vault), self.peer, str(self.count)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tools'}"},
            stderr=subprocess.PIPE,
            text=True,
        )

    def kill(self) -> None:
        """As a power cut does, unless it is done already."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.kill()
            self.kills += 1
        self._collect()

    def finish(self, seconds: float) -> None:
        """Wait until everything is written and read."""
        assert self.process is not None
        try:
            self.process.wait(seconds)
        finally:
            self.process.kill()
            self._collect()

    def _collect(self) -> None:
        assert self.process is not None
        _, errors = self.process.communicate()
        if errors:
            self.complaints.append(errors)


def write_to_each_other(directory: Path, count: int, kills: int, patience: float) -> None:
    """`kills` times one of the three is killed and started again, each as often; then everybody may finish."""
    installation = Installation(directory)
    people = installation.seed(NAMES)
    server = installation.start()
    try:
        with RoughNetwork(HOST, installation.port) as network:
            writers: list[Writer] = []
            for person, peer in zip(people, reversed(NAMES), strict=True):
                vault = directory / f"vault-{person.name}"
                vault_of(installation, person, vault, port=network.port).close()
                writers.append(Writer(person.name, peer, vault, count))
                writers[-1].start()
            for number in range(kills):
                wait_for_a_loss(network, writers)
                threading.Event().wait(random.uniform(0, LONGEST_AFTER_SECONDS))
                victims: list[Writer | ServerProcess] = [server, *writers]
                server = kill_one(victims[number % len(victims)], server, installation)
            network.calm_down()
            for writer in writers:
                writer.finish(patience)
                assert writer.complaints == []
                assert writer.process is not None
                assert writer.process.returncode == 0
            assert network.lost > 0
    finally:
        server.kill()
    for writer in writers:
        check(writer)


def wait_for_a_loss(network: RoughNetwork, writers: list[Writer]) -> None:
    """One more connection is lost, or somebody's program has ended by itself: then none may be lost any more."""
    before, programs = network.lost, [writer.process for writer in writers if writer.process is not None]
    eventually(
        lambda: network.lost > before or any(program.poll() is not None for program in programs),
        "the network loses a connection",
    )


def kill_one(victim: Writer | ServerProcess, server: ServerProcess, installation: Installation) -> ServerProcess:
    """Kill one of them and start it again; the server that runs now."""
    victim.kill()
    if isinstance(victim, Writer):
        victim.start()
        return server
    return installation.start()


def check(writer: Writer) -> None:
    """The conversation as it is kept: each message once, in order, and nothing that could not be read."""
    with SealedVault(writer.vault).unlock(PASSPHRASE) as vault:
        kept = rows(vault, writer.peer)
    assert [row for row in kept if row.kind is not MessageKind.TEXT] == []
    for name, own in ((writer.name, True), (writer.peer, False)):
        assert [row.text for row in kept if row.own is own] == [said_by(name, each) for each in range(writer.count)]


def test_messages_over_a_bad_network_are_readable_once_and_in_order_though_all_are_killed(tmp_path: Path) -> None:
    write_to_each_other(tmp_path, count=100, kills=3, patience=DEADLINE_SECONDS)


@pytest.mark.long
def test_two_thousand_messages_over_a_bad_network_are_readable_once_and_in_order(tmp_path: Path) -> None:
    write_to_each_other(tmp_path, count=2000, kills=60, patience=1800)
