"""The screen of the line client on a terminal: a prompt at the bottom, lines above it, one thread that writes both.

The network's thread only wakes the loop of this one, which takes what there is, draws all of it at once above the
prompt and draws the prompt anew.
"""

import asyncio
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from prompt_toolkit import PromptSession
from prompt_toolkit.clipboard import InMemoryClipboard
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import AnyFormattedText
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.layout.processors import (
    ConditionalProcessor,
    Processor,
    Transformation,
    TransformationInput,
)
from prompt_toolkit.output import Output
from prompt_toolkit.shortcuts import CompleteStyle

from secure_chat.client.events import Event
from secure_chat.client.inbox import EventQueue
from secure_chat.client.line.console import Console
from secure_chat.client.line.lines import INDENT, Line, Painter, detail, line, notice
from secure_chat.client.line.terminal_keys import key_bindings
from secure_chat.client.line.terminal_output import TerminalOutput
from secure_chat.client.line.terminal_text import TerminalText
from secure_chat.client.line.vanished import has_vanished
from secure_chat.exit_codes import ExitCode
from secure_chat.limits import MAX_DRAWN_EVENTS, MAX_INPUT_LINE_BYTES, MAX_SHOWN_COMPLETIONS
from secure_chat.sanitize import sanitize

_ENDING_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)


class Terminal:
    """The screen. `run` returns when the person or the client has ended."""

    def __init__(
        self,
        console: Console,
        text: TerminalText,
        events: EventQueue,
        *,
        color: bool,
        history: Sequence[str] = (),
        keep_line: Callable[[str], None] = lambda _line: None,
        keyboard: Input | None = None,
        output: Output | None = None,
    ) -> None:
        """`history`: lines typed before, the newest last; `keep_line`: called with each one typed."""
        self._console = console
        self._text = text
        self._events = events
        self._keep_line = keep_line
        self._output = output or TerminalOutput(sys.stdout, color=color)
        self._painter = Painter(color=color, line_end="\r\n")
        self._session = self._make_session(history, keyboard)
        self._app = self._session.app
        text.use(self._session.default_buffer)
        self._is_woken = False
        self._is_editing = False  # the person's own editor has the terminal
        self._timer: asyncio.TimerHandle | None = None
        self._fault: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def _make_session(self, history: Sequence[str], keyboard: Input | None) -> "PromptSession[None]":
        def prompt() -> AnyFormattedText:
            shown = self._console.prompt
            return [("", f"{self._kept_in_sight(shown.about)}{sanitize(shown.text, multiline=False)} ")]

        is_secret = Condition(lambda: self._console.prompt.is_secret)
        return PromptSession(
            message=prompt,
            multiline=True,
            prompt_continuation=lambda _width, _row, wraps: "" if wraps else " " * INDENT,
            history=InMemoryHistory(history),
            complete_style=CompleteStyle.READLINE_LIKE,
            input_processors=[ConditionalProcessor(_Hidden(), is_secret)],
            key_bindings=key_bindings(self),
            enable_suspend=True,
            erase_when_done=True,
            include_default_pygments_style=False,
            input=keyboard,
            output=self._output,
        )

    def _kept_in_sight(self, text: str) -> str:
        """The rows of a text that is asked about, above the question, as many as there is room for.

        They stand where they were typed: a prompt that became smaller would leave its rows blank.
        """
        if not text:
            return ""
        lines, most = text.split("\n"), max(1, self._output.get_size().rows - 3)
        rest = [f"… and {len(lines) - most + 1} more lines"] if len(lines) > most else []
        kept = lines[: most - 1] + rest if rest else lines
        return "".join(f"{' ' * INDENT}{sanitize(each, multiline=False)}\n" for each in kept)

    # --- life ------------------------------------------------------------------------------------

    def run(self) -> None:
        """Draw and listen until the console leaves. Raises what went wrong in this program."""
        try:
            asyncio.run(self._run())
        except OSError as error:
            self._fault = self._fault or error
        if isinstance(self._fault, OSError) and has_vanished(self._fault):
            self._console.context.leave(ExitCode.INTERRUPTED)
        elif self._fault is not None:
            raise self._fault

    def draw_after(self, lines: Sequence[Line]) -> None:
        """Write lines when the prompt is gone for good, if there is still somebody to read them."""
        try:
            self._write(lines)
        except OSError as error:
            if not has_vanished(error):
                raise

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._catch_signals(self._loop)
        self._events.notify = self._wake
        try:
            self._loop.call_soon(self._take_events)
            await self._app.run_async(set_exception_handler=False)
        except EOFError:
            self._console.context.leave(ExitCode.INTERRUPTED)  # the terminal is gone
        finally:
            self._events.notify = None
            if self._timer is not None:
                self._timer.cancel()

    def _catch_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.set_exception_handler(self._failed)
        if threading.current_thread() is threading.main_thread():
            for each in _ENDING_SIGNALS:
                loop.add_signal_handler(each, self._told_to_end)

    def _told_to_end(self) -> None:
        self._console.context.leave(ExitCode.INTERRUPTED)
        self._turn()

    def _failed(self, _loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        if isinstance(error, Exception):  # what bears none is advice to programmers
            self._fault = self._fault or error
            self._exit()

    def _exit(self) -> None:
        if self._app.is_running and not self._app.is_done:
            self._app.exit()

    # --- events ----------------------------------------------------------------------------------

    def _wake(self) -> None:
        """From the network's thread. The flag is cleared before events are taken, so that none is left lying."""
        loop = self._loop
        if self._is_woken or loop is None:
            return
        self._is_woken = True
        try:
            loop.call_soon_threadsafe(self._take_events)
        except RuntimeError:
            return  # the loop has ended between the two lines: whoever ends takes the rest

    def _take_events(self) -> None:
        self._is_woken = False
        events: list[Event] = []
        while len(events) < MAX_DRAWN_EVENTS and (event := self._events.get(timeout=0)) is not None:
            events.append(event)
        self._console.happened(events)
        if len(events) == MAX_DRAWN_EVENTS:
            self._wake()
        self._turn()

    def _turn(self) -> None:
        """Show what has changed."""
        if self.is_asking:
            self._text.step_aside()
        elif not self._is_editing:
            self._text.step_back()
        if not self._is_editing:
            self._draw()
        if self._console.leaving is not None:
            self._exit()
        self._set_timer()
        self._app.invalidate()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._console.due
        if due is not None and self._loop is not None:
            self._timer = self._loop.call_later(max(0.0, due - time.monotonic()), self._tick)

    def _tick(self) -> None:
        self._console.tick()
        self._turn()

    # --- drawing ---------------------------------------------------------------------------------

    def _draw(self) -> None:
        lines, rings = self._console.take_lines(), self._console.take_bell()
        if lines:
            if self._app.is_running:
                self._app.renderer.erase()
            self._write(lines)
        if rings:
            self._output.bell()

    def _write(self, lines: Sequence[Line]) -> None:
        # The painter has made the text safe; what is left of escape sequences is its own.
        self._output.write_raw(self._painter.paint(lines, self._output.get_size().columns))
        self._output.flush()

    # --- keys ------------------------------------------------------------------------------------

    @property
    def is_asking(self) -> bool:
        """Whether a question is answered."""
        return self._console.prompt.is_question

    def enter(self) -> None:
        """The line is done."""
        prompt, buffer = self._console.prompt, self._session.default_buffer
        text = buffer.text
        if prompt.is_question:
            self._console.context.show(line(prompt.text, " ", "" if prompt.is_secret else text))
        elif self._console.may_be_kept(text):
            buffer.append_to_history()
            self._keep_line(text)
        buffer.reset()
        if not prompt.is_question and self._console.is_order(text):
            self._console.context.show(line(prompt.text, " ", text))
        self._console.entered(text)
        if prompt.is_secret:
            self._session.clipboard = InMemoryClipboard()  # what was deleted from the answer cannot be pasted
        self._turn()

    def interrupt(self) -> None:
        """Ctrl-C."""
        buffer = self._session.default_buffer
        had_text = bool(buffer.text)
        buffer.reset()
        self._console.interrupted(had_text=had_text)
        self._turn()

    def end(self) -> None:
        """Ctrl-D on an empty line."""
        self._console.input_ended()
        self._turn()

    def complete(self) -> None:
        """Tab: what all proposals have in common is inserted, else they are listed."""
        buffer = self._session.default_buffer
        proposal = self._console.propose(buffer.document.text_before_cursor)
        common = proposal.common
        if len(common) > proposal.replaces:
            buffer.insert_text(common[proposal.replaces :])
        elif len(proposal.choices) > 1:
            shown = [choice.strip() for choice in proposal.choices[:MAX_SHOWN_COMPLETIONS]]
            more = len(proposal.choices) - len(shown)
            self._console.context.show(detail("  ".join(shown), f"  … and {more} more" if more else ""))
            self._turn()

    def move(self, step: int) -> None:
        """To another room."""
        self._console.moved(step)
        self._turn()

    def paste(self, text: str) -> None:
        """Text came in one piece: several lines of it are one message."""
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        size = len(text.encode("utf-8", "replace"))
        if size > MAX_INPUT_LINE_BYTES:
            self._console.context.show(notice(f"{size:,} bytes are no message; nothing was pasted"))
            self._turn()
        elif self.is_asking:
            self._session.default_buffer.insert_text(text.strip("\n").replace("\n", " "))
        else:
            self._session.default_buffer.insert_text(sanitize(text))

    def edit(self) -> None:
        """Go on in the person's own editor; nothing is drawn until it has ended."""
        self._is_editing = True

        def edited(_task: object) -> None:
            self._is_editing = False
            self._turn()

        self._session.default_buffer.open_in_editor().add_done_callback(edited)


class _Hidden(Processor):
    """Shows nothing of what is typed, not even how long it is."""

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """No fragment at all; the cursor stays at the beginning."""
        shown = transformation_input.fragments[:0]
        return Transformation(shown, source_to_display=lambda _position: 0, display_to_source=lambda _position: 0)
