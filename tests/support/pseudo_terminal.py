"""A process at a terminal of its own, and what it writes there: byte for byte, and as a person reads it."""

import codecs
import os
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from tests.support.command import PATIENCE_SECONDS

ROWS: Final = 40
COLUMNS: Final = 160  # wide, so that few lines are folded

# The pty becomes the controlling terminal, as a login makes it; not in the child of a fork, which Python warns of.
_LAUNCH: Final = """\
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
_READ_AT_ONCE: Final = 64 * 1024
# What moves the cursor and colours; one that is not complete yet stands at the end.
_CONTROL: Final = re.compile(r"\x1b\[[0-9;?]*(?:[ -/]*[@-~]|\Z)|\x1b(?:[()][A-Z0-9]|[=>78]|\Z)|\r")
_MOVED: Final = re.compile(r"\x1b\[[0-9;]*[ABCDEFGHdf]|[\r\n\b]")  # away from where the last character was written


class TerminalProcess:
    """A process at a terminal. It is ended with the `with` block, whatever happens."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], directory: Path, *, columns: int = COLUMNS
    ) -> None:
        self._terminal, theirs = os.openpty()
        try:
            termios.tcsetwinsize(theirs, (ROWS, columns))
            self.process = subprocess.Popen(
                [sys.executable, "-ISc", _LAUNCH, *command],
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                env=dict(environment),
                cwd=directory,
            )
        except BaseException:
            os.close(self._terminal)
            raise
        finally:
            os.close(theirs)
        self._is_open = True
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._text = ""
        self._position = 0  # in `shown`: what was expected so far stands before it
        self.written = b""  # every byte that the process wrote

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_SECONDS)
        self.hang_up()

    # --- what it shows ---------------------------------------------------------------------------

    @property
    def shown(self) -> str:
        """All text so far, without what moves the cursor and colours; rows end in newlines."""
        return _CONTROL.sub("", self._text)

    @property
    def strokes(self) -> list[str]:
        """The text so far in the pieces that stand side by side: each goes on until the cursor is moved elsewhere."""
        return [_CONTROL.sub("", piece) for piece in _MOVED.split(self._text)]

    def expect(self, pattern: str) -> re.Match[str]:
        """Wait until the text after the last match matches; returns the match."""
        compiled = re.compile(pattern)
        match: re.Match[str] | None = None

        def found(shown: str) -> bool:
            nonlocal match
            match = compiled.search(shown, self._position)
            return match is not None

        self.read_until(found, repr(pattern))
        assert match is not None
        self._position = match.end()
        return match

    def expect_text(self, text: str) -> None:
        """The same for a text as it stands."""
        self.expect(re.escape(text))

    def read_until(self, satisfied: Callable[[str], bool], what: str) -> None:
        """Wait until all that was shown satisfies; `what` is said when it never does."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not satisfied(self.shown):
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"{what} did not come; shown:\n{self.shown[-3000:]}")

    def end(self) -> int:
        """Wait until the process has ended by itself; returns its exit code, negative after a signal."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._is_open and self._read(deadline - time.monotonic()):
            pass
        return self.process.wait(max(0.1, deadline - time.monotonic()))

    def _read(self, seconds: float) -> bool:
        if not select.select([self._terminal], [], [], max(0.0, seconds))[0]:
            return False
        try:
            data = os.read(self._terminal, _READ_AT_ONCE)
        except OSError:  # how Linux tells that nobody has the other end any more
            data = b""
        self.written += data
        self._text += self._decoder.decode(data)
        return bool(data)

    # --- what the person does --------------------------------------------------------------------

    def type(self, text: str) -> None:
        """Press these keys."""
        data = text.encode("utf-8")
        while data:
            data = data[os.write(self._terminal, data) :]

    def enter(self, line: str) -> None:
        """Type a line and press Enter."""
        self.type(line + "\r")

    def paste(self, text: str) -> None:
        """Paste a text, as a terminal that brackets it does."""
        self.type(f"\x1b[200~{text}\x1b[201~")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self.process.send_signal(number)

    def hang_up(self) -> None:
        """Close the terminal's window."""
        if self._is_open:
            self._is_open = False
            os.close(self._terminal)

    def echoes(self) -> bool:
        """Whether the terminal shows what is typed."""
        return bool(termios.tcgetattr(self._terminal)[3] & termios.ECHO)
