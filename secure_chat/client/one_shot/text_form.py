"""Events of rooms, rows of conversations and errors as lines of plain text, safe to show on any terminal."""

import re
from datetime import UTC, datetime
from typing import Final

from secure_chat.client.direct.events import DirectMessage
from secure_chat.client.line.direct_lines import TRUST_WORDS, caveat
from secure_chat.client.line.lines import line, rows
from secure_chat.errors import ChatError, NotConnected
from secure_chat.programs import typable
from secure_chat.protocol.events import Joined, Kicked, Left, Message, RoomEvent, TopicSet
from secure_chat.sanitize import cells, one_line, sanitize

_CONTINUED: Final = "\n    "
_NO_CONNECTION: Final = "secure-chat status says whether the server can be reached"  # nothing reconnects by itself here
_IN_LINE_CLIENT: Final = "in secure-chat: "
_LINE_COMMAND: Final = re.compile(r"(?:^|[\s(])/[a-z]+(?![\w/.-])")  # a path has more than one part
_LATEST_MS: Final = 253_402_300_799_000  # the end of the year 9999, where the calendar of this language ends


def line_of(event: RoomEvent) -> str:
    """`2026-05-03 10:02 #dev dave: text`; further lines of a text are set in."""
    return f"{time_of(event.time)} #{one_line(event.room)} {_what(event)}"


def direct_line(message: DirectMessage, own_name: str) -> str:
    """`2026-05-03 10:02 [bob, end-to-end, verified] bob: text`; what is not simply said begins with a mark."""
    place = f"[{one_line(message.peer)}, end-to-end, {TRUST_WORDS[message.trust]}]"
    doubt = f" (sent {time_of(message.sent_at)} by the sender's clock)" if message.doubtful_time else ""
    told = caveat(message)
    sender = one_line(own_name if message.own else message.peer)
    before = f"{sender}: " if told is None else f"* {told}"
    return f"{time_of(message.time)} {place} {before}{_text(message.text)}{doubt}"


def _what(event: RoomEvent) -> str:
    match event:
        case Message(action=True):
            return f"* {one_line(event.sender)} {_text(event.text)}"
        case Message():
            return f"{one_line(event.sender)}: {_text(event.text)}"
        case TopicSet(text=""):
            return f"· {one_line(event.sender)} cleared the topic"
        case TopicSet():
            return f"· {one_line(event.sender)} set the topic: {one_line(event.text)}"
        case Joined():
            return f"· {one_line(event.name)} joined"
        case Left():
            return f"· {one_line(event.name)} left"
        case Kicked():
            reason = f": {one_line(event.reason)}" if event.reason else ""
            return f"· {one_line(event.name)} was kicked by {one_line(event.by)}{reason}"


def folded(text: str, columns: int) -> str:
    """Lines for a terminal of that width: what does not fit goes on in a row that is set in.

    Else the terminal would go on at its edge, where a text could go on like somebody else's line.
    """
    return "\n".join(_folded_line(each, columns) if cells(each) >= columns else each for each in text.split("\n"))


def _folded_line(text: str, columns: int) -> str:
    return "\n".join("".join(piece.text for piece in row) for row in rows(line(text), columns))


def time_of(milliseconds: int) -> str:
    """A time in the zone of this machine."""
    moment = datetime.fromtimestamp(min(milliseconds, _LATEST_MS) / 1000, UTC)
    try:
        return f"{moment.astimezone():%Y-%m-%d %H:%M}"
    except (OverflowError, ValueError):
        return f"{moment:%Y-%m-%d %H:%M}"


def explain(error: ChatError) -> str:
    """What happened and its code, and on a line of its own the next step, as it can be typed."""
    lines = [f"secure-chat: {one_line(error.sentence)} [{one_line(error.code)}]"]
    step = next_step_here(error)
    if step:
        lines.append(f"  {step}")
    return "\n".join(lines)


def next_step_here(error: ChatError) -> str:
    """The next step as it can be typed in a shell; what is a command of the line client says so."""
    if isinstance(error, NotConnected) and error.next_step == NotConnected.hint:
        return typable(_NO_CONNECTION)
    step = one_line(error.next_step)
    if _LINE_COMMAND.search(step) and not step.startswith(_IN_LINE_CLIENT):
        return f"{_IN_LINE_CLIENT}{step}"
    return typable(step)


def _text(text: str) -> str:
    return _CONTINUED.join(sanitize(text).split("\n"))
