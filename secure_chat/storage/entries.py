"""What the journal may be asked to decide and write: one small type for each thing that can happen."""

from typing import TypeAlias

import msgspec

from secure_chat.protocol.states import Role


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One thing that somebody wants to happen. It is decided in the order of the journal, against the newest state.

    `account` is the account's row number, `device` its device id: both are set by the server from the session,
    never taken from a request.
    """


# --- rooms ---------------------------------------------------------------------------------------


class PostMessage(Entry, frozen=True, gc=False):
    """`text` is the sanitised form; `changed` tells that it differs from what was sent."""

    account: int
    device: int
    room: str
    client_id: bytes
    text: str
    action: bool = False
    changed: bool = False


class SetTopic(Entry, frozen=True, gc=False):
    """`text` is the sanitised form."""

    account: int
    device: int
    room: str
    client_id: bytes
    text: str
    changed: bool = False


class Kick(Entry, frozen=True, gc=False):
    """An administrator ends the membership of the account called `name`."""

    account: int
    device: int
    room: str
    client_id: bytes
    name: str
    reason: str = ""


class CreateRoom(Entry, frozen=True, gc=False):
    """Make a room and its maker's membership. `account` None: made by the operator, nobody joins."""

    account: int | None
    room: str


class JoinRoom(Entry, frozen=True, gc=False):
    """A repeat is answered as the first and writes nothing."""

    account: int
    room: str
    fill: bool = True  # the asking I/O thread holds no ring of this room: send the tail along


class LeaveRoom(Entry, frozen=True, gc=False):
    """A repeat is answered as done and writes nothing."""

    account: int
    room: str


class OpenRoom(Entry, frozen=True, gc=False):
    """Nothing is written; it is an entry because its place in the order decides what follows it."""

    account: int
    room: str
    after: int | None
    fill: bool = True


# --- accounts ------------------------------------------------------------------------------------


class RegisterAccount(Entry, frozen=True, gc=False):
    """All that registration writes, in one transaction. Everything in it has been checked but what only the
    journal can know: the invite, the name, the uniqueness of keys, the mode of registration.

    `repeat`: the name exists and this login secret is right, so the same request may be answered again.
    """

    name: str
    skeleton: str
    password_hash: bytes
    device_list: bytes  # signed
    signed_prekey: bytes  # 1297
    device: int
    counter: int
    resume_token_hash: bytes  # SHA-256 of the token that the answer will carry
    token_hash: bytes | None = None
    proof: bytes = b""
    repeat: bool = False
    registration: str = "invite"  # the live setting: closed, invite, open


class LogIn(Entry, frozen=True, gc=False):
    """Passphrase and device signature were right against `password_hash` and `device_list_hash`; are they still?"""

    account: int
    device: int
    counter: int
    password_hash: bytes
    device_list_hash: bytes
    resume_token_hash: bytes


class ResumeSession(Entry, frozen=True, gc=False):
    """The journal finds the token, then verifies the device's signature over this connection."""

    token_hash: bytes
    device: int
    counter: int
    signature: bytes
    server_id: bytes
    nonce: bytes
    leaf_hash: bytes
    successor_hash: bytes  # SHA-256 of the token that becomes pending if it is time to rotate


class RecoverAccount(Entry, frozen=True, gc=False):
    """A new device list in place of the old: same identity key, or by a reset token another one."""

    name: str
    account: int | None  # logged in without a device; None with a token
    token_hash: bytes | None
    password_hash: bytes
    device_list: bytes
    signed_prekey: bytes
    device: int
    counter: int
    resume_token_hash: bytes
    repeat: bool = False


class ConfirmToken(Entry, frozen=True, gc=False):
    """The client has its pending token on disk."""

    account: int
    device: int
    token_hash: bytes


class EndSession(Entry, frozen=True, gc=False):
    """Logout: the resume tokens of this device end."""

    account: int
    device: int


class TouchSession(Entry, frozen=True, gc=False):
    """A connection of this device has ended: its token's idle days are counted from now."""

    account: int
    device: int


class ChangePassphrase(Entry, frozen=True, gc=False):
    """Only if the stored hash is still the one the old secret was checked against. Other devices' tokens end."""

    account: int
    device: int
    old_hash: bytes
    new_hash: bytes


# --- administration ------------------------------------------------------------------------------


class CreateInvite(Entry, frozen=True, gc=False):
    """`name` binds it; `purpose` "reset" is for the account of that name and ends its sessions at once."""

    token_hash: bytes
    purpose: str  # "join" or "reset"
    role: Role
    rooms: tuple[str, ...]
    expires: int  # milliseconds since 1970 UTC
    name: str = ""
    made_by: str = ""


class RevokeInvite(Entry, frozen=True, gc=False):
    """By the row number that the list shows."""

    invite: int


class RevokeUnusedAdministratorInvites(Entry, frozen=True, gc=False):
    """At a start while no administrator has joined: the last printed invite ends before a new one is printed."""


class SetAccountState(Entry, frozen=True, gc=False):
    """`state`: "enabled", "disabled" or "deleted"; the last two end sessions and, as Left, memberships if deleted."""

    name: str
    state: str


class RevokeSessions(Entry, frozen=True, gc=False):
    """An administrator logs an account out everywhere."""

    name: str


AnyEntry: TypeAlias = (
    PostMessage
    | SetTopic
    | Kick
    | CreateRoom
    | JoinRoom
    | LeaveRoom
    | OpenRoom
    | RegisterAccount
    | LogIn
    | ResumeSession
    | RecoverAccount
    | ConfirmToken
    | EndSession
    | TouchSession
    | ChangePassphrase
    | CreateInvite
    | RevokeInvite
    | RevokeUnusedAdministratorInvites
    | SetAccountState
    | RevokeSessions
)
