"""Somebody at a real pseudo-terminal: types bytes into a process and looks at the screen that its bytes make."""

import os
import re
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Self

import pexpect

from tests.client.line.screen_model import ScreenModel
from tests.support.wire_client import PATIENCE_SECONDS

STAGE: Final = ("-m", "tests.client.line.stage")
_LOOK_SECONDS: Final = 0.1


class Typist:
    """A process on a pseudo-terminal, ended at the end of the `with` block whatever happens."""

    def __init__(
        self,
        arguments: Sequence[str] = STAGE,
        *,
        environment: Mapping[str, str] | None = None,
        rows: int = 24,
        columns: int = 80,
    ) -> None:
        kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM", "LC_ALL")}
        self.process = pexpect.spawn(
            sys.executable,
            list(arguments),
            env={**kept, "TERM": "xterm-256color", "LANG": "C.UTF-8", "TZ": "UTC", **(environment or {})},
            dimensions=(rows, columns),
            encoding="utf-8",
            timeout=PATIENCE_SECONDS,
            echo=True,
        )
        self.process.delaybeforesend = None
        self.screen = ScreenModel(rows, columns)
        self.written = ""  # all bytes of the process, as text

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.close(force=True)

    def types(self, text: str) -> None:
        """Press keys."""
        self.process.send(text)

    def enters(self, text: str) -> None:
        """Press keys and Enter."""
        self.process.send(f"{text}\r")

    def look(self) -> None:
        """Take in what was written since."""
        try:
            text = self.process.read_nonblocking(1 << 16, _LOOK_SECONDS)
        except pexpect.TIMEOUT:
            return
        self.written += text
        self.screen.feed(text)

    def sees(self, pattern: str) -> str:
        """Wait until some row, scrolled away or shown, has this; the row."""
        return self._wait(
            lambda: next((row for row in reversed(self.screen.everything) if re.search(pattern, row)), "")
        )

    def is_at(self, prompt: str) -> None:
        """Wait until the row of the cursor is this one."""
        self._wait(lambda: self.screen.cursor_row if self.screen.cursor_row == prompt else "")

    def _wait(self, look: Callable[[], str]) -> str:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = look()
            if found:
                return found
            if time.monotonic() > deadline:
                raise AssertionError("waited in vain; the screen:\n" + "\n".join(self.screen.everything[-40:]))
            try:
                self.look()
            except pexpect.EOF:
                raise AssertionError("the process ended:\n" + "\n".join(self.screen.everything[-40:])) from None

    def ends(self) -> int:
        """Wait for the end; the exit code."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                self.look()
            except pexpect.EOF:
                break
        self.process.wait()
        status = self.process.exitstatus
        return -1 if status is None else status

    @property
    def echoes(self) -> bool:
        """Whether the terminal shows what is typed by itself, and hands it over line by line."""
        flags = termios.tcgetattr(self.process.child_fd)[3]
        return bool(flags & termios.ECHO) and bool(flags & termios.ICANON)
