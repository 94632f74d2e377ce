"""A person's own machine: a home in which nothing is known, the client's commands as processes, the line client."""

import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Final

import pytest

from secure_chat.client.main import main
from tests.support.cheap_client import CHEAP_CLIENT, vaults_below_the_floor
from tests.support.client_people import cheap_login_derivation
from tests.support.command import PATIENCE_SECONDS, home
from tests.support.pseudo_terminal import COLUMNS, TerminalProcess
from tests.tools.calls import ROOT, Done

CLIENT: Final = CHEAP_CLIENT
PASSPHRASE: Final = "correct horse battery staple"


class Machine:
    """One person's machine. `passphrase`: lies in a private file that the client is told of, unless it is typed."""

    def __init__(self, directory: Path, passphrase: str = PASSPHRASE) -> None:
        self.home = directory
        self.home.mkdir(mode=0o700)
        self.passphrase = passphrase
        self.passphrase_file = self.home / "passphrase"
        self.passphrase_file.write_text(f"{passphrase}\n", encoding="utf-8")
        self.passphrase_file.chmod(0o600)

    @property
    def data(self) -> Path:
        """Where the client keeps profiles."""
        return self.home / ".local" / "share" / "secure-chat"

    def environment(self, *, at_hand: bool = True, **more: str) -> dict[str, str]:
        """All that the client sees of this machine. `at_hand`: the passphrase need not be typed."""
        file = {"SECURE_CHAT_PASSPHRASE_FILE": str(self.passphrase_file)} if at_hand else {}
        path = f"{ROOT}{os.pathsep}{ROOT / 'tools'}"
        return home(self.home, PYTHONPATH=path, LC_ALL="C.UTF-8", TZ="UTC", **file, **more)

    def run(self, *arguments: str, typed: str = "", at_hand: bool = True) -> Done:
        """A command of the client to its end, `typed` on its standard input."""
        with self.started(*arguments, typed=typed, at_hand=at_hand) as process:
            stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
        return Done(process.returncode, stdout, stderr)

    def call(self, *arguments: str) -> Done:
        """The same in this process, which need not be started; not for a command that makes or changes a vault."""
        output, talk = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
        with self._instead_of_a_process(), redirect_stdout(output), redirect_stderr(talk):
            code = main(arguments)
        return Done(code, *(stream.buffer.getvalue().decode("utf-8") for stream in (output, talk)))

    @contextmanager
    def _instead_of_a_process(self) -> Iterator[None]:
        """This process sees of the world what a process of this machine would see."""
        with ExitStack() as stack:
            stack.callback(time.tzset)
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            for name in list(os.environ):
                patch.delenv(name)
            for name, value in self.environment().items():
                patch.setenv(name, value)
            time.tzset()
            patch.chdir(self.home)
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
            stack.enter_context(vaults_below_the_floor())
            stack.enter_context(cheap_login_derivation())
            yield

    def done(self, *arguments: str) -> Done:
        """The same for a command that must succeed."""
        done = self.call(*arguments)
        assert done.returncode == 0, done.stderr
        return done

    @contextmanager
    def started(self, *arguments: str, typed: str = "", at_hand: bool = True) -> Iterator[subprocess.Popen[str]]:
        """A command of the client that runs on; killed at the end of the block if it still does."""
        process = subprocess.Popen(
            [*CLIENT, *arguments],
            cwd=self.home,
            env=self.environment(at_hand=at_hand),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        try:
            assert process.stdin is not None
            process.stdin.write(typed)
            process.stdin.flush()
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=PATIENCE_SECONDS)

    def join(self, link: str, name: str) -> Done:
        """Make an account, everything typed."""
        return self.run("join", typed=f"{link}\n{name}\n{self.passphrase}\n{self.passphrase}\n", at_hand=False)

    def at_terminal(
        self, *arguments: str, at_hand: bool = True, columns: int = COLUMNS, term: str = "xterm", **more: str
    ) -> TerminalProcess:
        """The line client, or a command, at a terminal; uncoloured unless `NO_COLOR` is said to be empty."""
        environment = self.environment(at_hand=at_hand, **{"TERM": term, "NO_COLOR": "1", **more})
        return TerminalProcess([*CLIENT, *arguments], environment, self.home, columns=columns)
