"""Lines that were typed and are not accepted yet: one of each room under way, so that their order cannot change.

Pure. A line keeps its client id until the end, so that the server knows a repeat (PROTOCOL.md, "Rooms"). If two lines
of a room were under way at once, the first could be refused for its rate and the second accepted.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from secure_chat.client.events import Ticket, UnsentLine
from secure_chat.errors import TooManyWaiting
from secure_chat.limits import IDEMPOTENCY_HOURS, MAX_WAITING_LINES

RUN_ID_BYTES: Final = 8
_COUNTER_BYTES: Final = 8
# A server that forgets repeats after this time would take an old line for a new one; an hour for wrong clocks.
KNOWN_MS: Final = (IDEMPOTENCY_HOURS - 1) * 60 * 60 * 1000
_TICKETS_KEPT: Final = 4096  # of lines that may still be heard; more are never on their way


class ClientIds:
    """Numbers for lines, unique for ever: 8 random bytes of this run and 8 of a rising counter."""

    def __init__(self, run_id: bytes) -> None:
        self._run_id = run_id
        self._counter = 0

    def next(self) -> bytes:
        """16 bytes that were never used."""
        self._counter += 1
        return self._run_id + self._counter.to_bytes(_COUNTER_BYTES, "big")


@dataclass(slots=True, eq=False)
class Line:
    """One line on its way into a room."""

    ticket: Ticket
    room: str
    client_id: bytes
    text: str = field(repr=False)
    action: bool
    first_sent: int | None = None  # milliseconds since 1970 UTC

    def as_unsent(self) -> UnsentLine:
        """For the person who typed it."""
        return UnsentLine(self.ticket, self.room, self.text, self.action, self.first_sent is not None)

    def may_be_repeated(self, now_ms: int) -> bool:
        """Whether the server, if it has this line, still knows that it has it."""
        return self.first_sent is None or now_ms - self.first_sent < KNOWN_MS


class Outbox:
    """All lines of one session that are not accepted yet."""

    def __init__(self) -> None:
        self._rooms: dict[str, deque[Line]] = {}
        self._by_client_id: dict[bytes, Line] = {}
        self._tickets: dict[bytes, Ticket] = {}  # by client id, until the line is heard

    def __len__(self) -> int:
        return len(self._by_client_id)

    def add(self, line: Line) -> bool:
        """Take a line; whether it is the first of its room and may be asked for now. Raises `TooManyWaiting`."""
        if len(self) >= MAX_WAITING_LINES:
            raise TooManyWaiting(f"{len(self):,} lines wait already; this one was not taken.")
        self._by_client_id[line.client_id] = line
        self._tickets[line.client_id] = line.ticket
        if len(self._tickets) > _TICKETS_KEPT:
            del self._tickets[next(iter(self._tickets))]
        queue = self._rooms.setdefault(line.room, deque())
        queue.append(line)
        return len(queue) == 1

    def done(self, line: Line) -> Line | None:
        """A line was accepted or refused: the one of its room that may be asked for next."""
        queue = self._rooms[line.room]
        queue.remove(line)
        del self._by_client_id[line.client_id]
        if queue:
            return queue[0]
        del self._rooms[line.room]
        return None

    def heard(self, client_id: bytes) -> Ticket | None:
        """The ticket of a line that has come back from its room; None for another client's, or the second time."""
        return self._tickets.pop(client_id, None)

    def all(self) -> tuple[Line, ...]:
        """Every line, in the order typed."""
        return tuple(self._by_client_id.values())
