"""The person's own lines until they are heard: which wait, and what is said about them meanwhile."""

from dataclasses import dataclass, field

from secure_chat.client.events import LineAccepted, LineDelayed, LineQueued, LineRefused, Ticket
from secure_chat.client.line.error_words import error_line
from secure_chat.client.line.lines import Line, Piece, notice
from secure_chat.client.line.room_lines import room_piece
from secure_chat.errors import RateLimited
from secure_chat.limits import DELAY_NOTICE_SECONDS
from secure_chat.sanitize import sanitize


@dataclass(frozen=True, slots=True)
class OwnLine:
    """Something that this person said."""

    room: str
    text: str = field(repr=False)
    action: bool

    @property
    def shown(self) -> tuple[str | Piece, ...]:
        """As it is drawn while it was not heard."""
        return (room_piece(self.room), f" {'* ' if self.action else ''}{sanitize(self.text)}")


class OwnLines:
    """Lines handed to the client that it has not settled. Times on one clock, in seconds."""

    def __init__(self) -> None:
        self._waiting: dict[Ticket, OwnLine] = {}
        self._unheard: dict[Ticket, str] = {}  # those and what was accepted since, with their rooms
        self._said_delayed = float("-inf")

    def __len__(self) -> int:
        return len(self._waiting)

    def posted(self, ticket: Ticket, room: str, text: str, *, action: bool) -> None:
        """A line was handed over."""
        self._waiting[ticket] = OwnLine(room, text, action)
        self._unheard[ticket] = room

    @property
    def is_settled(self) -> bool:
        """Whether every line was refused, or accepted and heard."""
        return not self._waiting and not self._unheard

    def heard(self, ticket: Ticket) -> None:
        """A line came back from its room."""
        self._unheard.pop(ticket, None)

    def lost(self, room: str) -> None:
        """Nothing comes back from a room any more."""
        self._unheard = {ticket: of for ticket, of in self._unheard.items() if of != room}

    def queued(self, event: LineQueued) -> list[Line]:
        """It waits for a connection."""
        own = self._waiting.get(event.ticket)
        if own is None:
            return []
        return [notice("no connection, waits to be sent: ", *own.shown)]

    def delayed(self, event: LineDelayed, now: float) -> list[Line]:
        """The server asked to wait with it. Said once in a while, however many lines it is true of."""
        if now < self._said_delayed + DELAY_NOTICE_SECONDS:
            return []
        self._said_delayed = now
        seconds = f"{event.seconds:.1f} s"
        if isinstance(event.error, RateLimited):
            return [error_line(RateLimited(f"Slow down: this line waits {seconds}, then goes by itself."))]
        return [error_line(event.error, f"This line waits {seconds}, then goes by itself.")]

    def accepted(self, event: LineAccepted) -> list[Line]:
        """It is on the server's disk; said only when it is not what was typed."""
        self._waiting.pop(event.ticket, None)
        if event.changed is None:
            return []
        return [notice(f"made safe to show, what was sent instead: {sanitize(event.changed)} [text.changed]")]

    def refused(self, event: LineRefused) -> None:
        """It will not be tried again."""
        self._waiting.pop(event.ticket, None)
        self._unheard.pop(event.ticket, None)

    def unsent(self) -> list[OwnLine]:
        """Those that wait, in the order typed."""
        return list(self._waiting.values())
