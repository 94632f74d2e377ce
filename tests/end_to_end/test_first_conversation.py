"""The README's first conversation, word for word: an empty directory, an empty home, two people at two terminals."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from secure_chat.exit_codes import ExitCode
from tests.client.line.typist import Typist
from tests.end_to_end.conversation import LINK, blocks_of_readme, evened_out, golden
from tests.features.team import ADMIN
from tests.support.command import PATIENCE_SECONDS, home

PASSPHRASE = "correct horse battery staple"
TERMINALS = ("server", "alice", "invite", "bob", "back")
COLUMNS = 400  # no line of the transcript is folded
BACK = "secure-chat --profile bob"  # both have their profiles below one home here
PROGRAMS = Path(sys.executable).parent  # where an installation puts the commands


class Place:
    """An empty directory with an empty home, where the four commands are on the path."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.home = directory / "empty", directory / "home"
        for path in (self.directory, self.home):
            path.mkdir(mode=0o700)
        self.environment = {
            **home(self.home, LANG="C.UTF-8", LC_ALL="C.UTF-8", TZ="UTC", TERM="xterm-256color"),
            "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
            # The README says nothing of it: two servers on one machine cannot have the same port.
            "SECURE_CHAT_SERVER_LISTEN_PORT": "0",
            # Nor that who leaves counts as online for half a minute. Not at once either: between joining and the prompt
            # somebody is away for a moment, of which the others must not be told.
            "SECURE_CHAT_SERVER_PRESENCE_GRACE_SECONDS": "3",
            "NO_COLOR": "1",
        }

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """A command to its end, without a terminal."""
        return subprocess.run(
            ["sh", "-c", command],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=True,
        )

    def count_as_offline(self, name: str) -> None:
        """End the session of somebody who has gone: counts as offline from now on, not some seconds later."""
        done = ADMIN.run(self.home, "user", "logout", name, "--yes")
        assert done.returncode == ExitCode.OK, done.stderr

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


@dataclass(slots=True)
class Conversation:
    """The first conversation has been; its server still runs. `shown`: what each terminal showed, by its name."""

    place: Place
    shown: dict[str, str]
    written: str  # every byte of the two clients


def talk(place: Place, server: Serving) -> Conversation:
    shown = {"server": evened_out(f"$ secure-chat-server quickstart\n{server.printed}")}
    alices_command = f"secure-chat join '{link_in(server.printed)}'"
    with place.terminal(alices_command) as alice:
        join(alice, "alice")
        invited = place.run("secure-chat-admin invite create")
        shown["invite"] = evened_out(f"$ secure-chat-admin invite create\n{invited.stdout}{invited.stderr}")
        bobs_command = f"secure-chat join '{link_in(invited.stdout)}'"
        with place.terminal(bobs_command) as bob:
            join(bob, "bob")
            alice.sees("#lobby · bob joined$")
            bob.enter("hello, is anybody here?")
            alice.sees("#lobby bob: hello, is anybody here")
            alice.enter("@bob welcome!")
            bob.sees("#lobby alice: @bob welcome!")
            bob.enter("/me waves")
            for person in (alice, bob):
                person.sees(r"#lobby \* bob waves$")
            alice.enter("/users")
            alice.sees("  bob +member +online$")
            bob.enter("/msg alice can you keep a secret?")
            alice.sees(r"\[bob, end-to-end, unverified\] bob: can you keep a secret\?$")
            alice.enter("/reply better than the server, which cannot read this")
            bob.sees(r"\[alice, end-to-end, unverified\] alice: better than the server, which cannot read this$")
            bob.enter("/quit")
            assert bob.ends() == ExitCode.OK
            shown["bob"] = transcript(bobs_command, bob)
        alice.sees(r"^\* bob is offline$")
        alice.enter("/msg bob")
        alice.is_at("bob (end-to-end) >")
        alice.enter("the keys are with the neighbour")
        alice.sees("it waits at the server, which cannot read it$")
        alice.enter("!exit")
        assert alice.ends() == ExitCode.OK
        shown["alice"] = transcript(alices_command, alice)
    place.count_as_offline("alice")
    with place.terminal(BACK) as again:
        again.sees("^Passphrase of bob@localhost:[0-9]+:$")
        again.enter(PASSPHRASE)
        again.sees("alice: the keys are with the neighbour$")
        again.is_at("#lobby >")
        again.enter("/reply found them")
        again.sees("bob: found them$")
        again.sees("alice is offline: it waits at the server, which cannot read it$")
        again.enter("/quit")
        assert again.ends() == ExitCode.OK
        shown["back"] = transcript(BACK, again)
    return Conversation(place, shown, alice.text + bob.text + again.text)


@pytest.fixture(scope="module")
def conversation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Conversation]:
    place = Place(tmp_path_factory.mktemp("first"))
    server = Serving(place)
    try:
        yield talk(place, server)
    finally:
        code = server.end()
    assert code == ExitCode.OK


@pytest.mark.parametrize("name", TERMINALS)
def test_each_terminal_shows_what_the_golden_transcript_says(conversation: Conversation, name: str) -> None:
    assert conversation.shown[name] == golden(name)


def test_no_passphrase_is_on_any_screen(conversation: Conversation) -> None:
    assert PASSPHRASE not in conversation.written


@pytest.mark.parametrize("name", TERMINALS)
def test_the_blocks_of_the_readme_are_the_golden_transcripts(name: str) -> None:
    assert blocks_of_readme()[name] == golden(name)


def test_the_golden_transcripts_are_as_they_are_each_time() -> None:
    for name in TERMINALS:
        assert evened_out(golden(name)) == golden(name)
    assert LINK in golden("alice")
