"""People at real terminals: a home of their own, the client's commands as processes, the line client in a pty."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pexpect

from tests.support.cheap_client import CHEAP_CLIENT
from tests.support.command import PATIENCE_SECONDS, home

CLIENT: Final = CHEAP_CLIENT
ROWS, COLUMNS = 40, 200  # wide, so that no line of a test is folded


class PersonAtTerminal:
    """Somebody with an empty home below `directory`."""

    def __init__(self, directory: Path, name: str, passphrase: str = "correct horse battery staple") -> None:
        self.name = name
        self.passphrase = passphrase
        self.home = directory / f"home-of-{name}"
        self.home.mkdir()
        self.passphrase_file = self.home / "passphrase"
        self.passphrase_file.write_text(passphrase + "\n", encoding="utf-8")
        self.passphrase_file.chmod(0o600)

    def run(
        self, *arguments: str, typed: str = "", timeout: float = PATIENCE_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """A one-shot command with the passphrase at hand; never raises for its exit code."""
        command = [*CLIENT, "--passphrase-file", str(self.passphrase_file), *arguments]
        return subprocess.run(
            command, input=typed, env=home(self.home), capture_output=True, text=True, timeout=timeout, check=False
        )

    def join(self, link: str) -> subprocess.CompletedProcess[str]:
        """Make the account, answers from standard input."""
        lines = f"{link}\n{self.name}\n{self.passphrase}\n{self.passphrase}\n"
        command = [*CLIENT, "join"]
        done = subprocess.run(
            command,
            input=lines,
            env=home(self.home),
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done

    def open_line_client(self, *arguments: str) -> "pexpect.spawn[str]":
        """The line client in a terminal of its own, at its prompt or on the way there."""
        return self.spawn([*CLIENT, "--passphrase-file", str(self.passphrase_file), *arguments])

    def spawn(self, command: Sequence[str]) -> "pexpect.spawn[str]":
        """Any command in a terminal."""
        environment = {**home(self.home), "TERM": "xterm-256color"}
        terminal: pexpect.spawn[str] = pexpect.spawn(
            command[0],
            list(command[1:]),
            env=environment,
            encoding="utf-8",
            timeout=PATIENCE_SECONDS,
            dimensions=(ROWS, COLUMNS),
        )
        return terminal


def leave(terminal: "pexpect.spawn[str]") -> int:
    """Type /quit; returns the exit code."""
    terminal.sendline("/quit")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus is not None
    return terminal.exitstatus
