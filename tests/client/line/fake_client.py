"""A client in memory: records what it is asked, says what it is told to say."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from secure_chat.client import events as e
from secure_chat.client.inbox import EventQueue
from secure_chat.client.session import Snapshot
from secure_chat.errors import ChatError, MessageTooLong
from secure_chat.limits import MAX_TEXT_BYTES
from secure_chat.names import room_name, user_name

OWN_NAME = "alice"
SERVER = "team.example.org"


@dataclass(frozen=True, slots=True)
class Asked:
    """One call: its name, its arguments, its ticket (0: it has none)."""

    call: str
    arguments: tuple[object, ...]
    ticket: e.Ticket


@dataclass(slots=True)
class FakeClient:
    """A `ClientCalls`, and a `RunningClient` for screens: `on_asked` may put events in answer to a call."""

    asked: list[Asked] = field(default_factory=list)
    events: EventQueue = field(default_factory=lambda: EventQueue(lambda: None))
    snapshot: Snapshot = field(default_factory=lambda: Snapshot(SERVER, OWN_NAME, "member"))
    on_asked: Callable[[Asked], None] = lambda _asked: None
    closes_with: ChatError | None = None
    unsent: tuple[e.UnsentLine, ...] = ()
    has_closed: bool = False
    _tickets: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def _call(self, call: str, *arguments: object) -> e.Ticket:
        asked = Asked(call, arguments, e.Ticket(next(self._tickets)))
        self.asked.append(asked)
        self.on_asked(asked)
        return asked.ticket

    def take_asked(self) -> list[tuple[object, ...]]:
        """Name and arguments of the calls since the last time, but those that nobody typed."""
        by_itself = ("mark_read", "mark_conversation_read", "list_members", "contacts")
        taken = [(asked.call, *asked.arguments) for asked in self.asked if asked.call not in by_itself]
        self.asked.clear()
        return taken

    def post(self, room: str, text: str, *, action: bool = False) -> e.Ticket:
        size = len(text.encode("utf-8"))
        if size > MAX_TEXT_BYTES:
            raise MessageTooLong(f"{size:,} bytes, the limit is {MAX_TEXT_BYTES:,}. Nothing was sent.")
        return self._call("post", room_name(room), text, action)

    def set_topic(self, room: str, text: str) -> e.Ticket:
        return self._call("set_topic", room, text)

    def kick(self, room: str, name: str, reason: str = "") -> e.Ticket:
        return self._call("kick", room, name, reason)

    def join_room(self, room: str) -> e.Ticket:
        return self._call("join_room", room)

    def create_room(self, room: str) -> e.Ticket:
        return self._call("create_room", room)

    def leave_room(self, room: str) -> e.Ticket:
        return self._call("leave_room", room)

    def history(self, room: str, before: int | None = None, count: int = 50) -> e.Ticket:
        return self._call("history", room, before, count)

    def search(self, words: str, room: str = "", sender: str = "", since: int = 0, before: int = 0) -> e.Ticket:
        return self._call("search", words, room, sender, since, before)

    def list_rooms(self, pattern: str = "", after: str = "") -> e.Ticket:
        return self._call("list_rooms", pattern, after)

    def list_users(self, after: str = "") -> e.Ticket:
        return self._call("list_users", after)

    def list_members(self, room: str, after: str = "") -> e.Ticket:
        return self._call("list_members", room, after)

    def status(self) -> e.Ticket:
        return self._call("status")

    def change_passphrase(self, old: str, new: str) -> e.Ticket:
        return self._call("change_passphrase", old, new)

    def reconnect(self) -> None:
        self._call("reconnect")

    def give_passphrase(self, passphrase: str) -> None:
        self._call("give_passphrase", passphrase)

    def mark_read(self, room: str, number: int) -> None:
        self._call("mark_read", room, number)

    # --- people ----------------------------------------------------------------------------------

    def message(self, user: str, text: str) -> e.Ticket:
        size = len(text.encode("utf-8"))
        if size > MAX_TEXT_BYTES:
            raise MessageTooLong(f"{size:,} bytes, the limit is {MAX_TEXT_BYTES:,}. Nothing was sent.")
        return self._call("message", user_name(user), text)

    def conversation(self, user: str, before: int | None = None, count: int = 50) -> e.Ticket:
        return self._call("conversation", user, before, count)

    def search_conversations(self, words: str, user: str = "", since: int = 0, before: int = 0) -> e.Ticket:
        return self._call("search_conversations", words, user, since, before)

    def contacts(self) -> e.Ticket:
        return self._call("contacts")

    def mark_conversation_read(self, user: str, row: int) -> None:
        self._call("mark_conversation_read", user, row)

    def look_up(self, user: str) -> e.Ticket:
        return self._call("look_up", user)

    def compare(self, user: str) -> e.Ticket:
        return self._call("compare", user)

    def mark_verified(self, user: str, digits: str) -> e.Ticket:
        return self._call("mark_verified", user, digits)

    def trust(self, user: str, fingerprint: bytes = b"") -> e.Ticket:
        return self._call("trust", user, fingerprint)

    def discard(self, user: str = "") -> e.Ticket:
        return self._call("discard", user)

    def reset_session(self, user: str) -> e.Ticket:
        return self._call("reset_session", user)

    def invite(self) -> e.Ticket:
        return self._call("invite")

    # --- for screens -----------------------------------------------------------------------------

    def close(self) -> None:
        if not self.has_closed:
            self.has_closed = True
            self.events.put(e.Stopped(self.closes_with, self.unsent))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
