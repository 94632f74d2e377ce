"""The line client on a real server, at a real terminal: new lines, broken networks, kicks, refusals."""

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from secure_chat.exit_codes import ExitCode
from secure_chat.limits import LEAVE_SECONDS, MAX_TEXT_BYTES
from secure_chat.protocol.states import Role
from tests.client.line.typist import Typist
from tests.support.client_people import TestClient, vault_of
from tests.support.cutting_proxy import CuttingProxy
from tests.support.installation import HOST, Installation, ServerProcess
from tests.support.wire_client import WireClient, client_id

ALICES = [f"alice-{letter}{letter}" for letter in "abcdefg"]
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    made = Installation(tmp_path_factory.mktemp("server"))
    made.seed([*ALICES, "bob"], ["dev"])
    made.seed(["chief"], ["dev"], role=Role.ADMINISTRATOR)
    return made


@pytest.fixture(scope="module")
def server(installation: Installation) -> Iterator[ServerProcess]:
    with installation.start() as running:
        yield running


class Home:
    """Where one seeded person has a vault."""

    def __init__(self, installation: Installation, name: str, directory: Path, port: int | None = None) -> None:
        self.name = name
        self.directory = directory / name
        vault_of(installation, installation.people[name], self.directory, port=port).close()

    @contextmanager
    def at_terminal(self) -> Iterator[Typist]:
        """Her line client, at its prompt."""
        arguments = ("-m", "tests.client.line.line_process", str(self.directory))
        with Typist(arguments, columns=160) as typist:
            typist.is_at("#lobby >")
            yield typist

    def leaves(self, typist: Typist) -> None:
        typist.enter("/quit")
        assert typist.ends() == ExitCode.OK


_unused = iter(ALICES)
MakeHome = Callable[..., Home]


@pytest.fixture
def home(installation: Installation, server: ServerProcess, tmp_path: Path) -> MakeHome:
    assert server.pid

    def make(port: int | None = None) -> Home:
        return Home(installation, next(_unused), tmp_path, port)

    return make


@pytest.fixture
def bob(installation: Installation, server: ServerProcess) -> Iterator[WireClient]:
    assert server.pid
    with installation.connect_as("bob") as client:
        yield client


def says(client: WireClient, room: str, text: str) -> None:
    client.post(room, text, client_id(int(time.time()), next(_numbers)))


# --- what is new ---------------------------------------------------------------------------------


def test_the_unread_divider_survives_a_restart(home: MakeHome, bob: WireClient) -> None:
    her = home()
    with her.at_terminal() as alice:
        says(bob, "dev", "seen before")
        alice.sees("bob: seen before")
        her.leaves(alice)
    says(bob, "dev", "new one")
    says(bob, "dev", "new two")
    with her.at_terminal() as alice:
        alice.sees(r"^\* #dev · 2 new since \d\d:\d\d$")
        alice.sees("bob: new two")
        assert not [row for row in alice.everything if "seen before" in row]
        os.kill(alice.process.pid, signal.SIGKILL)  # before she has done anything
        alice.ends()
    with her.at_terminal() as alice:
        alice.sees(r"^\* #dev · 2 new since \d\d:\d\d$")
        her.leaves(alice)
    with her.at_terminal() as alice:
        assert not [row for row in alice.everything if " new since " in row]
        her.leaves(alice)


def test_what_was_typed_is_there_at_the_next_start(home: MakeHome) -> None:
    her = home()
    with her.at_terminal() as alice:
        alice.enter("/topic")
        alice.sees("has no topic")
        alice.type("half a line")
        alice.is_at("#lobby > half a line")
        alice.signal(signal.SIGTERM)
        assert alice.ends() == ExitCode.INTERRUPTED
    arguments = ("-m", "tests.client.line.line_process", str(her.directory))
    with Typist(arguments) as alice:
        alice.is_at("#lobby > half a line")
        alice.type("\x03")
        alice.is_at("#lobby >")
        alice.type("\x1b[A")
        alice.is_at("#lobby > /topic")


# --- networks that break -------------------------------------------------------------------------


def test_lines_typed_while_offline_wait_and_go_out_once(home: MakeHome, server: ServerProcess, bob: WireClient) -> None:
    bob.open("lobby")
    with CuttingProxy(HOST, server.port) as proxy, home(proxy.port).at_terminal() as alice:
        proxy.refuse()
        proxy.cut()
        alice.sees(r"You are offline since \d\d:\d\d, trying again in \d+ s\. \[net\.")
        for text in ("first waits", "second waits"):
            alice.enter(text)
            alice.sees(rf"^\* no connection, waits to be sent: #lobby {text}$")
        alice.sees(r"^#lobby \(offline.*, 2 lines wait\) >$")
        proxy.allow()
        alice.sees(r"^\* back: connected to .* again after \d+ s; 2 waiting lines go out now$")
        alice.sees("^..:.. #lobby alice-..: second waits$")
        alice.is_at("#lobby >")
        drawn = [row[-12:] for row in alice.everything if row.endswith("waits") and "alice" in row]
        assert drawn == [" first waits", "second waits"]
        alice.enter("/quit")
        assert alice.ends() == ExitCode.OK


def test_who_quits_on_a_dead_link_does_not_wait_and_is_told_what_was_not_sent(
    home: MakeHome, server: ServerProcess
) -> None:
    with home().at_terminal() as alice:
        os.kill(server.pid, signal.SIGSTOP)  # the link stands, and nobody answers
        try:
            alice.enter("into the void")
            begun = time.monotonic()
            alice.enter("/quit")
            code = alice.ends()
            took = time.monotonic() - begun
        finally:
            os.kill(server.pid, signal.SIGCONT)
        assert code == ExitCode.PARTLY_SENT
        assert alice.everything[-3:-1] == ["! 1 line was not sent:", "  #lobby into the void"]
        assert took < 10 * LEAVE_SECONDS  # of a machine that may be busy


# --- what others do ------------------------------------------------------------------------------


def test_who_is_kicked_is_told_by_whom_and_why(home: MakeHome, installation: Installation, tmp_path: Path) -> None:
    her = home()
    chief = TestClient(vault_of(installation, installation.people["chief"], tmp_path / "chief"))
    with her.at_terminal() as alice, chief:
        alice.enter("/go dev")
        alice.is_at("#dev >")
        chief.core.kick("dev", her.name, "\x1b[2Jenough")
        alice.sees(rf"^..:.. #dev · chief removed {her.name}: enough$")
        alice.sees("^! you were removed from #dev$")
        alice.is_at("(nowhere) >")
        alice.enter("what I think of it")
        alice.sees(r"You are not in #dev any more, where this was begun")
        alice.sees(r"\[room\.none\]$")
        alice.type("\x03")
        alice.enter("/go lobby")
        alice.is_at("#lobby >")
        alice.enter(f"/kick {her.name}")
        alice.sees(r"\[permission\.denied\]$")
        her.leaves(alice)


# --- what the server refuses or changes ----------------------------------------------------------


def test_a_text_that_is_changed_or_too_long_is_told(home: MakeHome) -> None:
    her = home()
    with her.at_terminal() as alice:
        alice.enter("a\u202eb")
        alice.sees(r"^\* made safe to show, what was sent instead: a\ufffdb \[text\.changed\]$")
        alice.sees(f"#lobby {her.name}: a\ufffdb$")
        alice.type(f"\x1b[200~{'x' * (MAX_TEXT_BYTES + 1)}\x1b[201~")
        alice.enter("")
        alice.sees(r"the limit is 8,192")
        alice.sees("xxxx$")
        alice.type("\x03")
        alice.is_at("#lobby >")
        her.leaves(alice)


def test_a_room_is_made_found_and_left(home: MakeHome) -> None:
    her = home()
    with her.at_terminal() as alice:
        alice.enter("/join workshop --create")
        alice.is_at("#workshop >")
        alice.enter("a word to be found")
        alice.sees(f"#workshop {her.name}: a word to be found")
        alice.enter("/join workshp")
        alice.sees(r"^! No room #workshp\. Did you mean #workshop\?")
        alice.enter("/search found in:#workshop")
        alice.sees(r"^#workshop 2  \d{4}-\d\d-\d\d \d\d:\d\d ")
        alice.enter("/history")
        alice.sees(r"^\* that is the beginning$")
        alice.enter("/leave")
        alice.is_at("#lobby >")
        her.leaves(alice)
