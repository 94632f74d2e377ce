"""What a server says: replies, which repeat a request's id, and events, which nobody asked for."""

from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

from secure_chat.limits import MAX_ROOM_NAME_CHARACTERS
from secure_chat.protocol.commands import Bytes16, Bytes32, Number

ROOM_NAME: Final = rf"^[a-z0-9_-]{{1,{MAX_ROOM_NAME_CHARACTERS}}}\Z"
RoomName: TypeAlias = Annotated[str, Meta(pattern=ROOM_NAME)]  # a client has nothing to do with a room of another name


class Said(msgspec.Struct, frozen=True, tag_field="type", gc=False):
    """Anything a server sends. A client ignores fields that it does not know."""


# --- replies -------------------------------------------------------------------------------------


class Failure(Said, tag="error", frozen=True):
    """A request was refused, or (id 0) the connection is about to end. Only `code` is a promise."""

    id: Number
    code: str
    sentence: str
    hint: str = ""
    retry_after: float | None = None  # seconds


class Done(Said, tag="done", frozen=True):
    """It is done, and there is nothing to tell."""

    id: Number


class NameFacts(Said, tag="name.facts", frozen=True):
    """The row of the closed table of login derivations to be used."""

    id: Number
    login_kdf: Number


class Inviter(msgspec.Struct, frozen=True, gc=False):
    """Who made an invite with its own client; compared with the link's inviter part."""

    user_id: bytes  # 16
    name: str
    identity_key: bytes  # 32


class InviteFacts(Said, tag="invite.facts", frozen=True):
    """What an invite is for. `name`: the one it is bound to, or empty. For a reset: the account and its newest list."""

    id: Number
    purpose: str  # "join" or "reset"
    expires: Number  # milliseconds since 1970 UTC
    name: str = ""
    user_id: bytes = b""
    device_list: bytes = b""
    inviter: Inviter | None = None


class JoinedRoom(msgspec.Struct, frozen=True, gc=False):
    """A room of the account that has just logged in."""

    room: RoomName
    topic: str
    head: Number  # number of the newest event
    first: Number  # number of the oldest event that is kept


class Welcome(Said, tag="welcome", frozen=True):
    """Logged in as a device. `token`: the first or the pending resume token, or empty when there is none."""

    id: Number
    user_id: Bytes16
    name: str
    role: str  # "administrator" or "member"
    counter_before: Number  # the highest counter of this device before this login
    device_list_version: Number
    time: Number  # the server's clock, milliseconds since 1970 UTC
    rooms: list[JoinedRoom]
    token: bytes = b""  # 32 or empty
    head: bytes = b""  # the key log's signed head; empty until there is a log

    def __repr__(self) -> str:
        """Without the token."""
        return f"Welcome(id={self.id}, name={self.name!r}, role={self.role!r}, rooms={len(self.rooms)})"


class WelcomeLimited(Said, tag="welcome.limited", frozen=True):
    """Logged in without a device: nothing but recovery is possible."""

    id: Number
    user_id: bytes
    name: str
    device_list: bytes  # the newest, signed


class Accepted(Said, tag="accepted", frozen=True):
    """It is numbered and on the disk. `changed`: the text as stored, when it differs (text.changed)."""

    id: Number
    room: RoomName
    number: Number
    time: Number  # milliseconds since 1970 UTC
    changed: str | None = None


class RoomOpened(Said, tag="room.opened", frozen=True):
    """Events of this room follow from `after` + 1 on, all of them after this reply."""

    id: Number
    room: RoomName
    topic: str
    head: Number
    first: Number
    after: Number
    members: Number


class RoomSummary(msgspec.Struct, frozen=True, gc=False):
    """A row of the list of rooms."""

    room: RoomName
    topic: str
    members: Number
    joined: bool


class RoomPage(Said, tag="room.page", frozen=True):
    """Rooms in order of their names."""

    id: Number
    rooms: list[RoomSummary]
    more: bool
    total: Number


class Person(msgspec.Struct, frozen=True, gc=False):
    """A row of the lists of people."""

    name: str
    role: str
    online: bool


class PeoplePage(Said, tag="people.page", frozen=True):
    """People in order of their names; `total` counts all, on this page or not."""

    id: Number
    people: list[Person]
    more: bool
    total: Number


class HistoryPage(Said, tag="history.page", frozen=True):
    """Whole frames of the room's events `first` to `last`, ascending; `last` says how far the page got.

    Numbers in the asked range that are not in `events` are not kept any more. An empty page has last = first - 1.
    """

    id: Number
    room: RoomName
    first: Number
    last: Number
    events: bytes


class SearchPage(Said, tag="search.page", frozen=True):
    """Whole frames of messages found, newest first; `next` asks for the page after it, 0: there is none."""

    id: Number
    events: bytes
    next: Number


class PongReply(Said, tag="pong", frozen=True):
    """The answer to a client's ping."""

    id: Number


# --- events about a connection -------------------------------------------------------------------


class Hello(Said, tag="hello", frozen=True):
    """The first frame: what the login signature covers, the key log's key, how people may register."""

    nonce: Bytes32  # fresh
    log_pk: Bytes32  # Ed25519
    registration: str  # "closed", "invite" or "open"
    cross_certificates: list[bytes] = []  # DER; empty before an authority was rotated


class PingEvent(Said, tag="ping", frozen=True):
    """The server asks for a sign of life; answered by `pong` with this id."""

    id: Number


class ServerClosing(Said, tag="server.closing", frozen=True):
    """The server is about to stop; come back after `retry_after` seconds."""

    retry_after: float
    sentence: str = "The server is stopping."


class SessionReplaced(Said, tag="session.replaced", frozen=True):
    """The same device has logged in again; this connection ends."""

    sentence: str = "This device has connected again; this connection ends."


# --- numbered events of a room: stored, in one order for everyone, without gaps ------------------


class Message(Said, tag="message", frozen=True):
    """Somebody said something. The server alone sets sender, time and number."""

    room: RoomName
    number: Number
    time: Number  # milliseconds since 1970 UTC
    sender: str
    client_id: bytes  # 16, as the sender chose it
    text: str
    action: bool = False


class TopicSet(Said, tag="topic", frozen=True):
    """The topic is another one."""

    room: RoomName
    number: Number
    time: Number
    sender: str
    text: str


class Joined(Said, tag="joined", frozen=True):
    """Somebody became a member."""

    room: RoomName
    number: Number
    time: Number
    name: str


class Left(Said, tag="left", frozen=True):
    """Somebody's membership ended by his own wish, or because the account was deleted or disabled."""

    room: RoomName
    number: Number
    time: Number
    name: str


class Kicked(Said, tag="kicked", frozen=True):
    """An administrator ended somebody's membership."""

    room: RoomName
    number: Number
    time: Number
    name: str
    by: str
    reason: str = ""


# --- events of a room that are not stored --------------------------------------------------------


class RoomGap(Said, tag="room.gap", frozen=True):
    """Events `first` to `last` were not sent on this connection; `room.history` has what is kept of them."""

    room: RoomName
    first: Number
    last: Number


class Presence(Said, tag="room.presence", frozen=True):
    """Who came and went, once a second at most; in a large room only how many are online."""

    room: RoomName
    online: list[str]
    offline: list[str]
    count: Number


Reply: TypeAlias = (
    Failure
    | Done
    | NameFacts
    | InviteFacts
    | Welcome
    | WelcomeLimited
    | Accepted
    | RoomOpened
    | RoomPage
    | PeoplePage
    | HistoryPage
    | SearchPage
    | PongReply
)
RoomEvent: TypeAlias = Message | TopicSet | Joined | Left | Kicked
Event: TypeAlias = Hello | PingEvent | ServerClosing | SessionReplaced | RoomEvent | RoomGap | Presence
AnySaid: TypeAlias = Reply | Event
