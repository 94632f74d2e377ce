"""What became of the journal's entries once the disk has them, and what the rest of the server must learn of it."""

from typing import TypeAlias

import msgspec

from secure_chat.errors import ChatError
from secure_chat.protocol.events import JoinedRoom, PrekeyBundle
from secure_chat.protocol.states import Role
from secure_chat.storage.records import Mail


class Numbered(msgspec.Struct, frozen=True, gc=False):
    """It has its number in its room. `changed`: the stored text, when the sender must be told of it."""

    room: str
    number: int
    time: int
    changed: str | None = None


class Opened(msgspec.Struct, frozen=True, gc=False):
    """A member may receive the room from `after` + 1 on. `tail`: the newest events as blobs, if asked for."""

    account: int
    room: str
    topic: str
    head: int
    first: int
    after: int
    members: int
    tail: "tuple[Blob, ...] | None" = None


class LoggedIn(msgspec.Struct, frozen=True, gc=False):
    """A device is in. `token_is_new`: the token whose hash the entry carried is to be sent (first or pending)."""

    account: int
    device: int
    user_id: bytes
    name: str
    role: Role
    counter_before: int
    device_list_version: int
    rooms: tuple[JoinedRoom, ...]
    token_is_new: bool
    head: bytes = b""
    one_time_prekeys: int = 0  # of the device, on the shelf
    signed_prekey_id: bytes = b""  # 8: the newest one kept
    invites_used: bool = False  # own invites were used and are not settled
    has_mail: bool = False  # something waits in the device's mailbox


class Settled(msgspec.Struct, frozen=True, gc=False):
    """It is done; `detail` is for the operator (an invite's row number, an account's name)."""

    detail: str = ""


class Refused(msgspec.Struct, frozen=True, gc=False):
    """It did not happen and left no row. An error that is not a `ChatError`'s kind has become `InternalError`."""

    error: ChatError
    log_id: str = ""  # set for internal errors only


class PrekeysKept(msgspec.Struct, frozen=True, gc=False):
    """So many one-time prekeys of the device are on the shelf now."""

    live: int


class Bundles(msgspec.Struct, frozen=True, gc=False):
    """Prekeys for whoever asked; devices without keys are absent."""

    user_id: bytes
    bundles: tuple[PrekeyBundle, ...]


class DirectTaken(msgspec.Struct, frozen=True, gc=False):
    """All parts are on the disk, since `time` (milliseconds since 1970 UTC) for a repeat."""

    time: int


class DirectStale(msgspec.Struct, frozen=True, gc=False):
    """The parts are not for the devices of the newest list; nothing was taken."""

    user_id: bytes
    lists: tuple[bytes, ...]  # the newest, signed


class DirectFull(msgspec.Struct, frozen=True, gc=False):
    """These devices, or all mailboxes together, have too much waiting from the sender; nothing was taken."""

    devices: tuple[int, ...]


class InviteKept(msgspec.Struct, frozen=True, gc=False):
    """The invite is good until `expires` (milliseconds since 1970 UTC); its token is with whoever drew it."""

    expires: int


Outcome: TypeAlias = (
    Numbered
    | Opened
    | LoggedIn
    | PrekeysKept
    | Bundles
    | DirectTaken
    | DirectStale
    | DirectFull
    | InviteKept
    | Settled
    | Refused
)


class Blob(msgspec.Struct, frozen=True, gc=False):
    """Whole frames of consecutive events of one room, at most `MAX_BLOB_BYTES` unless one frame is larger."""

    first: int
    last: int
    frames: bytes


class MembershipBegan(msgspec.Struct, frozen=True, gc=False):
    """`number` is that of the joining event."""

    room: str
    account: int
    number: int


class MembershipEnded(msgspec.Struct, frozen=True, gc=False):
    """`number` is the last one that the account may receive: the leaving or the kick itself."""

    room: str
    account: int
    number: int


class SessionsEnded(msgspec.Struct, frozen=True, gc=False):
    """Connections of this account (of one device, or of all but one) must be closed with this error."""

    account: int
    error: ChatError
    device: int | None = None
    except_device: int | None = None


class MailArrived(msgspec.Struct, frozen=True, gc=False):
    """These envelopes wait for this device now; their numbers rise, also from one change to the next."""

    account: int
    device: int
    mail: tuple[Mail, ...]


class MailGone(msgspec.Struct, frozen=True, gc=False):
    """The device has acknowledged these, whether they were there or not."""

    account: int
    device: int
    envelope_ids: tuple[bytes, ...]


class PrekeysRunLow(msgspec.Struct, frozen=True, gc=False):
    """Few one-time prekeys of this device are left."""

    account: int
    device: int
    live: int


class InviteWasUsed(msgspec.Struct, frozen=True, gc=False):
    """Somebody has joined by an invite of this account's own."""

    account: int
    token_hash: bytes


Change: TypeAlias = (
    MembershipBegan | MembershipEnded | SessionsEnded | MailArrived | MailGone | PrekeysRunLow | InviteWasUsed
)


class Committed(msgspec.Struct, gc=False):
    """One durable batch. `outcomes` has one for each entry, in their order; `changes` are in order as well.

    `appended`: for each room that grew its new blobs, ascending, without a gap to the ones before.
    """

    outcomes: list[Outcome]
    changes: list[Change]
    appended: dict[str, list[Blob]]
