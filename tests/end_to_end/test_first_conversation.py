"""The README's first conversation, word for word: an empty directory, an empty home, two people at two terminals."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from secure_chat.exit_codes import ExitCode
from tests.client.line.typist import Typist
from tests.end_to_end.conversation import LINK, blocks_of_readme, evened_out, golden
from tests.support.command import PATIENCE_SECONDS, home

PASSPHRASE = "correct horse battery staple"
COLUMNS = 400  # no line of the transcript is folded
PROGRAMS = Path(sys.executable).parent  # where an installation puts the commands


class Place:
    """An empty directory with an empty home, where the four commands are on the path."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "empty"
        for path in (self.directory, directory / "home"):
            path.mkdir(mode=0o700)
        self.environment = {
            **home(directory / "home", LANG="C.UTF-8", LC_ALL="C.UTF-8", TZ="UTC", TERM="xterm-256color"),
            "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
            # The README says nothing of it: two servers on one machine cannot have the same port.
            "SECURE_CHAT_SERVER_LISTEN_PORT": "0",
            "NO_COLOR": "1",
        }

    def terminal(self, command: str) -> Typist:
        """A terminal in which the command is typed."""
        return Typist(
            ("-c", "import os, sys; os.execvp('sh', ['sh', '-c', sys.argv[1]])", command),
            environment=self.environment,
            directory=self.directory,
            columns=COLUMNS,
        )


class Serving:
    """`secure-chat-server quickstart`, and what it printed until it was ready."""

    def __init__(self, place: Place) -> None:
        self.process = subprocess.Popen(
            ["sh", "-c", "exec secure-chat-server quickstart"],
            cwd=place.directory,
            env=place.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        self.printed = ""
        for line in self.process.stdout:
            self.printed += line
            if line.startswith("secure-chat-server ready "):
                break

    def end(self) -> int:
        self.process.terminate()
        self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def server(place: Place) -> Iterator[Serving]:
    serving = Serving(place)
    yield serving
    assert serving.end() == ExitCode.OK


def link_in(text: str) -> str:
    match = re.search(r"secure-chat://\S+?(?='|$)", text, re.MULTILINE)
    assert match is not None, text
    return match[0]


def transcript(command: str, terminal: Typist) -> str:
    return evened_out("\n".join([f"$ {command}", *terminal.everything]))


def join(terminal: Typist, name: str) -> None:
    terminal.is_at("User name:")
    terminal.enter(name)
    terminal.is_at("Passphrase:")
    terminal.enter(PASSPHRASE)
    terminal.is_at("again:")
    terminal.enter(PASSPHRASE)
    terminal.is_at("#lobby >")


def test_the_readme_shows_what_happens(place: Place, server: Serving) -> None:
    """Both transcripts are held equal to the golden ones, and those to the README's blocks."""
    assert evened_out(f"$ secure-chat-server quickstart\n{server.printed}") == golden("server")
    alices_command = f"secure-chat join '{link_in(server.printed)}'"
    with place.terminal(alices_command) as alice:
        join(alice, "alice")
        invited = subprocess.run(
            ["sh", "-c", "secure-chat-admin invite create"],
            cwd=place.directory,
            env=place.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=True,
        )
        assert evened_out(f"$ secure-chat-admin invite create\n{invited.stdout}{invited.stderr}") == golden("invite")
        bobs_command = f"secure-chat join '{link_in(invited.stdout)}'"
        with place.terminal(bobs_command) as bob:
            join(bob, "bob")
            alice.sees("#lobby · bob joined$")
            bob.enter("hello, is anybody here?")
            alice.sees("#lobby bob: hello, is anybody here")
            alice.enter("@bob welcome!")
            bob.sees("#lobby alice: @bob welcome!")
            bob.enter("/me waves")
            alice.sees(r"#lobby \* bob waves$")
            alice.enter("/users")
            alice.sees("  bob +member +online$")
            bob.enter("/quit")
            assert bob.ends() == ExitCode.OK
            shown_to_bob = transcript(bobs_command, bob)
        alice.is_at("#lobby >")
        alice.enter("!exit")
        assert alice.ends() == ExitCode.OK
        shown_to_alice = transcript(alices_command, alice)
    assert shown_to_alice == golden("alice")
    assert shown_to_bob == golden("bob")
    assert PASSPHRASE not in alice.text + bob.text


@pytest.mark.parametrize("name", ["server", "alice", "invite", "bob"])
def test_the_blocks_of_the_readme_are_the_golden_transcripts(name: str) -> None:
    assert blocks_of_readme()[name] == golden(name)


def test_the_golden_transcripts_are_as_they_are_each_time() -> None:
    for name in ("server", "alice", "invite", "bob"):
        assert evened_out(golden(name)) == golden(name)
    assert LINK in golden("alice")


# --- what a person does the next day -------------------------------------------------------------


def test_whoever_has_seen_enough_of_the_output_is_not_complained_to(place: Place, server: Serving) -> None:
    with place.terminal(f"secure-chat join --once '{link_in(server.printed)}'") as alice:
        alice.is_at("User name:")
        alice.enter("alice")
        alice.is_at("Passphrase:")
        alice.enter(PASSPHRASE)
        alice.is_at("again:")
        alice.enter(PASSPHRASE)
        assert alice.ends() == ExitCode.OK
    secret = place.directory / "passphrase"
    secret.write_text(f"{PASSPHRASE}\n", encoding="utf-8")
    secret.chmod(0o600)
    done = subprocess.run(
        ["sh", "-c", "yes hello | head -n 100 | secure-chat --passphrase-file passphrase | head -n 1"],
        cwd=place.directory,
        env=place.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert evened_out(done.stdout) == "* connected to localhost:7443, TLS 1.3, certificate as invited\n"
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_a_changed_passphrase_is_the_one_that_opens_the_profile(place: Place, server: Serving) -> None:
    with place.terminal(f"secure-chat join '{link_in(server.printed)}'") as alice:
        join(alice, "alice")
        alice.enter("/passwd")
        for prompt, typed in (
            ("Passphrase until now:", PASSPHRASE),
            ("New passphrase:", "another horse"),
            ("New passphrase again:", "another horse"),
        ):
            alice.is_at(prompt)
            alice.enter(typed)
        alice.sees(r"^\* the passphrase is changed; your other devices must log in anew$")
        alice.enter("/quit")
        assert alice.ends() == ExitCode.OK
        assert "horse" not in alice.text
    with place.terminal("secure-chat") as alice:
        alice.sees("^Passphrase of alice@localhost:[0-9]+:$")
        alice.enter(PASSPHRASE)
        alice.sees("does not open")
        alice.enter("another horse")
        alice.is_at("#lobby >")
        alice.type("\x04")
        assert alice.ends() == ExitCode.OK
