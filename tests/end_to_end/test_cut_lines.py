"""Two people type while the network between them and the server breaks again and again."""

import copy
import random
import re
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path

import pexpect

from secure_chat.protocol import events as e
from tests.features.machine import CLIENT, Machine
from tests.features.team import give_profile
from tests.support.command import PATIENCE_SECONDS
from tests.support.cutting_proxy import CuttingProxy
from tests.support.installation import HOST, Installation
from tests.support.terminal import COLUMNS, ROWS, leave

LINES = 200
CUTS = 50
NEWEST = 20_000  # characters, of which a line is a small part
SAID = re.compile(r"(?:alice|bob): (?:alice|bob) line \d+(?=\n)")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\r")


class Typist(threading.Thread):
    """Types two hundred lines, and reads what the terminal shows until both last lines are there."""

    def __init__(self, terminal: "pexpect.spawn[str]", name: str, other: str) -> None:
        super().__init__(name=f"typist-{name}")
        self._terminal = terminal
        self._name = name
        self._last_lines = [f"{who}: {who} line {LINES - 1}" for who in (name, other)]
        self._shown = ""

    @property
    def screen(self) -> str:
        """All that was shown so far, without colours and movements."""
        return ESCAPES.sub("", self._shown)

    def run(self) -> None:
        for count in range(LINES):
            self._terminal.sendline(f"{self._name} line {count}")
            self._read(random.uniform(0, 0.12))
        missing = [line for line in self._last_lines if line not in self.screen]
        while missing:
            if not self._read(PATIENCE_SECONDS):
                return  # the assertions on the screen say what is missing
            newest = ESCAPES.sub("", self._shown[-NEWEST:])
            missing = [line for line in missing if line not in newest]

    def _read(self, seconds: float) -> bool:
        something = self._terminal.expect([pexpect.TIMEOUT, r".+"], timeout=seconds) == 1
        if something:
            self._shown += str(self._terminal.after)
        return something


def open_line_client(installation: Installation, name: str) -> "pexpect.spawn[str]":
    """The line client of a seeded person in a terminal of its own."""
    machine = Machine(installation.directory / f"home-of-{name}")
    give_profile(installation, installation.people[name], machine)
    environment = machine.environment(TERM="xterm-256color")
    terminal: pexpect.spawn[str] = pexpect.spawn(
        CLIENT[0],
        list(CLIENT[1:]),
        env=environment,
        encoding="utf-8",
        timeout=PATIENCE_SECONDS,
        dimensions=(ROWS, COLUMNS),
    )
    return terminal


def test_every_line_arrives_once_in_the_order_typed_through_fifty_cuts(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    installation.seed(["alice", "bob", "auditor"])
    with installation.start(), CuttingProxy(HOST, installation.port) as proxy:
        behind_it = copy.copy(installation)
        behind_it.port = proxy.port
        with (
            closing(open_line_client(behind_it, "alice")) as first,
            closing(open_line_client(behind_it, "bob")) as second,
        ):
            for terminal in (first, second):
                terminal.expect_exact("#lobby")
            typists = [Typist(first, "alice", "bob"), Typist(second, "bob", "alice")]
            for typist in typists:
                typist.start()
            for _ in range(CUTS):
                threading.Event().wait(random.uniform(0.1, 0.6))
                proxy.cut()
            for typist in typists:
                typist.join()
            for terminal in (first, second):
                assert leave(terminal) == 0
        with installation.connect_as("auditor") as auditor:
            events = list(auditor.pages("lobby", 1, auditor.open("lobby").head))
    for name in ("alice", "bob"):
        said = [event.text for event in events if isinstance(event, e.Message) and event.sender == name]
        assert said == [f"{name} line {count}" for count in range(LINES)]
    for typist in typists:
        assert "offline" in typist.screen
        assert "back" in typist.screen
        shown = Counter(SAID.findall(typist.screen))
        assert shown == Counter(f"{who}: {who} line {count}" for who in ("alice", "bob") for count in range(LINES))
