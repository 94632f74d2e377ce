"""The line client from start to end: chooses the screen, runs it, says goodbye and with which number."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from typing import Final, Protocol

from secure_chat.client.core import Client
from secure_chat.client.events import Stopped
from secure_chat.client.line.connection import ConnectionState
from secure_chat.client.line.console import Console
from secure_chat.client.line.context import Context, PromptText
from secure_chat.client.line.lines import Line, notice
from secure_chat.client.line.plain import NoPromptText, Plain, Streams
from secure_chat.client.line.room_lines import RoomLines
from secure_chat.client.line.times import LocalTimes
from secure_chat.client.vault import places
from secure_chat.errors import ChatError
from secure_chat.exit_codes import ExitCode

_DUMB: Final = ("", "dumb", "unknown")


class ScreenSettings(Protocol):
    """What the screen is told by the settings."""

    @property
    def color(self) -> bool:
        """Whether it may use colour."""


def run(client: Client, *, settings: ScreenSettings) -> int:
    """Chat until the person leaves; returns the exit code. `client`: not started, its vault open."""
    if can_edit():
        return _on_terminal(client, color=settings.color)
    return _on_plain(client)


def can_edit() -> bool:
    """Whether standard input and output are a terminal that can move its cursor."""
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "") not in _DUMB


def _on_terminal(client: Client, *, color: bool) -> int:
    from secure_chat.client.line.terminal import Terminal  # 0.15 s, which a pipe need not wait
    from secure_chat.client.line.terminal_text import TerminalText

    text = TerminalText()
    drafts = places.drafts(client.vault)
    context = _context(client, text, may_ask_secrets=True)
    console = Console(context, drafts=drafts)
    history = places.input_history(client.vault)

    def keep_line(line: str) -> None:
        with _told_once(context):
            places.add_input_line(client.vault, line)

    with client:
        terminal = Terminal(console, text, client.events, color=color, history=history, keep_line=keep_line)
        terminal.run()
        with _told_once(context):
            _keep_drafts(client, drafts, console.drafts())
        terminal.draw_after(_farewell(client, console))
    return console.leaving or ExitCode.OK


def _on_plain(client: Client) -> int:
    streams = Streams.of_process()
    secrets = streams.has_person and streams.width is not None
    console = Console(_context(client, NoPromptText(), may_ask_secrets=secrets))
    screen = Plain(console, client.events, streams)
    with contextlib.closing(screen), client:
        screen.run()
        screen.draw_after(_farewell(client, console))
    return console.leaving or ExitCode.OK


def _context(client: Client, text: PromptText, *, may_ask_secrets: bool) -> Context:
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


def _farewell(client: Client, console: Console) -> list[Line]:
    """Leave; the last lines to be drawn. At most a second, even when the link is dead."""
    client.close()
    events = client.events.take()
    console.happened(events)
    if not any(isinstance(event, Stopped) for event in events):
        console.abandoned()
    return [*console.take_lines(), notice(f"left {console.context.server}")]


def _keep_drafts(client: Client, before: dict[str, str], after: dict[str, str]) -> None:
    for room, text in after.items():
        if text != before.get(room, ""):
            places.keep_draft(client.vault, room, text)


@contextlib.contextmanager
def _told_once(context: Context) -> Iterator[None]:
    """A disk that refuses to keep what was typed does not end the program."""
    try:
        yield
    except ChatError as error:
        context.tell(error)
