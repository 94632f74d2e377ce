"""A room's events as lines: `10:02 #dev dave: text` for what is said, `10:02 #dev · …` for what happens."""

from collections.abc import Iterable
from dataclasses import dataclass

from secure_chat.client.line.lines import Line, Piece, Style, line
from secure_chat.client.line.mentions import is_mentioned, marked
from secure_chat.client.line.times import LocalTimes, day_name
from secure_chat.protocol.events import Joined, Kicked, Left, Message, RoomEvent, TopicSet
from secure_chat.sanitize import one_line, sanitize


@dataclass(frozen=True, slots=True)
class RoomLines:
    """How the events of rooms look to one person."""

    own_name: str
    times: LocalTimes

    def mentions_me(self, event: RoomEvent) -> bool:
        """Whether somebody else speaks to this person."""
        return (
            isinstance(event, Message)
            and event.sender != self.own_name
            and is_mentioned(sanitize(event.text), self.own_name)
        )

    def live(self, event: RoomEvent) -> Line:
        """An event in the stream of all rooms."""
        return line(f"{self.times.clock(event.time)} ", room_piece(event.room), " ", *self._told(event))

    def numbered(self, event: RoomEvent) -> Line:
        """An event in a listing of one room: number and time before it."""
        return line(f"{event.number:>5}  {self.times.clock(event.time)} ", *self._told(event))

    def found(self, event: RoomEvent) -> Line:
        """An event among others from anywhere: room, number, date and time before it."""
        return line(
            room_piece(event.room), f" {event.number}  {self.times.date_and_clock(event.time)} ", *self._told(event)
        )

    def listing(self, events: Iterable[RoomEvent]) -> Iterable[Line]:
        """Events of one room, numbered, with a divider before each day."""
        day = None
        for event in events:
            if day != (day := self.times.day(event.time)):
                yield line(f"--- {day_name(day)} ---")
            yield self.numbered(event)

    def _told(self, event: RoomEvent) -> tuple[str | Piece, ...]:
        match event:
            case Message(action=True):
                return ("* ", self.person(event.sender), " ", *self._text(event))
            case Message():
                return (self.person(event.sender), ": ", *self._text(event))
            case TopicSet(text=""):
                return ("· ", self.person(event.sender), " cleared the topic")
            case TopicSet():
                return ("· ", self.person(event.sender), " set the topic: ", one_line(event.text))
            case Joined():
                return ("· ", self.person(event.name), " joined")
            case Left():
                return ("· ", self.person(event.name), " left")
            case Kicked():
                reason = f": {one_line(event.reason)}" if event.reason else ""
                return ("· ", self.person(event.by), " removed ", self.person(event.name), reason)

    def person(self, name: str) -> Piece:
        """A name as it is drawn."""
        return Piece(one_line(name), Style.OWN_NAME if name == self.own_name else Style.NAME)

    def _text(self, message: Message) -> tuple[str | Piece, ...]:
        text = sanitize(message.text)
        return (text,) if message.sender == self.own_name else marked(text, self.own_name)


def room_piece(room: str) -> Piece:
    """A room's name as it is drawn."""
    return Piece(f"#{one_line(room)}", Style.ROOM)
