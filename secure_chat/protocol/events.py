"""What a server says: replies, which repeat a request's id, and events, which nobody asked for."""

from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

from secure_chat.limits import MAX_ROOM_NAME_CHARACTERS
from secure_chat.protocol.commands import Bytes16, Bytes32, DeviceId, Number

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
    one_time_prekeys: Number = 0  # of this device, on the shelf
    signed_prekey_id: bytes = b""  # 8: the newest signed prekey of this device that the server keeps
    invites_used: bool = False  # `invite.own` has something to tell

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


class PrekeysKept(Said, tag="prekeys.kept", frozen=True):
    """The prekeys are on the shelf; `live`: how many one-time prekeys of this device are there now."""

    id: Number
    live: Number


class DeviceLists(Said, tag="devices.lists", frozen=True):
    """Signed device lists of one user, ascending, and the account's state; `more`: ask again after the last one."""

    id: Number
    user_id: Bytes16
    name: str
    state: str  # "enabled", "disabled" or "deleted"
    lists: list[bytes]
    more: bool


class PrekeyBundle(msgspec.Struct, frozen=True, gc=False):
    """What one device has on its shelf for whoever opens a session with it; without one-time prekey: empty."""

    device_id: DeviceId
    signed_prekey: bytes  # 1297
    one_time: bytes = b""  # 1288 or empty


class PrekeyBundles(Said, tag="prekeys.bundles", frozen=True):
    """Prekeys of the devices asked for; a device that is not listed or has no keys is absent."""

    id: Number
    user_id: Bytes16
    bundles: list[PrekeyBundle]


class DirectAccepted(Said, tag="direct.accepted", frozen=True):
    """All of it is on the disk; a repeat gets the same answer."""

    id: Number
    time: Number  # milliseconds since 1970 UTC


class DevicesStale(Said, tag="devices.stale", frozen=True):
    """The parts are not for the devices of the newest list, which is here; nothing was taken."""

    id: Number
    user_id: Bytes16
    lists: list[bytes]


class DevicesFull(Said, tag="devices.full", frozen=True):
    """These devices have too much waiting of the asking account, or all mailboxes have; nothing was taken."""

    id: Number
    devices: list[DeviceId]


class InviteMade(Said, tag="invite.made", frozen=True):
    """The invite is kept; a repeat of the request gets the same answer."""

    id: Number
    expires: Number  # milliseconds since 1970 UTC


class UsedInvite(msgspec.Struct, frozen=True, gc=False):
    """Who has joined by one of the own invites, with the keys of the registration."""

    token_hash: Bytes32
    user_id: Bytes16
    name: str
    identity_key: Bytes32
    proof: bytes  # 32, or empty
    time: Number  # milliseconds since 1970 UTC


class OwnInvites(Said, tag="invite.uses", frozen=True):
    """Own invites that were used and not settled, at most a page; settle these and ask again."""

    id: Number
    used: list[UsedInvite]


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


# --- direct messages -----------------------------------------------------------------------------


class DirectEnvelope(Said, tag="direct", frozen=True):
    """A message for this device, oldest first; it comes again on the next connection until it is acknowledged."""

    envelope: bytes
    time: Number  # when the server took it, milliseconds since 1970 UTC
    sender: str  # the account's name, as the server says

    def __repr__(self) -> str:
        """Without the envelope."""
        return f"DirectEnvelope(time={self.time}, sender={self.sender!r})"


class PrekeysLow(Said, tag="prekeys.low", frozen=True):
    """Few one-time prekeys of this device are left on the shelf."""

    live: Number


class InviteUsed(Said, tag="invite.used", frozen=True):
    """Somebody has joined by an own invite: `invite.own` tells who. Only a hint; it may be lost."""

    token_hash: Bytes32


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
    | PrekeysKept
    | DeviceLists
    | PrekeyBundles
    | DirectAccepted
    | DevicesStale
    | DevicesFull
    | InviteMade
    | OwnInvites
)
RoomEvent: TypeAlias = Message | TopicSet | Joined | Left | Kicked
DirectEvent: TypeAlias = DirectEnvelope | PrekeysLow | InviteUsed
Event: TypeAlias = Hello | PingEvent | ServerClosing | SessionReplaced | RoomEvent | RoomGap | Presence | DirectEvent
AnySaid: TypeAlias = Reply | Event
