"""What the network thread tells a screen: one small type for each thing, in the order in which they happened.

Texts and names in them are as the server sent them: whoever draws passes them through sanitize.py. Times are
milliseconds since 1970 UTC. A `ticket` is what the call on `Client` returned.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

from secure_chat.client import ticket
from secure_chat.client.direct.events import DirectAnswer, DirectEvent
from secure_chat.errors import ChatError
from secure_chat.protocol.events import Message, Person, RoomEvent, RoomSummary

Ticket: TypeAlias = ticket.Ticket


# --- the connection ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Connecting:
    """A connection is about to be made; nothing is known yet."""

    server: str  # as people write it: team.example.org:7443


@dataclass(frozen=True, slots=True)
class Connected:
    """Verified and logged in. The rooms follow, a `RoomEntered` for each."""

    server: str
    name: str
    role: str  # "administrator" or "member"
    resumed: bool  # by token, without the passphrase
    again: bool  # not the first time since the start
    rooms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Disconnected:
    """No connection, and why. `retry_in`: seconds until the next attempt; None: only `Client.reconnect` makes one."""

    error: ChatError
    retry_in: float | None


@dataclass(frozen=True, slots=True)
class Countdown:
    """So many whole seconds until the next attempt; one a second, the last is 0."""

    seconds: int


@dataclass(frozen=True, slots=True)
class PassphraseNeeded:
    """The session has ended, and no passphrase is at hand. Nothing happens before `Client.give_passphrase`."""

    error: ChatError


@dataclass(frozen=True, slots=True)
class ServerStopping:
    """The server said that it is about to stop; the client comes back after `retry_after` seconds."""

    sentence: str
    retry_after: float


@dataclass(frozen=True, slots=True)
class Told:
    """Something that the person must know, which answers no call: a copied store, a token used twice."""

    error: ChatError


@dataclass(frozen=True, slots=True)
class UnsentLine:
    """A line that was not accepted before the end."""

    ticket: Ticket
    room: str
    text: str = field(repr=False)
    action: bool = False
    may_have_arrived: bool = False  # it was on its way, and the answer did not come


@dataclass(frozen=True, slots=True)
class Stopped:
    """The last event of all. `error`: why the thread ended by itself; None: it was asked to.

    `kept`: direct messages that wait in the vault and go on the next connection.
    """

    error: ChatError | None
    unsent: tuple[UnsentLine, ...] = ()
    kept: tuple[Ticket, ...] = ()


# --- rooms ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RoomEntered:
    """A room is open: its events follow, from `after` + 1 on, each once and in order.

    `unread` counts events since the read marker of the vault; those of them up to `after` are not shown by
    themselves: `Client.history` has them.
    """

    room: str
    topic: str
    members: int
    head: int  # the newest number
    first: int  # the oldest that is kept
    after: int
    unread: int
    again: bool  # it was open before the last disconnection: what was missed follows
    ticket: Ticket | None = None  # of the joining or creating


@dataclass(frozen=True, slots=True)
class Heard:
    """A numbered event of a room, in its place: each once, in order, none left out but those named by `NotKept`."""

    event: RoomEvent
    own: bool  # said, joined, left... by this account
    late: bool  # caught up with, not heard as it happened
    ticket: Ticket | None = None  # of the own line that it is, when this client sent it


@dataclass(frozen=True, slots=True)
class CatchUpBegan:
    """Events `first` to `last` were missed and are being fetched; newer ones are shown after them."""

    room: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class CatchUpEnded:
    """Nothing is missing any more."""

    room: str
    last: int


@dataclass(frozen=True, slots=True)
class NotKept:
    """Numbers that the server does not keep any more."""

    room: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class PresenceChanged:
    """Who came and went since the last one; in a large room the lists are empty and only `count` tells."""

    room: str
    online: tuple[str, ...]
    offline: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class RoomLost:
    """The own membership has ended: the event that says so came right before, when it was heard at all."""

    room: str
    kicked: bool


# --- own lines -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LineQueued:
    """There is no connection: the line waits, and goes by itself. `waiting` counts those that wait, this one too."""

    ticket: Ticket
    room: str
    waiting: int


@dataclass(frozen=True, slots=True)
class LineDelayed:
    """The server asked to wait (rate.limited, busy, storage.full): the line goes by itself after `seconds`."""

    ticket: Ticket
    room: str
    error: ChatError
    seconds: float


@dataclass(frozen=True, slots=True)
class LineAccepted:
    """The line has its number and is on the server's disk. `changed`: the text as kept, when it is another one."""

    ticket: Ticket
    room: str
    number: int
    time: int
    changed: str | None = None


@dataclass(frozen=True, slots=True)
class LineRefused:
    """The line was not accepted and will not be tried again: here it is, to be put back at the prompt."""

    ticket: Ticket
    room: str
    error: ChatError
    text: str = field(repr=False)
    action: bool = False


# --- answers to calls ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Settled:
    """It is done, and there is nothing to tell."""


@dataclass(frozen=True, slots=True)
class HistoryFound:
    """Kept events of a room, ascending, all of `first` to `last`; `earlier` says that there may be older ones."""

    room: str
    first: int
    last: int
    events: tuple[RoomEvent, ...]
    earlier: bool


@dataclass(frozen=True, slots=True)
class MessagesFound:
    """A page of a search, newest first; `next` asks for the page after it, 0: there is none."""

    messages: tuple[Message, ...]
    next: int


@dataclass(frozen=True, slots=True)
class RoomsFound:
    """A page of rooms in order of their names; `more`: ask again with `after` = the last name."""

    rooms: tuple[RoomSummary, ...]
    more: bool
    total: int


@dataclass(frozen=True, slots=True)
class PeopleFound:
    """A page of people in order of their names; `more`: ask again with `after` = the last name."""

    people: tuple[Person, ...]
    more: bool
    total: int


@dataclass(frozen=True, slots=True)
class Status:
    """How things are: what `/status` shows."""

    server: str
    name: str
    role: str
    authority_pin: str  # as people compare it
    log_pin: str
    tls: str  # "TLS 1.3"
    connected_since: int
    round_trip: float  # seconds, just measured
    rooms: tuple[str, ...]
    waiting: int  # lines not yet accepted


Answer: TypeAlias = Settled | HistoryFound | MessagesFound | RoomsFound | PeopleFound | Status | DirectAnswer


@dataclass(frozen=True, slots=True)
class Answered:
    """What a call led to."""

    ticket: Ticket
    answer: Answer


@dataclass(frozen=True, slots=True)
class Failed:
    """A call led to nothing, and why. `error` may be `NotConnected`, whose next step says so."""

    ticket: Ticket
    error: ChatError


Event: TypeAlias = (
    Connecting
    | Connected
    | Disconnected
    | Countdown
    | PassphraseNeeded
    | ServerStopping
    | Told
    | Stopped
    | RoomEntered
    | Heard
    | CatchUpBegan
    | CatchUpEnded
    | NotKept
    | PresenceChanged
    | RoomLost
    | LineQueued
    | LineDelayed
    | LineAccepted
    | LineRefused
    | Answered
    | Failed
    | DirectEvent
)
