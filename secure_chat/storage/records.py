"""What reading the database answers: rows and pages as typed values."""

import msgspec

from secure_chat.protocol.events import Inviter
from secure_chat.protocol.states import Role


class History(msgspec.Struct, frozen=True, gc=False):
    """Whole frames of the events `first` to `last` that are kept; `last` says how far the page got."""

    first: int
    last: int
    frames: bytes


class Found(msgspec.Struct, frozen=True, gc=False):
    """Whole frames of messages found, newest first; `next` asks for the page after it, 0: there is none."""

    frames: bytes
    next: int


class RoomRow(msgspec.Struct, frozen=True, gc=False):
    """A room in the list of rooms."""

    room: str
    topic: str
    members: int
    joined: bool  # whether whoever asked is in it


class RoomRows(msgspec.Struct, frozen=True, gc=False):
    """A page of rooms by name; `total` counts all that the pattern fits."""

    rooms: tuple[RoomRow, ...]
    more: bool
    total: int


class MemberRow(msgspec.Struct, frozen=True, gc=False):
    """A member of a room."""

    account: int
    name: str
    role: Role


class MemberRows(msgspec.Struct, frozen=True, gc=False):
    """A page of members by name; `total` counts all of the room."""

    members: tuple[MemberRow, ...]
    more: bool
    total: int


class Credentials(msgspec.Struct, frozen=True, gc=False):
    """What a login, registration or recovery is checked against."""

    account: int
    user_id: bytes
    name: str
    role: Role
    state: str  # "enabled" or "disabled"
    password_hash: bytes
    device_list: bytes  # the newest, signed
    device_list_hash: bytes  # its digest
    device_list_version: int
    registered_list_hash: bytes  # digest of version 1

    def __repr__(self) -> str:
        """Without the hash of the login secret."""
        return f"Credentials(account={self.account}, name={self.name!r}, state={self.state!r})"


class Invite(msgspec.Struct, frozen=True, gc=False):
    """An invite that can be used now; for a reset with the account's newest device list."""

    number: int
    purpose: str  # "join" or "reset"
    role: Role
    rooms: tuple[str, ...]
    name: str  # the one it is bound to, or empty
    expires: int  # milliseconds since 1970 UTC
    user_id: bytes = b""
    device_list: bytes = b""
    inviter: Inviter | None = None  # the member whose own it is


# --- direct messages -----------------------------------------------------------------------------


class SignedLists(msgspec.Struct, frozen=True, gc=False):
    """Signed device lists of one user, ascending; `more`: there are newer ones."""

    user_id: bytes
    name: str
    state: str  # "enabled", "disabled" or "deleted"
    lists: tuple[bytes, ...]
    more: bool


class Mail(msgspec.Struct, frozen=True, gc=False):
    """An envelope that waits; `frame` is what is pushed."""

    mail_id: int
    envelope_id: bytes
    frame: bytes


class DeviceKey(msgspec.Struct, frozen=True, gc=False):
    """Whose device it is, and the key under which its prekeys are signed."""

    user_id: bytes
    signing_key: bytes


# --- for operators -------------------------------------------------------------------------------


class UserRow(msgspec.Struct, frozen=True, gc=False):
    """An account, deleted ones included."""

    account: int
    name: str
    role: Role
    state: str  # "enabled", "disabled" or "deleted"
    created: int  # milliseconds since 1970 UTC
    last_login: int


class UserRows(msgspec.Struct, frozen=True, gc=False):
    """A page of accounts by name."""

    users: tuple[UserRow, ...]
    more: bool
    total: int


class DeviceRow(msgspec.Struct, frozen=True, gc=False):
    """A device in an account's newest list."""

    device_id: int
    added: int  # milliseconds since 1970 UTC, by the device's own clock
    may_resume: bool
    last_used: int  # of its resume token; 0: it has none


class UserDetails(msgspec.Struct, frozen=True, gc=False):
    """One account with its identity, devices and rooms."""

    user: UserRow
    user_id: bytes
    identity_key: bytes
    device_list_version: int
    devices: tuple[DeviceRow, ...]
    rooms: tuple[str, ...]


class SessionRow(msgspec.Struct, frozen=True, gc=False):
    """A device that may resume."""

    account: int
    name: str
    device_id: int
    created: int
    last_used: int


class SessionRows(msgspec.Struct, frozen=True, gc=False):
    """A page of devices by their owners' names, all of one owner on one page."""

    sessions: tuple[SessionRow, ...]
    more: bool


class InviteRow(msgspec.Struct, frozen=True, gc=False):
    """An invite in whatever state."""

    number: int
    purpose: str
    role: Role
    rooms: tuple[str, ...]
    name: str
    made_by: str
    made: int
    expires: int
    used: int | None
    used_by: str  # a name, or empty
    revoked: int | None


class InviteRows(msgspec.Struct, frozen=True, gc=False):
    """A page of invites, newest first."""

    invites: tuple[InviteRow, ...]
    more: bool


class LogRow(msgspec.Struct, frozen=True, gc=False):
    """An event of a room as it is kept."""

    number: int
    time: int
    kind: int
    account: int | None
    body: str | None
    frame: bytes


class DirectoryRow(msgspec.Struct, frozen=True, gc=False):
    """A row of the append-only table: leaf `row` of the key log."""

    row: int
    type: int
    user_id: bytes
    name: str
    version: int
    digest: bytes
    time: int
    device_list: bytes | None
