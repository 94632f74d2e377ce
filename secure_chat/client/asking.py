"""Asking a person on the terminal, or reading the answers from the lines of standard input.

A passphrase is typed without echo, and the echo is back whatever happens: an answer, Ctrl-C, Ctrl-D, a signal that ends
the program.
"""

import contextlib
import os
import signal
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import BinaryIO, Final, Protocol, Self

from secure_chat.errors import UsageInvalid
from secure_chat.limits import MAX_ANSWER_BYTES

_READ_AT_ONCE: Final = 4096  # a terminal gives a line at a time
_ONLY_FORWARD: Final = ("", "dumb", "unknown")  # terminals on which nothing that was written can be erased
_USUAL_COLUMNS: Final = 80
_ENDING_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Asking(Protocol):
    """Where answers come from."""

    @property
    def repeats(self) -> bool:
        """Whether somebody is there who can answer again after a slip."""

    def line(self, prompt: str) -> str:
        """One answer, without its line end; shown while it is typed."""

    def hidden(self, prompt: str) -> str:
        """One answer that nobody sees."""

    def seen_once(self, prompt: str) -> str:
        """One answer that is shown while it is typed, because it is long, and gone from the screen afterwards."""

    def say(self, text: str) -> None:
        """Tell the person something, on a line of its own."""


class Terminal:
    """The controlling terminal, whatever standard input and output are. Hold it in a `with` block."""

    repeats = True

    def __init__(self, descriptor: int) -> None:
        """`descriptor`: of a terminal, open for reading and writing; closed with this."""
        self._descriptor = descriptor

    @classmethod
    def open(cls) -> Self | None:
        """The terminal of this process; None when it has none."""
        try:
            return cls(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
        except OSError:
            return None

    def line(self, prompt: str) -> str:
        """One answer, shown while it is typed. Raises `KeyboardInterrupt` at Ctrl-C and at the end of input."""
        self._write(prompt)
        try:
            return self._read()
        except KeyboardInterrupt:
            self._write("\n")  # what the shell says next begins a line
            raise

    def hidden(self, prompt: str) -> str:
        """One answer that nobody sees. Raises as `line` does."""
        with self._without_echo():
            self._write(prompt)
            try:
                return self._read()
            finally:
                self._write("\n")  # the one that was typed did not show either

    def seen_once(self, prompt: str) -> str:
        """One answer that is gone from the screen once it is typed; a terminal that cannot do that keeps it.

        Raises as `line` does.
        """
        answer = self.line(prompt)
        if os.environ.get("TERM", "") not in _ONLY_FORWARD:
            self._take_back(prompt, answer)
        return answer

    def say(self, text: str) -> None:
        """A line on standard error, where all talk goes."""
        _talk(text)

    def close(self) -> None:
        """Let go of the terminal."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, text: str) -> None:
        data = _safe(text).encode("utf-8", "replace")
        while data:
            data = data[os.write(self._descriptor, data) :]

    def _take_back(self, prompt: str, answer: str) -> None:
        """Erase the rows of an answer, and write its prompt once more."""
        from secure_chat.sanitize import cells, one_line  # here, because most commands ask nothing

        columns = os.get_terminal_size(self._descriptor).columns or _USUAL_COLUMNS
        rows = max(0, cells(prompt + one_line(answer)) - 1) // columns + 1
        os.write(self._descriptor, f"\x1b[{rows}A\r\x1b[J".encode("ascii"))
        self._write(f"{prompt}\n")

    def _read(self) -> str:
        data = b""
        while not data.endswith(b"\n"):
            more = os.read(self._descriptor, _READ_AT_ONCE)
            if not more:
                raise KeyboardInterrupt  # Ctrl-D: the person leaves
            data += more
            if len(data) > MAX_ANSWER_BYTES:
                raise UsageInvalid("This answer is longer than any that is asked for.")
        return _text(data)

    @contextlib.contextmanager
    def _without_echo(self) -> Iterator[None]:
        before = termios.tcgetattr(self._descriptor)
        silent = list(before)
        silent[3] &= ~(termios.ECHO | termios.ECHONL)
        silent[3] |= termios.ICANON | termios.ISIG

        def restore() -> None:
            # After what was written, and without throwing away what was typed ahead.
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, before)

        with _before_ending(restore):
            try:
                termios.tcsetattr(self._descriptor, termios.TCSADRAIN, silent)
                yield
            finally:
                restore()


class Lines:
    """Answers from a stream, one a line, in the order in which they are asked for."""

    repeats = False

    def __init__(self, stream: BinaryIO | None = None) -> None:
        """`stream`: standard input unless another is given."""
        self._stream = sys.stdin.buffer if stream is None else stream

    def line(self, prompt: str) -> str:
        """The next line. Raises `UsageInvalid` when there is none."""
        data = self._stream.readline(MAX_ANSWER_BYTES)
        if not data:
            raise UsageInvalid(f"Standard input ended where this was expected: {prompt.strip().rstrip(':')}.")
        return _text(data)

    def hidden(self, prompt: str) -> str:
        """The next line: nothing of it is shown."""
        return self.line(prompt)

    def seen_once(self, prompt: str) -> str:
        """The next line."""
        return self.line(prompt)

    def say(self, text: str) -> None:
        """A line on standard error."""
        _talk(text)


@contextlib.contextmanager
def _before_ending(restore: Callable[[], None]) -> Iterator[None]:
    """Have `restore` run before a signal ends the program. Signals can be caught by the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _frame: FrameType | None) -> None:
        restore()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    # Somebody else's handler, or a signal that is ignored, stays as it is.
    mine = [number for number in _ENDING_SIGNALS if signal.getsignal(number) == signal.SIG_DFL]
    for number in mine:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in mine:
            signal.signal(number, signal.SIG_DFL)


def _talk(text: str) -> None:
    print(_safe(text), file=sys.stderr, flush=True)


def _safe(text: str) -> str:
    """Without power over the terminal: what is asked and told has names and words of servers in it."""
    from secure_chat.sanitize import sanitize  # here, because most commands ask nothing

    return sanitize(text)


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise UsageInvalid("What was typed is not UTF-8: is the terminal set to another encoding?") from error
