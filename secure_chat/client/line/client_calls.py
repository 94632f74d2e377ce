"""What the line client asks of the client's core: its calls, and nothing else of it."""

from typing import Protocol

from secure_chat.client.events import Ticket


class ClientCalls(Protocol):
    """Each call returns at once; what becomes of it comes as events that bear its ticket (`client.core.Client`)."""

    def post(self, room: str, text: str, *, action: bool = False) -> Ticket:
        """Say something."""

    def set_topic(self, room: str, text: str) -> Ticket:
        """Change a topic."""

    def kick(self, room: str, name: str, reason: str = "") -> Ticket:
        """End somebody's membership."""

    def join_room(self, room: str) -> Ticket:
        """Become a member."""

    def create_room(self, room: str) -> Ticket:
        """Make a room."""

    def leave_room(self, room: str) -> Ticket:
        """End the own membership."""

    def history(self, room: str, before: int | None = None, count: int = 50) -> Ticket:
        """Older events."""

    def search(self, words: str, room: str = "", sender: str = "", since: int = 0, before: int = 0) -> Ticket:
        """Messages with these words."""

    def list_rooms(self, pattern: str = "", after: str = "") -> Ticket:
        """A page of rooms."""

    def list_users(self, after: str = "") -> Ticket:
        """A page of who is online."""

    def list_members(self, room: str, after: str = "") -> Ticket:
        """A page of members."""

    def status(self) -> Ticket:
        """How things are."""

    def change_passphrase(self, old: str, new: str) -> Ticket:
        """Another passphrase."""

    def reconnect(self) -> None:
        """Connect now."""

    def give_passphrase(self, passphrase: str) -> None:
        """Answer `PassphraseNeeded`."""

    def mark_read(self, room: str, number: int) -> None:
        """The person has seen a room so far."""

    # --- people ----------------------------------------------------------------------------------

    def message(self, user: str, text: str) -> Ticket:
        """Say something to one person, end-to-end encrypted."""

    def conversation(self, user: str, before: int | None = None, count: int = 50) -> Ticket:
        """Older rows of a conversation."""

    def search_conversations(self, words: str, user: str = "", since: int = 0, before: int = 0) -> Ticket:
        """Rows with these words, from the vault."""

    def contacts(self) -> Ticket:
        """Everybody with whom there is a conversation."""

    def mark_conversation_read(self, user: str, row: int) -> None:
        """The person has seen a conversation so far."""

    def look_up(self, user: str) -> Ticket:
        """Whether there is somebody of that name."""

    def compare(self, user: str) -> Ticket:
        """The safety number."""

    def mark_verified(self, user: str, digits: str) -> Ticket:
        """The numbers agreed."""

    def trust(self, user: str, fingerprint: bytes = b"") -> Ticket:
        """Accept the new key that was shown."""

    def discard(self, user: str = "") -> Ticket:
        """Drop what is held for somebody, or for everybody."""

    def reset_session(self, user: str) -> Ticket:
        """Begin anew with somebody, or with all."""

    def invite(self) -> Ticket:
        """A link for somebody."""
