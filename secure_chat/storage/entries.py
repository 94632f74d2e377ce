"""What the journal may be asked to decide and write: one small type for each thing that can happen."""

from typing import Final, TypeAlias, get_args

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
    old_hash: bytes = b""  # what the login without a device was checked against; is it still so?


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


# --- direct messages -----------------------------------------------------------------------------


class PublishPrekeys(Entry, frozen=True, gc=False):
    """Prekeys whose signatures were checked under `signing_key` (`directory.prekeys.check_published`).

    The journal decides whether that is still the device's key, and the rest: dates, limits, ids that were there before.
    """

    account: int
    device: int
    signing_key: bytes  # 32
    signed_prekey: bytes  # 1297, or empty: the newest stays
    one_time: tuple[bytes, ...]  # 1288 each
    replace: bool = False


class ClaimPrekeys(Entry, frozen=True, gc=False):
    """Prekeys of these devices of somebody, for `account`."""

    account: int
    user_id: bytes
    devices: tuple[int, ...]


class OutgoingPart(msgspec.Struct, frozen=True, gc=False):
    """What one device gets. The envelope's header was compared with session and device (`protocol.envelope_header`)."""

    device: int
    envelope_id: bytes = b""  # 16, or empty
    envelope: bytes = b""  # empty: the sender has a reason to leave this device out

    def __repr__(self) -> str:
        """Without the envelope."""
        return f"OutgoingPart(device={self.device}, envelope_id={self.envelope_id.hex()})"


class SendDirect(Entry, frozen=True, gc=False):
    """One message to one user, whole or not at all. No two parts are for one device or bear one envelope id."""

    account: int
    device: int
    user_id: bytes
    parts: tuple[OutgoingPart, ...]


class AcknowledgeDirect(Entry, frozen=True, gc=False):
    """The device has these on its disk."""

    account: int
    device: int
    envelope_ids: tuple[bytes, ...]


class CreateOwnInvite(Entry, frozen=True, gc=False):
    """A member's own invite. `by_members`: the live setting; administrators may in any case."""

    account: int
    token_hash: bytes
    expires: int  # milliseconds since 1970 UTC
    by_members: bool = True


class SettleInvites(Entry, frozen=True, gc=False):
    """The inviter's client has dealt with these."""

    account: int
    token_hashes: tuple[bytes, ...]


# --- administration ------------------------------------------------------------------------------


class CreateInvite(Entry, frozen=True, gc=False):
    """`name` binds it; `purpose` "reset" is for the account of that name and ends passphrase and sessions."""

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
    | PublishPrekeys
    | ClaimPrekeys
    | SendDirect
    | AcknowledgeDirect
    | CreateOwnInvite
    | SettleInvites
    | CreateInvite
    | RevokeInvite
    | RevokeUnusedAdministratorInvites
    | SetAccountState
    | RevokeSessions
)

ENTRIES: Final[frozenset[type]] = frozenset(get_args(AnyEntry))
"""All of them. To ask for the type costs a sixth of asking whether something is an instance of one of these."""
