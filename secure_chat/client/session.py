"""What one account asks and hears, across connections: calls of a screen in, commands and events out.

Pure: no socket, no clock, no thread. The network thread hands in what the server said and the time, and sends what
`commands` gives.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from secure_chat.client.direct.events import ContactSnapshot
from secure_chat.client.events import (
    Answer,
    Answered,
    Event,
    Failed,
    LineAccepted,
    LineDelayed,
    LineQueued,
    LineRefused,
    MessagesFound,
    PeopleFound,
    RoomsFound,
    ServerStopping,
    Settled,
    Ticket,
    UnsentLine,
)
from secure_chat.client.history_call import HistoryCall
from secure_chat.client.history_pages import read_found
from secure_chat.client.outbox import ClientIds, Line, Outbox
from secure_chat.client.refusals import error_of
from secure_chat.client.requests import Request, Requests
from secure_chat.client.rooms import Rooms
from secure_chat.errors import ChatError, ConnectionLost, DeviceReplaced, NotConnected, NotMember, ServerSaidNonsense
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e

Reply = TypeVar("Reply", bound=e.Said)


@dataclass(frozen=True, slots=True)
class RoomSnapshot:
    """A room as it was at one moment."""

    room: str
    topic: str
    members: int
    head: int
    seen: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How things were at one moment; any thread may read it."""

    server: str
    name: str
    role: str = ""
    connected: bool = False
    rooms: tuple[RoomSnapshot, ...] = ()
    waiting: int = 0  # lines not yet accepted
    contacts: tuple[ContactSnapshot, ...] = ()
    mail_is_opened: bool = True  # all of it that the server has pushed so far


@dataclass(slots=True)
class SessionFacts:
    """Whose session this is, and what it needs from outside."""

    server: str
    name: str
    markers: dict[str, int]  # room to the highest number that the person has seen
    attend: bool  # follow the rooms
    run_id: bytes = field(repr=False)  # 8 random bytes
    now_ms: Callable[[], int]


class Session:
    """One account's session; survives its connections."""

    def __init__(self, facts: SessionFacts, tell: Callable[[Event], None]) -> None:
        self._facts = facts
        self._tell = tell
        self._client_ids = ClientIds(facts.run_id)
        self._outbox = Outbox()
        self._requests = Requests()
        self._asked_lines: dict[bytes, tuple[Line, Request]] = {}  # by client id: the first of each room
        self.rooms = Rooms(facts.name, self._requests, tell, facts.markers, self._outbox.heard)
        self._role = ""
        self._connected = False

    # --- connections -----------------------------------------------------------------------------

    def connected(self, welcome: e.Welcome) -> None:
        """Logged in on a new connection."""
        self._connected = True
        self._role = welcome.role
        self._give_up_old_lines()
        self.rooms.welcomed(welcome.rooms, attend=self._facts.attend)

    def disconnected(self) -> None:
        """The connection is gone. What was under way is asked again on the next one."""
        self._connected = False
        self._requests.disconnected()
        self.rooms.disconnected()

    def commands(self, now: float, next_id: Callable[[], int]) -> Iterator[c.Command]:
        """What is to be sent now; `now` on the clock of `next_time`."""
        return self._requests.due(now, next_id)

    def next_time(self) -> float | None:
        """When `commands` has something again by itself."""
        return self._requests.next_time()

    @property
    def expects_answer(self) -> bool:
        """Whether the server owes an answer."""
        return self._requests.unanswered

    def snapshot(self) -> Snapshot:
        """How things are."""
        rooms = tuple(
            RoomSnapshot(room.name, room.topic, room.members, room.head, room.log.seen) for room in self.rooms.all()
        )
        facts = self._facts
        return Snapshot(facts.server, facts.name, self._role, self._connected, rooms, len(self._outbox))

    def unsent(self) -> tuple[UnsentLine, ...]:
        """The lines that were not accepted, in the order typed."""
        return tuple(line.as_unsent() for line in self._outbox.all())

    # --- what the server says --------------------------------------------------------------------

    def said(self, said: e.Said, now: float) -> None:
        """Take one thing that the server said. Raises the error for which it ends the connection."""
        if self._requests.reply(said, now):
            return
        match said:
            case e.Message() | e.TopicSet() | e.Joined() | e.Left() | e.Kicked():
                self.rooms.heard(said)
            case e.RoomGap():
                self.rooms.gap(said)
            case e.Presence():
                self.rooms.presence(said)
            case e.ServerClosing():
                self._tell(ServerStopping(said.sentence, said.retry_after))
            case e.SessionReplaced():
                raise DeviceReplaced
            case e.Failure(id=0):
                raise error_of(said)
            case _:
                return  # an answer to what is no longer wanted

    # --- lines -----------------------------------------------------------------------------------

    def post(self, ticket: Ticket, room: str, text: str, action: bool) -> None:
        """Say something in a room; offline it waits."""
        line = Line(ticket, room, self._client_ids.next(), text, action)
        try:
            first = self._outbox.add(line)
        except ChatError as error:
            self._tell(LineRefused(ticket, room, error, text, action))
            return
        if not self._connected:
            self._tell(LineQueued(ticket, room, len(self._outbox)))
        if first:
            self._ask_line(line)

    def _ask_line(self, line: Line) -> None:
        def command(id_: int) -> c.Command:
            if line.first_sent is None:
                line.first_sent = self._facts.now_ms()
            return c.RoomPost(id_, line.room, line.client_id, line.text, line.action)

        def accepted(said: e.Said) -> None:
            if not isinstance(said, e.Accepted):
                raise ServerSaidNonsense
            self._tell(LineAccepted(line.ticket, line.room, said.number, said.time, said.changed))
            self._line_done(line)

        def delayed(error: ChatError, seconds: float) -> None:
            self._tell(LineDelayed(line.ticket, line.room, error, seconds))

        request = Request(command, accepted, lambda error: self._line_refused(line, error), delayed)
        self._asked_lines[line.client_id] = line, request
        self._requests.ask(request)

    def _give_up_old_lines(self) -> None:
        """The server no longer knows repeats of lines that were sent long ago: they could be said twice."""
        for line, request in list(self._asked_lines.values()):
            if not line.may_be_repeated(self._facts.now_ms()):
                self._requests.drop(request)
                self._line_refused(line, ConnectionLost("Too much time has passed to know whether this line arrived."))

    def _line_refused(self, line: Line, error: ChatError) -> None:
        self._tell(LineRefused(line.ticket, line.room, error, line.text, line.action))
        self._line_done(line)

    def _line_done(self, line: Line) -> None:
        del self._asked_lines[line.client_id]
        following = self._outbox.done(line)
        if following is not None:
            self._ask_line(following)

    # --- calls that are answered -----------------------------------------------------------------

    def set_topic(self, ticket: Ticket, room: str, text: str) -> None:
        """Change a room's topic."""
        client_id = self._client_ids.next()
        self._ask(ticket, lambda id_: c.RoomTopic(id_, room, client_id, text), e.Accepted, _settled)

    def kick(self, ticket: Ticket, room: str, name: str, reason: str) -> None:
        """End somebody's membership."""
        client_id = self._client_ids.next()
        self._ask(ticket, lambda id_: c.RoomKick(id_, room, client_id, name, reason), e.Accepted, _settled)

    def join_room(self, ticket: Ticket, room: str) -> None:
        """Become a member, or hear again that one is."""
        self._ask(ticket, lambda id_: c.RoomJoin(id_, room), e.RoomOpened, self._entering(ticket))

    def create_room(self, ticket: Ticket, room: str) -> None:
        """Make a room and be its first member."""
        self._ask(ticket, lambda id_: c.RoomCreate(id_, room), e.RoomOpened, self._entering(ticket))

    def leave_room(self, ticket: Ticket, room: str) -> None:
        """End the own membership."""

        def left(_done: e.Done) -> Answer:
            self.rooms.lost(room, kicked=False)
            return Settled()

        self._ask(ticket, lambda id_: c.RoomLeave(id_, room), e.Done, left)

    def search(self, ticket: Ticket, words: str, room: str, sender: str, since: int, before: int) -> None:
        """Look for messages."""

        def found(page: e.SearchPage) -> Answer:
            if before and page.next >= before:
                raise ServerSaidNonsense("The server's pages of a search go round in a circle.")
            return MessagesFound(tuple(read_found(page)), page.next)

        self._ask(ticket, lambda id_: c.RoomSearch(id_, words, room, sender, since, before), e.SearchPage, found)

    def list_rooms(self, ticket: Ticket, pattern: str, after: str) -> None:
        """A page of the list of rooms."""

        def found(page: e.RoomPage) -> Answer:
            _check_order(after, [room.room for room in page.rooms], page.more)
            return RoomsFound(tuple(page.rooms), page.more, page.total)

        self._ask(ticket, lambda id_: c.RoomList(id_, after, pattern), e.RoomPage, found)

    def list_users(self, ticket: Ticket, after: str) -> None:
        """A page of who is online."""
        self._ask(ticket, lambda id_: c.UserList(id_, after), e.PeoplePage, lambda page: _people(page, after))

    def list_members(self, ticket: Ticket, room: str, after: str) -> None:
        """A page of a room's members."""
        self._ask(ticket, lambda id_: c.RoomMembers(id_, room, after), e.PeoplePage, lambda page: _people(page, after))

    def history(self, ticket: Ticket, name: str, before: int | None, count: int) -> None:
        """Older events of a room: at most `count` before number `before`, or the newest."""
        room = self.rooms.get(name)
        if not self._connected:
            self._tell(Failed(ticket, NotConnected()))
        elif room is None:
            self._tell(Failed(ticket, NotMember(f"You are not a member of #{name}.")))
        else:
            HistoryCall(room, before, count, self._requests, lambda answer: self._finish(ticket, answer)).begin()

    def ask_settled(self, ticket: Ticket, command: Callable[[int], c.Command], done: Callable[[], None]) -> None:
        """Ask for something that is answered by `done` alone; `done` runs before the screen is told."""

        def finished(_done: e.Done) -> Answer:
            done()
            return Settled()

        self._ask(ticket, command, e.Done, finished)

    def ask_request(self, request: Request) -> None:
        """Ask for something whose answer is the caller's own affair."""
        self._requests.ask(request)

    @property
    def is_connected(self) -> bool:
        """Whether requests are sent at all."""
        return self._connected

    def _entering(self, ticket: Ticket) -> Callable[[e.RoomOpened], Answer]:
        def entered(reply: e.RoomOpened) -> Answer:
            self.rooms.opened(reply, ticket)
            return Settled()

        return entered

    def _ask(
        self,
        ticket: Ticket,
        command: Callable[[int], c.Command],
        kind: type[Reply],
        answer: Callable[[Reply], Answer],
    ) -> None:
        def answered(said: e.Said) -> None:
            if not isinstance(said, kind):
                raise ServerSaidNonsense
            try:
                found = answer(said)
            except ServerSaidNonsense as error:
                self._finish(ticket, error)  # whoever asked must not wait for ever
            else:
                self._finish(ticket, found)

        if self._connected:
            self._requests.ask(Request(command, answered, lambda error: self._finish(ticket, error)))
        else:
            self._finish(ticket, NotConnected())

    def _finish(self, ticket: Ticket, answer: Answer | ChatError) -> None:
        if isinstance(answer, ChatError):
            self._tell(Failed(ticket, answer))
        else:
            self._tell(Answered(ticket, answer))


def _settled(_accepted: e.Accepted) -> Answer:
    return Settled()


def _people(page: e.PeoplePage, after: str) -> Answer:
    _check_order(after, [person.name for person in page.people], page.more)
    return PeopleFound(tuple(page.people), page.more, page.total)


def _check_order(after: str, names: Sequence[str], more: bool) -> None:
    """Pages go on: who asks for one after the other comes to an end. Raises `ServerSaidNonsense`."""
    if any(second <= first for first, second in itertools.pairwise((after, *names))) or (more and not names):
        raise ServerSaidNonsense("The server's pages of a list go round in a circle.")
