"""The rooms of an account as this client sees them: opened, followed, caught up with after a gap.

Pure: what is to be asked goes to `Requests`, what is to be told to `tell`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from secure_chat.client.events import (
    CatchUpBegan,
    CatchUpEnded,
    Event,
    Heard,
    NotKept,
    PresenceChanged,
    RoomEntered,
    RoomLost,
    Ticket,
    Told,
)
from secure_chat.client.history_pages import read_page
from secure_chat.client.refusals import WAIT_AND_REPEAT
from secure_chat.client.requests import Request, Requests
from secure_chat.client.room_log import Missing, RoomLog, Stretch
from secure_chat.errors import ChatError, InternalError, NotMember, ServerSaidNonsense
from secure_chat.limits import MAX_HISTORY_ROWS, MAX_UNREAD_AT_START
from secure_chat.protocol.commands import RoomHistory, RoomOpen
from secure_chat.protocol.events import (
    HistoryPage,
    Joined,
    JoinedRoom,
    Kicked,
    Left,
    Message,
    Presence,
    RoomEvent,
    RoomGap,
    RoomOpened,
    Said,
    TopicSet,
)


@dataclass(slots=True)
class Room:
    """One room that this account is a member of."""

    name: str
    topic: str
    head: int  # the newest number known
    first: int  # the oldest number that is kept
    log: RoomLog
    members: int = 0
    is_open: bool = False  # its events are being sent
    was_open: bool = False
    late_up_to: int = 0  # events up to here happened before the room was opened
    opening: Request | None = None
    fetching: Request | None = None
    told_of_catching_up: bool = False


class Rooms:
    """All rooms of one account; survives disconnections."""

    def __init__(
        self,
        own_name: str,
        requests: Requests,
        tell: Callable[[Event], None],
        markers: dict[str, int],
        ticket_of: Callable[[bytes], Ticket | None],
    ) -> None:
        """`markers`: room to the highest number that the person has seen; `ticket_of`: by the client id of a line."""
        self._own_name = own_name
        self._requests = requests
        self._tell = tell
        self._markers = markers
        self._ticket_of = ticket_of
        self._rooms: dict[str, Room] = {}

    def get(self, name: str) -> Room | None:
        """A room of this account, or None."""
        return self._rooms.get(name)

    def all(self) -> Iterable[Room]:
        """Every room, in the order of their names."""
        return (self._rooms[name] for name in sorted(self._rooms))

    # --- connections -----------------------------------------------------------------------------

    def welcomed(self, joined: list[JoinedRoom], *, attend: bool) -> None:
        """A connection is there, with these memberships; `attend`: follow the rooms."""
        memberships = {room.room: room for room in joined}
        for name in [name for name in self._rooms if name not in memberships]:
            self.lost(name, kicked=False)
        for facts in joined:
            room = self._rooms.get(facts.room)
            if room is None:
                room = Room(facts.room, facts.topic, facts.head, facts.first, RoomLog(self._start(facts)))
                self._rooms[facts.room] = room
            room.topic, room.head, room.first = facts.topic, facts.head, facts.first
            if room.log.seen > facts.head:
                room.log = RoomLog(facts.head)  # the server lost its end, by an old copy of its database
            if attend:
                self._open(room)

    def disconnected(self) -> None:
        """The connection is gone; each room goes on after what was shown of it."""
        for room in self._rooms.values():
            room.is_open = False
            room.told_of_catching_up = False
            self._forget_requests(room)
            room.log.disconnected()

    def _start(self, facts: JoinedRoom) -> int:
        """After which number a room is shown by itself at the start."""
        marker = self._markers.get(facts.room)
        if marker is None or marker > facts.head:
            return facts.head
        return max(marker, facts.head - MAX_UNREAD_AT_START, facts.first - 1)

    def _open(self, room: Room) -> None:
        def opened(said: Said) -> None:
            room.opening = None
            if not isinstance(said, RoomOpened):
                raise ServerSaidNonsense
            self.opened(said)

        def refused(error: ChatError) -> None:
            room.opening = None
            if isinstance(error, NotMember):
                self.lost(room.name, kicked=False)
            else:
                self._tell(Told(error))

        room.opening = Request(lambda id_: RoomOpen(id_, room.name, room.log.seen), opened, refused)
        self._requests.ask(room.opening)

    # --- what the server says --------------------------------------------------------------------

    def opened(self, reply: RoomOpened, ticket: Ticket | None = None) -> None:
        """The answer to an opening, a joining or a creating."""
        room = self._rooms.get(reply.room)
        if room is None:
            room = Room(reply.room, reply.topic, reply.head, reply.first, RoomLog(reply.after))
            self._rooms[reply.room] = room
        room.topic, room.members, room.first = reply.topic, reply.members, reply.first
        room.head = max(room.head, reply.head)
        room.late_up_to = max(room.late_up_to, reply.head) if ticket is None else room.late_up_to
        again, room.was_open, room.is_open = room.was_open, True, True
        marker = self._markers.get(room.name, reply.head)
        self._tell(
            RoomEntered(
                room.name,
                room.topic,
                room.members,
                reply.head,
                reply.first,
                room.log.seen,
                max(0, reply.head - marker),
                again,
                ticket,
            )
        )
        room.log.opened(reply.after)
        self._catch_up(room)

    def heard(self, event: RoomEvent) -> None:
        """A numbered event came."""
        room = self._rooms.get(event.room)
        if room is None or not room.is_open:
            return  # of a membership that this client has seen end
        room.head = max(room.head, event.number)
        self._show(room, room.log.heard(event))
        self._catch_up(room)

    def gap(self, gap: RoomGap) -> None:
        """Some events will not come by themselves."""
        room = self._rooms.get(gap.room)
        if room is not None and room.is_open:
            room.head = max(room.head, gap.last)
            room.log.gap(gap.last)
            self._catch_up(room)

    def presence(self, presence: Presence) -> None:
        """Who came and went."""
        if presence.room in self._rooms:
            self._tell(PresenceChanged(presence.room, tuple(presence.online), tuple(presence.offline), presence.count))

    def lost(self, name: str, *, kicked: bool) -> None:
        """A membership has ended."""
        room = self._rooms.pop(name, None)
        if room is None:
            return
        self._forget_requests(room)
        for each in room.log.give_up():
            self._show_one(room, each)
            kicked = kicked or (isinstance(each, Kicked) and each.name == self._own_name)
        self._tell(RoomLost(name, kicked))

    # --- catching up -----------------------------------------------------------------------------

    def _catch_up(self, room: Room) -> None:
        stretch = room.log.wanted
        if stretch is None:
            return
        room.late_up_to = max(room.late_up_to, stretch.last)
        if room.fetching is not None:
            return
        if not room.told_of_catching_up:
            room.told_of_catching_up = True
            self._tell(CatchUpBegan(room.name, stretch.first, stretch.last))
        asked = Stretch(stretch.first, min(stretch.last, stretch.first + MAX_HISTORY_ROWS - 1))

        def answered(said: Said) -> None:
            room.fetching = None
            if not isinstance(said, HistoryPage) or said.room != room.name:
                raise ServerSaidNonsense
            self._show(room, room.log.fetched(asked, said.last, read_page(said)))
            if room.log.wanted is None:
                room.told_of_catching_up = False
                self._tell(CatchUpEnded(room.name, room.log.seen))
            self._catch_up(room)

        def refused(error: ChatError) -> None:
            room.fetching = None
            if not isinstance(error, NotMember):
                self._tell(Told(error))
            self.lost(room.name, kicked=False)

        room.fetching = Request(
            lambda id_: RoomHistory(id_, room.name, asked.first, asked.last),
            answered,
            refused,
            patient=(*WAIT_AND_REPEAT, InternalError),
        )
        self._requests.ask(room.fetching)

    def _forget_requests(self, room: Room) -> None:
        for request in (room.opening, room.fetching):
            if request is not None:
                self._requests.drop(request)
        room.opening = room.fetching = None

    # --- showing ---------------------------------------------------------------------------------

    def _show(self, room: Room, events: Iterable[RoomEvent | Missing]) -> None:
        for event in events:
            self._show_one(room, event)

    def _show_one(self, room: Room, event: RoomEvent | Missing) -> None:
        if isinstance(event, Missing):
            self._tell(NotKept(room.name, event.first, event.last))
            return
        late = event.number <= room.late_up_to
        ticket = self._ticket_of(event.client_id) if isinstance(event, Message) else None
        if isinstance(event, TopicSet) and not late:
            room.topic = event.text
        room.members += _change_of_members(event) if not late else 0
        own = self._own_name == _subject(event)
        self._tell(Heard(event, own, late, ticket))
        # An old leaving that is caught up with was followed by a joining: the server opened the room.
        if own and not late and isinstance(event, Left | Kicked):
            self.lost(room.name, kicked=isinstance(event, Kicked))


def _subject(event: RoomEvent) -> str:
    """Whom an event is of."""
    return event.sender if isinstance(event, Message | TopicSet) else event.name


def _change_of_members(event: RoomEvent) -> int:
    if isinstance(event, Joined):
        return 1
    return -1 if isinstance(event, Left | Kicked) else 0
