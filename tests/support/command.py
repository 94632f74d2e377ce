"""The server's commands as real processes with a home of their own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

PATIENCE_SECONDS: Final = 60.0
SERVER: Final = (sys.executable, "-m", "secure_chat.server.main")


def home(directory: Path, **more: str) -> dict[str, str]:
    """An environment in which nothing of this machine's user is known."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG") or name[:8] == "COVERAGE"}
    return {**kept, "HOME": str(directory), "PYTHONUNBUFFERED": "1", **more}


def run(
    directory: Path, *arguments: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command of the server to its end in `directory`."""
    return subprocess.run(
        [*SERVER, *arguments],
        cwd=directory,
        env=environment or home(directory),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@dataclass
class Serving:
    """A server in the foreground of its own process; `lines`: its standard output up to the ready line."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        """The port of the ready line."""
        last = self.lines[-1]
        return int(json.loads(last)["port"] if last.startswith("{") else last.split()[2].rpartition(":")[2])

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """Signal it; returns exit code and what it still wrote on standard output and standard error."""
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, output, errors


@contextmanager
def serving(directory: Path, *arguments: str, environment: dict[str, str] | None = None) -> Iterator[Serving]:
    """A server that has said that it is ready; killed at the end if it still runs."""
    process = subprocess.Popen(
        [*SERVER, *arguments],
        cwd=directory,
        env=environment or home(directory),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield Serving(process, _until_ready(process.stdout))
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _until_ready(stream: IO[str]) -> list[str]:
    lines: list[str] = []
    for line in stream:
        lines.append(line.rstrip("\n"))
        if line.startswith(("secure-chat-server ready ", '{"event":"ready"')):
            return lines
    raise AssertionError("the server ended before it was ready: " + "\n".join(lines))


def log_of(data: Path) -> Sequence[str]:
    """The lines of a server's log file."""
    return (data / "log" / "app.log").read_text(encoding="utf-8").splitlines()
