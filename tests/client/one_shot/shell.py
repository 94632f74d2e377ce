"""Somebody who has joined, and her shell: commands of secure-chat with the passphrase at hand, in this process."""

import io
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from secure_chat.client.events import Settled
from secure_chat.client.main import main
from tests.support.answering import Machine, Scripted
from tests.support.client_people import PASSPHRASE, TestClient
from tests.support.command import PATIENCE_SECONDS

ROOT = Path(__file__).parents[3]


@dataclass
class Ended:
    """What a command left."""

    code: int
    output: str
    errors: str

    @property
    def objects(self) -> list[dict[str, object]]:
        """The lines of a --json output."""
        return [json.loads(line) for line in self.output.splitlines()]


class Shell:
    """One person's."""

    def __init__(
        self,
        name: str,
        machine: Machine,
        directory: Path,
        capture: pytest.CaptureFixture[str],
        reset_link: Callable[[], str] = str,
    ) -> None:
        """`reset_link`: has an administrator make the link by which the person begins anew."""
        self.name = name
        self.machine = machine
        self._reset_link = reset_link
        self._capture = capture
        self.passphrase_file = directory / "passphrase"
        self.passphrase_file.touch(mode=0o600)
        self.passphrase_file.write_text(PASSPHRASE + "\n", encoding="utf-8")

    @property
    def given(self) -> list[str]:
        """The options of every command."""
        return ["--data", str(self.machine.home), "--passphrase-file", str(self.passphrase_file)]

    def run(self, *arguments: str, typed: bytes = b"") -> Ended:
        """Run a command to its end."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed)))
            self._capture.readouterr()
            code = main([*arguments[:1], *self.given, *arguments[1:]])
        captured = self._capture.readouterr()
        return Ended(code, captured.out, captured.err)

    @contextmanager
    def following(self, *arguments: str) -> Iterator[Iterator[str]]:
        """A command in a process of its own that goes on; its lines as they come."""
        process = subprocess.Popen(
            [sys.executable, "-m", "secure_chat.client.main", *arguments[:1], *self.given, *arguments[1:]],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert process.stdout is not None
            yield iter(process.stdout)
        finally:
            process.kill()
            process.communicate(timeout=PATIENCE_SECONDS)

    def client(self) -> TestClient:
        """A screen on the same profile."""
        with self.machine.profiles.choose().acquire() as locked:
            return TestClient(locked.unlock(PASSPHRASE))

    def make_room(self) -> str:
        """A new room that this person is in."""
        room = f"room-{secrets.token_hex(4)}"
        with self.client() as client:
            client.answer(client.core.create_room(room), Settled)
        return room

    def reset_identity(self) -> None:
        """Lose everything but the passphrase, and come back by the administrator's link with new keys."""
        asking = Scripted("", PASSPHRASE, PASSPHRASE)
        self.machine.joining(self._reset_link(), asking).run().vault.close()
