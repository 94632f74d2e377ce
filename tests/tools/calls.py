"""Calling an operator's tool as people and programs do: with its own environment, its exit code and both streams."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect
import pytest

ROOT = Path(__file__).parents[2]
DEADLINE = 60.0


@dataclass(frozen=True)
class Done:
    """What one call left: its exit code and both of its streams."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """What --json printed."""
        return objects(self.stdout)


def objects(text: str) -> list[dict[str, Any]]:
    """One object a line, each with the number of its schema."""
    found = [json.loads(line) for line in text.splitlines()]
    assert all(line["schema"] == 1 for line in found)
    return found


def environment(home: Path, **more: str) -> dict[str, str]:
    """All that a call sees of this machine."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tools'}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "COLUMNS": "100",
        **more,
    }


@dataclass(frozen=True)
class Tool:
    """One of the tools."""

    program: str
    module: str
    main: Callable[[], int]

    @property
    def command(self) -> list[str]:
        """Its process."""
        return [sys.executable, "-W", "error", "-m", self.module]

    def run(self, home: Path, *arguments: str, **more: str) -> Done:
        """Call it as its process would, in `home`, with nothing of this machine's environment and no terminal."""
        results, talk = io.StringIO(), io.StringIO()
        wanted = environment(home, **more)
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(results), redirect_stderr(talk):
            for name in list(os.environ):
                patch.delenv(name)
            for name, value in wanted.items():
                patch.setenv(name, value)
            patch.chdir(home)
            patch.setattr(sys, "argv", [self.program, *arguments])
            patch.setattr(sys, "stdin", io.StringIO())
            try:
                code = self.main()
            except SystemExit as end:  # argparse ends by itself after help
                code = end.code if isinstance(end.code, int) else 1
        return Done(code, results.getvalue(), talk.getvalue())

    def start(self, home: Path, *arguments: str, user: int | None = None) -> subprocess.Popen[str]:
        """The same as a process of its own, which runs on. `user`: whose, this one's if None; needs root."""
        become = ["-m", "tests.tools.as_user", str(user), self.module]
        return subprocess.Popen(
            [*(self.command if user is None else [sys.executable, "-W", "error", *become]), *arguments],
            cwd=home,
            env=environment(home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run_process(self, home: Path, *arguments: str, user: int | None = None) -> Done:
        """The same as a process of its own, to its end."""
        return ended(self.start(home, *arguments, user=user))

    def at_terminal(self, home: Path, *arguments: str, **more: str) -> "pexpect.spawn[str]":
        """The same at a terminal, which somebody sits at."""
        return pexpect.spawn(
            self.command[0],
            [*self.command[1:], *arguments],
            cwd=str(home),
            env=environment(home, **more),
            timeout=DEADLINE,
            encoding="utf-8",
        )

    def on_terminal(self, home: Path, *arguments: str, **more: str) -> str:
        """What it writes to a terminal."""
        child = self.at_terminal(home, *arguments, **more)
        try:
            return child.read()
        finally:
            child.close()


def ended(process: subprocess.Popen[str]) -> Done:
    """What a process left at its end."""
    with process:
        stdout, stderr = process.communicate(timeout=DEADLINE)
    assert "Traceback" not in stderr, stderr
    return Done(process.returncode, stdout, stderr)
