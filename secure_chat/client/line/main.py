"""The line client from start to end: chooses the screen, runs it, says goodbye and with which number."""

import contextlib
import os
import sys
import time
from types import TracebackType
from typing import Final, Protocol

from secure_chat.client.core import Client
from secure_chat.client.events import Stopped
from secure_chat.client.inbox import EventQueue
from secure_chat.client.last_output import settle_output
from secure_chat.client.line.client_calls import ClientCalls
from secure_chat.client.line.connection import ConnectionState
from secure_chat.client.line.console import Console
from secure_chat.client.line.context import Context, PromptText
from secure_chat.client.line.keeping import Keeping, Kept, VaultKeeping
from secure_chat.client.line.lines import Line, notice
from secure_chat.client.line.plain import NoPromptText, Plain, Streams
from secure_chat.client.line.room_lines import RoomLines
from secure_chat.client.line.times import LocalTimes
from secure_chat.client.session import Snapshot
from secure_chat.exit_codes import ExitCode
from secure_chat.limits import PIPE_PATIENCE_SECONDS

_DUMB: Final = ("", "dumb", "unknown")


class ScreenSettings(Protocol):
    """What the screen is told by the settings."""

    @property
    def color(self) -> bool:
        """Whether it may use colour."""


class RunningClient(ClientCalls, Protocol):
    """What the line client asks of the client besides its calls."""

    @property
    def events(self) -> EventQueue:
        """Everything that happens."""

    @property
    def snapshot(self) -> Snapshot:
        """How things are."""

    def close(self) -> None:
        """Leave, within a second."""

    def __enter__(self) -> object:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, whatever happened."""


def run(client: Client, *, settings: ScreenSettings) -> int:
    """Chat until the person leaves; returns the exit code. `client`: not started, its vault open."""
    return chat(client, VaultKeeping(client.vault), color=settings.color)


def chat(client: RunningClient, keeping: Keeping, *, color: bool, pipe_patience: float = PIPE_PATIENCE_SECONDS) -> int:
    """The same for any client, and anywhere to keep what was typed.

    `pipe_patience`: seconds that the end of piped input waits for a connection.
    """
    try:
        if sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "") not in _DUMB:
            return _on_terminal(client, keeping, color=color)
        return _on_plain(client, pipe_patience)
    finally:
        settle_output()  # the window may be closed


def _on_terminal(client: RunningClient, keeping: Keeping, *, color: bool) -> int:
    from secure_chat.client.line.terminal import Terminal  # 0.15 s, for which a pipe need not wait
    from secure_chat.client.line.terminal_text import TerminalText

    text, drafts = TerminalText(), keeping.drafts()
    context = _context(client, text, may_ask_secrets=True)
    context.columns = lambda: Streams.of_process().width
    console = Console(context, drafts=drafts)
    kept = Kept(keeping, context.tell)
    with client:
        terminal = Terminal(console, text, client.events, color=color, history=keeping.lines(), keep_line=kept.line)
        terminal.run()
        kept.drafts(drafts, console.drafts())
        terminal.draw_after(_farewell(client, console))
    return console.leaving or ExitCode.OK


def _on_plain(client: RunningClient, patience: float) -> int:
    streams = Streams.of_process()
    secrets = streams.has_person and streams.width is not None
    context = _context(client, NoPromptText(), may_ask_secrets=secrets)
    context.is_watched = streams.has_person
    console = Console(context)
    screen = Plain(console, client.events, streams, patience)
    with contextlib.closing(screen), client:
        screen.run()
        screen.draw_after(_farewell(client, console))
    return console.leaving or ExitCode.OK


def _context(client: RunningClient, text: PromptText, *, may_ask_secrets: bool) -> Context:
    times, snapshot = LocalTimes(), client.snapshot
    return Context(
        client=client,
        own_name=snapshot.name,
        server=snapshot.server,
        room_lines=RoomLines(snapshot.name, times),
        prompt_text=text,
        now_ms=_now_ms,
        connection=ConnectionState(times, _now_ms),
        may_ask_secrets=may_ask_secrets,
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _farewell(client: RunningClient, console: Console) -> list[Line]:
    """Leave; the last lines to be drawn. At most a second, even when the link is dead."""
    client.close()
    events = client.events.take()
    console.happened(events)
    if not any(isinstance(event, Stopped) for event in events):
        console.abandoned()
    return [*console.take_lines(), notice(f"left {console.context.server}")]
