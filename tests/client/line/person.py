"""Somebody at a line client without a terminal: types, hears, and sees lines as plain text. Time stands until moved."""

import datetime
from dataclasses import dataclass, field

from secure_chat.client import events as e
from secure_chat.client.direct.events import ContactRow, ContactsFound
from secure_chat.client.line.connection import ConnectionState
from secure_chat.client.line.console import Console
from secure_chat.client.line.context import Context
from secure_chat.client.line.lines import Painter
from secure_chat.client.line.room_lines import RoomLines
from secure_chat.client.line.times import LocalTimes
from secure_chat.protocol.events import Joined, Kicked, Left, Message, RoomEvent, TopicSet
from secure_chat.protocol.events import Person as Listed
from tests.client.line.fake_client import OWN_NAME, SERVER, FakeClient

ZONE = datetime.timezone(datetime.timedelta(hours=2))
TEN = int(datetime.datetime(2021, 5, 3, 10, 0, tzinfo=ZONE).timestamp() * 1000)
MINUTE = 60_000
TIMES = LocalTimes(ZONE)


def said(text: str, sender: str = "dave", room: str = "dev", number: int = 1, at: int = TEN) -> Message:
    return Message(room, number, at, sender, b"\0" * 16, text)


def did(text: str, sender: str = "dave", room: str = "dev", number: int = 1, at: int = TEN) -> Message:
    return Message(room, number, at, sender, b"\0" * 16, text, action=True)


def joined(name: str, room: str = "dev", number: int = 1, at: int = TEN) -> Joined:
    return Joined(room, number, at, name)


def left(name: str, room: str = "dev", number: int = 1, at: int = TEN) -> Left:
    return Left(room, number, at, name)


def kicked(name: str, by: str, reason: str = "", room: str = "dev", number: int = 1) -> Kicked:
    return Kicked(room, number, TEN, name, by, reason)


def topic(text: str, sender: str = "dave", room: str = "dev", number: int = 1) -> TopicSet:
    return TopicSet(room, number, TEN, sender, text)


class SimpleText:
    """A `PromptText` that is a text."""

    can_be_set = True

    def __init__(self) -> None:
        self.text = ""

    def get(self) -> str:
        return self.text

    def set(self, text: str) -> None:
        self.text = text


@dataclass(slots=True)
class Person:
    """Alice. `seconds`: what her clock has gone on since 10:00."""

    client: FakeClient = field(default_factory=FakeClient)
    prompt_text: SimpleText = field(default_factory=SimpleText)
    drafts: dict[str, str] = field(default_factory=dict)
    may_ask_secrets: bool = True
    seconds: float = 0.0
    width: int | None = None
    console: Console = field(init=False)

    def __post_init__(self) -> None:
        def now_ms() -> int:
            return TEN + int(self.seconds * 1000)

        context = Context(
            client=self.client,
            own_name=OWN_NAME,
            server=SERVER,
            room_lines=RoomLines(OWN_NAME, TIMES),
            prompt_text=self.prompt_text,
            now_ms=now_ms,
            connection=ConnectionState(TIMES, now_ms),
            may_ask_secrets=self.may_ask_secrets,
        )
        self.console = Console(context, lambda: self.seconds, self.drafts)

    def sees(self) -> list[str]:
        """The lines drawn since the last time."""
        return Painter().paint(self.console.take_lines(), self.width).splitlines()

    def hears(self, *events: e.Event | RoomEvent) -> list[str]:
        """The client tells something; what is drawn for it at once. A bare event of a room was heard live."""
        self.console.happened([event if not isinstance(event, RoomEvent) else heard(event) for event in events])
        return self.sees()

    def types(self, text: str) -> list[str]:
        """A line and Enter."""
        self.prompt_text.text = ""
        self.console.entered(text)
        return self.sees()

    def waits(self, seconds: float) -> list[str]:
        """Time passes."""
        self.seconds += seconds
        self.console.tick()
        return self.sees()

    def answers(self, answer: e.Answer) -> list[str]:
        """The last call is answered."""
        return self.hears(e.Answered(self.client.asked[-1].ticket, answer))

    def asks(self) -> tuple[object, ...]:
        """The last call, name and arguments."""
        last = self.client.asked[-1]
        return (last.call, *last.arguments)

    @property
    def prompt(self) -> str:
        return self.console.prompt.text

    def arrives(self, *rooms: str, role: str = "member", contacts: tuple[ContactRow, ...] = ()) -> list[str]:
        """Connected, and in these rooms; what is said about it."""
        drawn = self.hears(e.Connected(SERVER, OWN_NAME, role, resumed=True, again=False, rooms=rooms))
        for room in rooms:
            drawn += self.hears(entered(room))
        self.learns_names()
        drawn += self.is_told("contacts", ContactsFound(contacts))
        return drawn

    def is_told(self, call: str, answer: e.Answer) -> list[str]:
        """A call that nobody typed is answered."""
        (asked,) = [asked for asked in self.client.asked if asked.call == call]
        self.client.asked.remove(asked)
        return self.hears(e.Answered(asked.ticket, answer))

    def learns_names(self, *names: str) -> None:
        """The names that were asked for by themselves, for completion, are answered."""
        for asked in [asked for asked in self.client.asked if asked.call == "list_members"]:
            people = tuple(Listed(name, "member", online=True) for name in names)
            self.hears(e.Answered(asked.ticket, e.PeopleFound(people, more=False, total=len(people))))
            self.client.asked.remove(asked)


def heard(event: RoomEvent, *, late: bool = False, ticket: e.Ticket | None = None) -> e.Heard:
    subject = event.sender if isinstance(event, Message | TopicSet) else event.name
    return e.Heard(event, own=subject == OWN_NAME, late=late, ticket=ticket)


def entered(
    room: str,
    *,
    head: int = 0,
    after: int | None = None,
    unread: int = 0,
    again: bool = False,
    ticket: e.Ticket | None = None,
    topic: str = "",
) -> e.RoomEntered:
    return e.RoomEntered(
        room,
        topic,
        members=3,
        head=head,
        first=1,
        after=head if after is None else after,
        unread=unread,
        again=again,
        ticket=ticket,
    )
