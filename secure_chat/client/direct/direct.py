"""The direct messages of one account: calls of a screen in, commands and events out; everything through the vault."""

from collections.abc import Callable
from typing import Final

from secure_chat.client.events import Event, Failed, Ticket
from secure_chat.errors import NotConnected

EVERYBODY: Final = "all"  # in place of a name; nobody can have it


class Direct:
    """What the network thread owns for direct messages."""

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self._tell = tell

    def message(self, ticket: Ticket, name: str, text: str) -> None:
        """Say something to somebody."""
        del name, text
        self._tell(Failed(ticket, NotConnected()))

    def trust(self, ticket: Ticket, name: str, fingerprint: bytes) -> None:
        """Accept a changed key."""
        del name, fingerprint
        self._tell(Failed(ticket, NotConnected()))

    def discard(self, ticket: Ticket, name: str) -> None:
        """Drop what is held."""
        del name
        self._tell(Failed(ticket, NotConnected()))

    def compare(self, ticket: Ticket, name: str) -> None:
        """What is compared."""
        del name
        self._tell(Failed(ticket, NotConnected()))

    def mark_verified(self, ticket: Ticket, name: str, digits: str) -> None:
        """It was compared."""
        del name, digits
        self._tell(Failed(ticket, NotConnected()))

    def reset_session(self, ticket: Ticket, name: str) -> None:
        """Begin anew."""
        del name
        self._tell(Failed(ticket, NotConnected()))

    def conversation(self, ticket: Ticket, name: str, before: int | None, count: int) -> None:
        """Rows of a conversation."""
        del name, before, count
        self._tell(Failed(ticket, NotConnected()))

    def search(self, ticket: Ticket, words: str, name: str, since: int, before: int) -> None:
        """Messages with these words."""
        del words, name, since, before
        self._tell(Failed(ticket, NotConnected()))

    def contacts(self, ticket: Ticket) -> None:
        """Everybody pinned."""
        self._tell(Failed(ticket, NotConnected()))

    def invite(self, ticket: Ticket) -> None:
        """A link."""
        self._tell(Failed(ticket, NotConnected()))

    def mark_read(self, name: str, row: int) -> None:
        """Seen so far."""
        del name, row
