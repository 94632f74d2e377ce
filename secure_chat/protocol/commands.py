"""What a client may ask: one typed struct for each command, its sizes checked while it is decoded."""

from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

from secure_chat.limits import (
    MAX_DEVICES_PER_USER,
    MAX_ENVELOPE_BYTES,
    MAX_NAMED_ENVELOPES,
    MAX_SETTLED_INVITES,
    MAX_SMALL_REQUEST_BYTES,
    ONE_TIME_PREKEYS_UPLOAD,
)

RequestId: TypeAlias = Annotated[int, Meta(ge=1, le=2**32 - 1)]
Bytes16: TypeAlias = Annotated[bytes, Meta(min_length=16, max_length=16)]
Bytes32: TypeAlias = Annotated[bytes, Meta(min_length=32, max_length=32)]
Bytes64: TypeAlias = Annotated[bytes, Meta(min_length=64, max_length=64)]
TokenOrNone: TypeAlias = Annotated[bytes, Meta(max_length=16)]  # 16 bytes, or empty
ProofOrNone: TypeAlias = Annotated[bytes, Meta(max_length=32)]  # 32 bytes, or empty
DeviceListBytes: TypeAlias = Annotated[bytes, Meta(max_length=1600)]  # signed list of eight devices and a long name
SignedPrekeyBytes: TypeAlias = Annotated[bytes, Meta(min_length=1297, max_length=1297)]  # SPK 1233 and signature 64
SignedPrekeyOrNone: TypeAlias = Annotated[bytes, Meta(max_length=1297)]  # the same, or empty
OneTimePrekeyBytes: TypeAlias = Annotated[bytes, Meta(min_length=1288, max_length=1288)]  # OTP 1224 and signature 64
UserIdOrNone: TypeAlias = Annotated[bytes, Meta(max_length=16)]  # 16 bytes, or empty
EnvelopeOrNone: TypeAlias = Annotated[bytes, Meta(max_length=MAX_ENVELOPE_BYTES)]
AnyName: TypeAlias = Annotated[
    str, Meta(max_length=255)
]  # longer than any valid name: the rules answer, not the decoder
AnyText: TypeAlias = Annotated[str, Meta(max_length=MAX_SMALL_REQUEST_BYTES)]
Number: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]
DeviceId: TypeAlias = Annotated[int, Meta(ge=1, le=2**32 - 1)]


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", gc=False):
    """A request: `id` is chosen by the client, unique among its unanswered requests; the reply repeats it."""

    id: RequestId

    def __repr__(self) -> str:
        """Type and id: what a request carries is secret often enough never to be shown."""
        return f"{type(self).__name__}(id={self.id})"


# --- before login --------------------------------------------------------------------------------


class NameQuery(Command, tag="name.query", frozen=True):
    """Which row of the closed table of login derivations this name uses; the same answer for unknown names."""

    name: AnyName


class InviteQuery(Command, tag="invite.query", frozen=True):
    """What an invite is for; asked with the hash so that the token itself travels only when it is redeemed."""

    token_hash: Bytes32


class DeviceProof(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A device's word at login: its signature over this connection, and its counter against cloned stores."""

    device_id: DeviceId
    signature: Bytes64
    counter: Number

    def __repr__(self) -> str:
        """Without the signature."""
        return f"DeviceProof(device_id={self.device_id}, counter={self.counter})"


class Register(Command, tag="register", frozen=True):
    """Make an account: token, name, login secret, device list version 1, signed prekey, the device's proof."""

    name: AnyName
    login_secret: Bytes32
    device_list: DeviceListBytes
    signed_prekey: SignedPrekeyBytes
    device: DeviceProof
    token: TokenOrNone = b""
    proof: ProofOrNone = b""


class Login(Command, tag="login", frozen=True):
    """Log in by name and login secret; without a device's proof the connection may only recover."""

    name: AnyName
    login_secret: Bytes32
    device: DeviceProof | None = None


class Resume(Command, tag="resume", frozen=True):
    """Log in by a resume token, always as the device the token belongs to."""

    token: Bytes32
    device: DeviceProof


class Recover(Command, tag="recover", frozen=True):
    """Put this device in place of all others: a new device list, its signed prekey, a new login secret.

    With an administrator's token before login; without one after a login that had no device.
    """

    name: AnyName
    login_secret: Bytes32
    device_list: DeviceListBytes
    signed_prekey: SignedPrekeyBytes
    device: DeviceProof
    token: TokenOrNone = b""


# --- the session ---------------------------------------------------------------------------------


class TokenConfirm(Command, tag="token.confirm", frozen=True):
    """The pending resume token is safe on the client's disk: only now the one before it ends."""

    token_hash: Bytes32


class Logout(Command, tag="logout", frozen=True):
    """End this session and its resume token; the server answers and closes."""


class PassphraseChange(Command, tag="passphrase.change", frozen=True):
    """Replace the login secret; all other resume tokens of the account end."""

    old_secret: Bytes32
    new_secret: Bytes32


class Ping(Command, tag="ping", frozen=True):
    """Ask for a sign of life."""


class Pong(Command, tag="pong", frozen=True):
    """Answer the server's ping; `id` repeats the ping's and there is no reply."""


# --- rooms ---------------------------------------------------------------------------------------


class RoomCreate(Command, tag="room.create", frozen=True):
    """Make a room and join it."""

    room: AnyName


class RoomJoin(Command, tag="room.join", frozen=True):
    """Become a member and receive the room from the own joining on; a repeat changes nothing."""

    room: AnyName


class RoomLeave(Command, tag="room.leave", frozen=True):
    """End the membership; nothing numbered above the leaving is received."""

    room: AnyName


class RoomOpen(Command, tag="room.open", frozen=True):
    """Receive the events of a room one is a member of, from `after` + 1 on; None: from now on."""

    room: AnyName
    after: Number | None = None


class RoomPost(Command, tag="room.post", frozen=True):
    """Say something in a room; `client_id` is 8 bytes of a random run id and 8 of a rising counter."""

    room: AnyName
    client_id: Bytes16
    text: AnyText
    action: bool = False


class RoomTopic(Command, tag="room.topic", frozen=True):
    """Set a room's topic; an empty text clears it."""

    room: AnyName
    client_id: Bytes16
    text: AnyText


class RoomKick(Command, tag="room.kick", frozen=True):
    """End somebody's membership of a room (administrators)."""

    room: AnyName
    client_id: Bytes16
    name: AnyName
    reason: AnyText = ""


class RoomList(Command, tag="room.list", frozen=True):
    """Rooms in order of their names, after the name `after`, whose name holds `pattern`; a page."""

    after: AnyName = ""
    pattern: AnyName = ""


class RoomMembers(Command, tag="room.members", frozen=True):
    """Members of a room in order of their names, after the name `after`; a page."""

    room: AnyName
    after: AnyName = ""


class RoomHistory(Command, tag="room.history", frozen=True):
    """Stored events of a room, numbers `first` to `last`, both included, ascending; a page."""

    room: AnyName
    first: Number
    last: Number


class RoomSearch(Command, tag="room.search", frozen=True):
    """Messages with all these words in the own rooms, newest first, a page; narrowed by what is not empty."""

    words: AnyText
    room: AnyName = ""
    sender: AnyName = ""
    since: Number = 0  # milliseconds since 1970 UTC
    before: Number = 0  # the `next` of the page before; 0: the first page


class UserList(Command, tag="user.list", frozen=True):
    """Who is online, in order of names, after the name `after`; a page."""

    after: AnyName = ""


# --- direct messages -----------------------------------------------------------------------------


class PrekeysPublish(Command, tag="prekeys.publish", frozen=True):
    """Put prekeys of the asking device on its shelf; `replace`: one-time prekeys not among these are withdrawn.

    `signed_prekey` empty: the newest stays as it is. A repeat changes nothing.
    """

    signed_prekey: SignedPrekeyOrNone = b""
    one_time: Annotated[list[OneTimePrekeyBytes], Meta(max_length=ONE_TIME_PREKEYS_UPLOAD)] = []
    replace: bool = False


class DeviceListQuery(Command, tag="devices.query", frozen=True):
    """Somebody's signed device lists after version `after`, 0: the newest alone; by `name`, or else by `user_id`."""

    name: AnyName = ""
    user_id: UserIdOrNone = b""
    after: Number = 0


class PrekeysClaim(Command, tag="prekeys.claim", frozen=True):
    """Prekeys of these devices, to open sessions with them; a one-time prekey is handed out once."""

    user_id: Bytes16
    devices: Annotated[list[DeviceId], Meta(min_length=1, max_length=MAX_DEVICES_PER_USER)]


class DirectPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What one device of the addressed user gets: an envelope, or (empty) the reason why there is none."""

    device_id: DeviceId
    envelope: EnvelopeOrNone = b""
    omitted: Annotated[int, Meta(ge=0, le=5)] = 0

    def __repr__(self) -> str:
        """Without the envelope."""
        return f"DirectPart(device_id={self.device_id}, omitted={self.omitted})"


class DirectSend(Command, tag="direct.send", frozen=True):
    """One message to one user, a part for each device of the newest list; taken whole or not at all."""

    user_id: Bytes16
    parts: Annotated[list[DirectPart], Meta(min_length=1, max_length=MAX_DEVICES_PER_USER)]


class DirectAcknowledge(Command, tag="direct.acknowledge", frozen=True):
    """These envelopes are on the asking device's disk: the server forgets them. Unknown ids are fine."""

    envelope_ids: Annotated[list[Bytes16], Meta(min_length=1, max_length=MAX_NAMED_ENVELOPES)]


class DirectDefer(Command, tag="direct.defer", frozen=True):
    """These envelopes must wait: they leave the window and come again on the device's next connection."""

    envelope_ids: Annotated[list[Bytes16], Meta(min_length=1, max_length=MAX_NAMED_ENVELOPES)]


class InviteCreate(Command, tag="invite.create", frozen=True):
    """Make an invite of one's own, for a member; a repeat changes nothing. The token itself stays with the client."""

    token_hash: Bytes32


class InviteOwn(Command, tag="invite.own", frozen=True):
    """Which of the own invites were used, by whom, as far as they are not settled."""


class InviteSettle(Command, tag="invite.settle", frozen=True):
    """The inviter's client has dealt with these used invites: they are not told again. Unknown ones are fine."""

    token_hashes: Annotated[list[Bytes32], Meta(min_length=1, max_length=MAX_SETTLED_INVITES)]


BEFORE_LOGIN: TypeAlias = NameQuery | InviteQuery | Register | Login | Resume | Recover
AFTER_LOGIN: TypeAlias = (
    TokenConfirm
    | Logout
    | PassphraseChange
    | Ping
    | Pong
    | RoomCreate
    | RoomJoin
    | RoomLeave
    | RoomOpen
    | RoomPost
    | RoomTopic
    | RoomKick
    | RoomList
    | RoomMembers
    | RoomHistory
    | RoomSearch
    | UserList
    | PrekeysPublish
    | DeviceListQuery
    | PrekeysClaim
    | DirectSend
    | DirectAcknowledge
    | DirectDefer
    | InviteCreate
    | InviteOwn
    | InviteSettle
)
AnyCommand: TypeAlias = BEFORE_LOGIN | AFTER_LOGIN

LARGE_COMMANDS: Final[frozenset[type[Command]]] = frozenset({PrekeysPublish, DirectSend})
"""Commands that may pass `MAX_SMALL_REQUEST_BYTES` (up to `MAX_FRAME_BYTES`): sends, prekey uploads, file chunks."""
