"""Somebody at a real pseudo-terminal: presses keys and looks at the screen that the process's bytes make."""

import os
import re
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.client.line.screen_model import ScreenModel
from tests.support.command import PATIENCE_SECONDS
from tests.support.pseudo_terminal import ROWS, TerminalProcess

STAGE: Final = ("-m", "tests.client.line.stage")
ROOT: Final = Path(__file__).parents[3]
_LOOK_SECONDS: Final = 0.1
_NOT_OURS: Final = ("NO_COLOR", "TERM", "LC_ALL", "COLUMNS", "LINES")


class Typist(TerminalProcess):
    """A Python process on a pseudo-terminal, and what its screen shows."""

    def __init__(
        self,
        arguments: Sequence[str] = STAGE,
        *,
        environment: Mapping[str, str] | None = None,
        directory: Path = ROOT,
        columns: int = 80,
    ) -> None:
        kept = {name: value for name, value in os.environ.items() if name not in _NOT_OURS}
        variables = {**kept, "TERM": "xterm-256color", "LANG": "C.UTF-8", "TZ": "UTC", **(environment or {})}
        super().__init__([sys.executable, *arguments], variables, directory, columns=columns)
        self.screen = ScreenModel(ROWS, columns)
        self._fed = 0

    @property
    def text(self) -> str:
        """All that the process wrote."""
        return self._text

    @property
    def everything(self) -> list[str]:
        """All rows, those that have scrolled away too."""
        return self.screen.everything

    def look(self, seconds: float = _LOOK_SECONDS) -> bool:
        """Take in what is written within this time; whether the process can write more."""
        before = len(self._text)
        more = self._read(seconds)
        self.screen.feed(self._text[self._fed :])
        self._fed = len(self._text)
        return more or len(self._text) > before or self.process.poll() is None

    def sees(self, pattern: str) -> str:
        """Wait until some row matches; the last one that does."""
        return self._wait(lambda: next((row for row in reversed(self.everything) if re.search(pattern, row)), ""))

    def is_at(self, prompt: str) -> None:
        """Wait until the row of the cursor is this one."""
        self._wait(lambda: self.screen.cursor_row if self.screen.cursor_row == prompt else "")

    def _wait(self, find: Callable[[], str]) -> str:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = find()
            if found:
                return found
            assert self.look() or find(), self._in_vain("the process has ended")
            assert time.monotonic() < deadline, self._in_vain("waited in vain")

    def _in_vain(self, why: str) -> str:
        return "\n".join([f"{why}; the screen:", *self.everything[-40:]])

    def ends(self) -> int:
        """Wait for the end; the exit code."""
        code = self.end()
        self.look(0.0)
        return code

    def resize(self, columns: int) -> None:
        """Make the window another width; what is shown from now on is looked at on an empty screen."""
        termios.tcsetwinsize(self._terminal, (ROWS, columns))
        self.screen = ScreenModel(ROWS, columns)

    @property
    def is_cooked(self) -> bool:
        """Whether the terminal shows what is typed by itself, and hands it over line by line."""
        flags = termios.tcgetattr(self._terminal)[3]
        return bool(flags & termios.ECHO) and bool(flags & termios.ICANON)
