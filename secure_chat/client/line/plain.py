"""The screen of the line client where nothing but text goes: lines in, lines out, no escape sequence, no prompt.

For pipes and files, and for a terminal that calls itself dumb. From a pipe a line is taken up once the ones before it
have had their answers, so that a list of commands means what it says.
"""

import contextlib
import os
import select
import signal
import sys
import termios
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import BinaryIO, Final, Self

from secure_chat.client.events import Event
from secure_chat.client.inbox import EventQueue
from secure_chat.client.line.console import Console
from secure_chat.client.line.input_lines import InputLines
from secure_chat.client.line.lines import Line, Painter, detail, line, warning
from secure_chat.client.line.vanished import has_vanished
from secure_chat.exit_codes import ExitCode
from secure_chat.limits import MAX_DRAWN_EVENTS, MAX_INPUT_LINE_BYTES

_READ_AT_ONCE: Final = 64 * 1024
_MOST_WAITING: Final = 1000  # lines read and not taken up; then the pipe waits
_ENDING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_BELL: Final = "\a"


class NoPromptText:
    """A `PromptText` that cannot be written to: what is typed belongs to the terminal or to a pipe."""

    can_be_set = False

    def get(self) -> str:
        """Nothing that this program knows of."""
        return ""

    def set(self, text: str) -> None:
        """Goes nowhere."""


@dataclass(frozen=True, slots=True)
class Streams:
    """Standard input and output."""

    input: int  # descriptor
    output: BinaryIO

    @classmethod
    def of_process(cls) -> "Streams":
        """Those of this process."""
        sys.stdout.flush()
        return cls(sys.stdin.fileno(), sys.stdout.buffer)

    @property
    def has_person(self) -> bool:
        """Whether somebody types, rather than a pipe."""
        return os.isatty(self.input)

    @property
    def width(self) -> int | None:
        """Columns of the terminal; None: there is none."""
        try:
            return os.get_terminal_size(self.output.fileno()).columns or None
        except (OSError, ValueError):
            return None


class Plain:
    """The screen. `run` returns when the person, the pipe or the client has ended."""

    def __init__(self, console: Console, events: EventQueue, streams: Streams, patience: float) -> None:
        """`patience`: seconds that the end of piped input waits for a connection."""
        self._patience = patience
        self._console = console
        self._events = events
        self._streams = streams
        self._painter = Painter()
        self._lines = InputLines()
        self._waiting: deque[str | None] = deque()  # lines read and not taken up
        self._ended = False  # the input
        self._impatient_at: float | None = None
        self._has_more = False  # events that were not taken in the last turn
        self._signals: deque[int] = deque()
        self._asked = ""  # the question that stands on the screen
        self._wake_reader, self._wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    # --- life ------------------------------------------------------------------------------------

    def run(self) -> None:
        """Draw and listen until the console leaves."""
        self._events.notify = self._wake
        try:
            with self._signals_caught(), _Echo(self._streams) as echo:
                self._wake()
                while self._console.leaving is None:
                    self._turn(echo)
        except BrokenPipeError:
            self._console.context.leave()  # whoever reads has seen enough
            raise
        finally:
            self._events.notify = None

    def draw_after(self, lines: Sequence[Line]) -> None:
        """Write the last lines."""
        self._write(lines)

    def close(self) -> None:
        """Let go of the descriptors, once nobody wakes this any more."""
        os.close(self._wake_reader)
        os.close(self._wake_writer)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # it is awake already
            os.write(self._wake_writer, b"x")

    @contextlib.contextmanager
    def _signals_caught(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def caught(number: int, _frame: FrameType | None) -> None:
            self._signals.append(number)
            self._wake()

        before = [(each, signal.signal(each, caught)) for each in _ENDING_SIGNALS]
        try:
            yield
        finally:
            for each, handler in before:
                signal.signal(each, handler)

    # --- one turn --------------------------------------------------------------------------------

    def _turn(self, echo: "_Echo") -> None:
        self._show_question(echo)
        readable = self._wait()
        if self._wake_reader in readable:
            self._drain_wakes()
        self._take_signals()
        self._take_events()
        self._console.tick()
        if self._streams.input in readable:
            self._read()
        self._take_up()
        self._write(self._console.take_lines())

    def _wait(self) -> list[int]:
        descriptors = [self._wake_reader]
        if not self._ended and len(self._waiting) < _MOST_WAITING:
            descriptors.append(self._streams.input)
        dues = [due for due in (self._console.due, self._impatient_at) if due is not None]
        timeout = max(0.0, min(dues) - time.monotonic()) if dues else None
        if self._has_more:
            timeout = 0.0
        readable, _, _ = select.select(descriptors, [], [], timeout)
        return readable

    def _drain_wakes(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_reader, _READ_AT_ONCE)

    def _take_signals(self) -> None:
        while self._signals:
            number = self._signals.popleft()
            if number == signal.SIGINT and self._streams.has_person:
                self._put("\n")  # the terminal has shown ^C and cleared its line
                self._console.interrupted(had_text=False)
            else:
                self._console.context.leave(ExitCode.INTERRUPTED)

    def _take_events(self) -> None:
        events: list[Event] = []
        while len(events) < MAX_DRAWN_EVENTS and (event := self._events.get(timeout=0)) is not None:
            events.append(event)
        self._has_more = len(events) == MAX_DRAWN_EVENTS
        self._console.happened(events)

    # --- input -----------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            data = os.read(self._streams.input, _READ_AT_ONCE)
        except OSError as error:
            if not has_vanished(error):
                raise
            data = b""
        self._waiting += self._lines.feed(data) if data else self._lines.end()
        self._ended = not data

    def _take_up(self) -> None:
        console = self._console
        while self._waiting and console.leaving is None:
            if not self._streams.has_person and not console.is_settled:
                break
            text = self._waiting.popleft()
            self._asked = ""
            if text is None:
                console.context.show(warning(f"a line of more than {MAX_INPUT_LINE_BYTES:,} bytes was left out"))
            else:
                console.entered(text)
        self._look_at_end()

    def _look_at_end(self) -> None:
        if not self._ended or self._console.leaving is not None:
            return
        if self._streams.has_person or (not self._waiting and self._console.is_settled):
            while self._console.leaving is None:
                self._console.input_ended()  # the first one may only end a question
        elif self._console.context.connection.is_online:
            self._impatient_at = None
        elif self._impatient_at is None:
            self._impatient_at = time.monotonic() + self._patience
        elif time.monotonic() >= self._impatient_at:
            self._give_up()

    def _give_up(self) -> None:
        """No connection comes: what was not taken up is named as what was not sent is."""
        if self._waiting:
            count = len(self._waiting)
            context = self._console.context
            context.show(warning(f"{count} line{'s were' if count > 1 else ' was'} not looked at: no connection"))
            context.show(*(detail(text or "(a line that is too long)") for text in self._waiting))
        self._console.context.leave(ExitCode.NETWORK)

    # --- output ----------------------------------------------------------------------------------

    def _show_question(self, echo: "_Echo") -> None:
        prompt = self._console.prompt
        echo.show(not prompt.is_secret)  # before the person can begin to answer
        asked = prompt.text if prompt.is_question else ""
        if asked and asked != self._asked:
            self._write([line(asked)])
        self._asked = asked

    def _write(self, lines: Sequence[Line]) -> None:
        width = self._streams.width
        text = self._painter.paint(lines, width)
        if self._console.take_bell() and width is not None:
            text += _BELL
        if text:
            self._put(text)
        if not self._streams.has_person:
            self._console.mark_read()

    def _put(self, text: str) -> None:
        try:
            self._streams.output.write(text.encode("utf-8", "replace"))
            self._streams.output.flush()
        except OSError as error:
            if not has_vanished(error):
                raise
            self._console.context.leave(ExitCode.INTERRUPTED)


class _Echo:
    """Whether the terminal shows what is typed; as before at the end, whatever happens."""

    def __init__(self, streams: Streams) -> None:
        self._descriptor = streams.input
        self._before = termios.tcgetattr(streams.input) if streams.has_person else None
        self._is_shown = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.show(True)

    def show(self, is_shown: bool) -> None:
        """Show what is typed from now on, or do not."""
        if self._before is None or is_shown is self._is_shown:
            return
        self._is_shown = is_shown
        wanted = list(self._before)
        if not is_shown:
            wanted[3] &= ~(termios.ECHO | termios.ECHONL)
        with contextlib.suppress(termios.error):  # the window was closed
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, wanted)
