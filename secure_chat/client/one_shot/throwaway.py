"""A server and people for a demonstration: real processes below one directory that is gone at the end."""

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final, TypeVar

from secure_chat.errors import InternalError

PATIENCE_SECONDS: Final = 60.0
_OWN_SETTINGS: Final = ("SECURE_CHAT_", "XDG_")  # of the person who looks on: none of them counts here
_CLIENT: Final = "secure_chat.client.main"
_SERVER: Final = "secure_chat.server.main"
_PLACES: Final = ("--data", "var", "--certs", "certs", "--port", "0", "--quiet", "--json")

Thing = TypeVar("Thing")


class Interruptions:
    """Ctrl-C, a kill, a closed window: `KeyboardInterrupt`, though not while something begins or is cleared away."""

    def __init__(self) -> None:
        self._are_held = False
        self._one_came = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._interrupt)

    @contextmanager
    def lasting(self, begin: Callable[[], Thing], end: Callable[[Thing], None]) -> Iterator[Thing]:
        """A thing until the end of the block. Interrupted in its making, nobody would know what there is to end."""
        self._are_held = True
        try:
            thing = begin()
        except BaseException:
            self._are_held = False
            raise
        try:
            self._let_through()
            yield thing
        finally:
            self._are_held = True
            end(thing)
            self._let_through()

    def _let_through(self) -> None:
        self._are_held = False
        if self._one_came:
            self._one_came = False
            raise KeyboardInterrupt

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if not self._are_held:
            raise KeyboardInterrupt
        self._one_came = True


@dataclass(frozen=True, slots=True)
class Stage:
    """A private directory for everybody, and whoever may interrupt."""

    directory: Path
    interruptions: Interruptions

    def home(self, name: str) -> Path:
        """A new home in which nothing is known."""
        home = self.directory / name
        home.mkdir(mode=0o700)
        return home

    @contextmanager
    def process(self, home: Path, module: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
        """A command, which is ended with the block if it has not ended before."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OWN_SETTINGS)}
        environment: Mapping[str, str] = {**kept, "HOME": str(home)}

        def begin() -> "subprocess.Popen[str]":
            return subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=home,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,  # Ctrl-C is for the demonstration, which ends everything in order
            )

        with self.interruptions.lasting(begin, _end) as process:
            yield process


@contextmanager
def stage() -> Iterator[Stage]:
    """A stage until the end of the block, and then nothing of it."""
    interruptions = Interruptions()

    def begin() -> "tempfile.TemporaryDirectory[str]":
        return tempfile.TemporaryDirectory(prefix="secure-chat-demo-")

    with interruptions.lasting(begin, lambda directory: directory.cleanup()) as directory:
        yield Stage(Path(directory.name), interruptions)


@dataclass(frozen=True, slots=True)
class Server:
    """A server that is ready."""

    data: Path
    link: str  # works once

    def files(self) -> list[Path]:
        """Everything that it has written: database, write-ahead log, log."""
        return sorted(path for path in self.data.rglob("*") if path.is_file())


@contextmanager
def running_server(on: Stage) -> Iterator[Server]:
    """A server on a free port of loopback until the end of the block. Raises `InternalError` if it does not start."""
    home = on.home("server")
    with on.process(home, _SERVER, "quickstart", *_PLACES) as process:
        link = ""
        for line in process.stdout or ():
            said = json.loads(line)
            link = said.get("link", link)
            if said["event"] == "ready":
                break
        else:
            _, errors = process.communicate()
            raise InternalError(f"The server of the demonstration did not start: {errors.strip()}")
        yield Server(home / "var", link)


class Person:
    """Somebody with a home of their own and a passphrase that nobody has to remember."""

    def __init__(self, on: Stage, name: str) -> None:
        self.name = name
        self._stage = on
        self._home = on.home(name)
        self._passphrase = secrets.token_urlsafe(16)
        self._file = self._home / "passphrase"
        with open(os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(f"{self._passphrase}\n")

    def join(self, link: str) -> None:
        """Make the account. The link goes by standard input: arguments are seen by others."""
        typed = [link, self.name, self._passphrase, self._passphrase]
        self._run(["join", "--once", "--json"], "".join(f"{line}\n" for line in typed))

    def run(self, *arguments: str) -> str:
        """A command of secure-chat to its end; what it printed. Raises `InternalError`: nothing of this may fail."""
        return self._run([*arguments, "--passphrase-file", str(self._file)])

    def _run(self, arguments: list[str], typed: str = "") -> str:
        with self._stage.process(self._home, _CLIENT, *arguments) as process:
            output, errors = process.communicate(typed, timeout=PATIENCE_SECONDS)
        if process.returncode != 0:
            raise InternalError(f"secure-chat {arguments[0]} of {self.name} failed: {errors.strip()}")
        return output


def _end(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        process.terminate()
        process.communicate(timeout=PATIENCE_SECONDS)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
