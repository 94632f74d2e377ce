"""The person's own direct messages until they are accepted: which wait, and what is said about them meanwhile."""

from dataclasses import dataclass, field

from secure_chat.client.direct.events import DirectDelayed, DirectQueued
from secure_chat.client.line.error_words import error_line
from secure_chat.client.line.lines import Line, detail, notice
from secure_chat.client.ticket import Ticket
from secure_chat.errors import RateLimited
from secure_chat.limits import DELAY_NOTICE_SECONDS
from secure_chat.sanitize import one_line, sanitize


@dataclass(frozen=True, slots=True)
class OwnDirect:
    """Something that this person said to another."""

    peer: str
    text: str = field(repr=False)

    @property
    def shown(self) -> str:
        """As it is drawn while it was not accepted."""
        return f"to {one_line(self.peer)}: {sanitize(self.text)}"


def held_words(peer: str, count: int) -> str:
    """How many messages are held for somebody, and the ways on."""
    name = one_line(peer)
    return f"{count:,} held for {name} until you accept the new key: /trust {name}, /discard {name}"


class OwnDirects:
    """Messages handed to the client that the server has not accepted. They are in the vault and outlive the program."""

    def __init__(self) -> None:
        self._waiting: dict[Ticket, OwnDirect] = {}
        self._said_delayed = float("-inf")

    def __len__(self) -> int:
        return len(self._waiting)

    def posted(self, ticket: Ticket, peer: str, text: str) -> None:
        """A message was handed over."""
        self._waiting[ticket] = OwnDirect(peer, text)

    def queued(self, event: DirectQueued) -> list[Line]:
        """It waits for a connection."""
        own = self._waiting.get(event.ticket)
        return [] if own is None else [notice("no connection, waits in your vault: ", own.shown)]

    def delayed(self, event: DirectDelayed, now: float) -> list[Line]:
        """The server asked to wait with it. Said once in a while, however many it is true of; a rate passes unsaid."""
        if isinstance(event.error, RateLimited) or now < self._said_delayed + DELAY_NOTICE_SECONDS:
            return []
        self._said_delayed = now
        to = one_line(event.peer)
        return [error_line(event.error, f"This message to {to} waits {event.seconds:.1f} s, then goes by itself.")]

    def settled(self, ticket: Ticket | None) -> None:
        """It was accepted, refused, or is held."""
        if ticket is not None:
            self._waiting.pop(ticket, None)

    def waiting(self) -> list[Line]:
        """Those that wait, in the order typed."""
        return [detail(own.shown) for own in self._waiting.values()]
