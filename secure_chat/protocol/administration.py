"""What an operator may ask a running server through its local socket, and its answers: frames and codes of the wire.

Whoever may open the socket is the operator: there is no login. One request at a time, each answered by one reply.
"""

from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from secure_chat.errors import ChatError, CommandInvalid, RefusedByServer
from secure_chat.limits import MAX_INVITE_HOURS, MAX_INVITE_ROOMS
from secure_chat.protocol.commands import AnyName, Bytes32, Command, Number
from secure_chat.protocol.events import Done, Failure, Said
from secure_chat.protocol.frames import frame

RoleName: TypeAlias = Literal["member", "administrator"]
Hours: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_INVITE_HOURS)]
InviteRooms: TypeAlias = Annotated[list[AnyName], Meta(max_length=MAX_INVITE_ROOMS)]

# --- requests ------------------------------------------------------------------------------------


class ListUsers(Command, tag="admin.user.list", frozen=True):
    """Accounts in order of their names, after the name `after`; a page."""

    after: AnyName = ""


class ShowUser(Command, tag="admin.user.show", frozen=True):
    """Everything the server knows of one account."""

    name: AnyName


class AddUser(Command, tag="admin.user.add", frozen=True):
    """Make an invite bound to a name. The token is the caller's; only its hash is told."""

    name: AnyName
    token_hash: Bytes32
    hours: Hours
    role: RoleName = "member"
    rooms: InviteRooms = []


class ResetUser(Command, tag="admin.user.reset", frozen=True):
    """Make a link by which a person who lost everything comes back; passphrase and sessions end at once."""

    name: AnyName
    token_hash: Bytes32
    hours: Hours


class SetUserState(Command, tag="admin.user.state", frozen=True):
    """Disable, enable or delete an account; a deleted name is never given again."""

    name: AnyName
    state: Literal["enabled", "disabled", "deleted"]


class LogOutUser(Command, tag="admin.user.logout", frozen=True):
    """End all sessions and resume tokens of an account."""

    name: AnyName


class CreateInvite(Command, tag="admin.invite.create", frozen=True):
    """Make an invite for whoever holds the link. The token is the caller's; only its hash is told."""

    token_hash: Bytes32
    hours: Hours
    role: RoleName = "member"
    rooms: InviteRooms = []
    name: AnyName = ""


class ListInvites(Command, tag="admin.invite.list", frozen=True):
    """Invites, newest first; a page of those numbered below `before` (0: the first page)."""

    before: Number = 0


class RevokeInvite(Command, tag="admin.invite.revoke", frozen=True):
    """End an invite that was not used, by the number that the list shows."""

    invite: Number


class ListSessions(Command, tag="admin.sessions", frozen=True):
    """Devices that may resume and those that are connected, in order of names, after the name `after`; a page."""

    after: AnyName = ""


class AskStatus(Command, tag="admin.status", frozen=True):
    """How the server is."""


class AskStatistics(Command, tag="admin.stats", frozen=True):
    """What the server counted since its start."""


class Reload(Command, tag="admin.reload", frozen=True):
    """Read settings and certificate again; they are taken over whole or not at all."""


class AskAddress(Command, tag="admin.address", frozen=True):
    """What links to this server are made of."""


# --- replies -------------------------------------------------------------------------------------


class AccountFacts(msgspec.Struct, frozen=True, gc=False):
    """A row of the list of accounts."""

    name: str
    role: str
    state: str  # "enabled", "disabled" or "deleted"
    created: int  # milliseconds since 1970 UTC
    last_login: int  # the same; 0: never
    online: bool


class AccountPage(Said, tag="admin.user.page", frozen=True):
    """Accounts in order of their names."""

    id: int
    accounts: list[AccountFacts]
    more: bool
    total: int


class DeviceFacts(msgspec.Struct, frozen=True, gc=False):
    """A device of an account."""

    device_id: int
    added: int  # milliseconds since 1970 UTC
    may_resume: bool
    last_seen: int  # milliseconds since 1970 UTC, 0: never
    online: bool


class AccountDetails(Said, tag="admin.user.details", frozen=True):
    """Everything the server knows of one account but its texts and hashes."""

    id: int
    facts: AccountFacts
    user_id: bytes  # 16
    identity_key: bytes  # 32
    device_list_version: int
    devices: list[DeviceFacts]
    rooms: list[str]


class InviteRow(msgspec.Struct, frozen=True, gc=False):
    """A row of the list of invites; the token itself is known to nobody but its holder."""

    invite: int
    purpose: str  # "join" or "reset"
    role: str
    name: str
    rooms: list[str]
    made_by: str
    created: int
    expires: int  # milliseconds since 1970 UTC
    state: str  # "open", "used", "expired" or "revoked"
    used_by: str


class InvitePage(Said, tag="admin.invite.page", frozen=True):
    """Invites, newest first."""

    id: int
    invites: list[InviteRow]
    more: bool


class InviteMade(Said, tag="admin.invite.made", frozen=True):
    """The invite exists. Whoever holds the token puts it into a link with `address`."""

    id: int
    invite: int  # the number that the list shows
    expires: int  # milliseconds since 1970 UTC


class SessionFacts(msgspec.Struct, frozen=True, gc=False):
    """A device that may resume, connected or not."""

    name: str
    device_id: int
    online: bool
    created: int
    last_seen: int  # milliseconds since 1970 UTC


class SessionPage(Said, tag="admin.session.page", frozen=True):
    """Devices that may resume, in order of names."""

    id: int
    sessions: list[SessionFacts]
    more: bool


class Status(Said, tag="admin.status.reply", frozen=True):
    """How the server is."""

    id: int
    version: str
    pid: int
    host: str
    port: int
    name: str
    registration: str
    started: int  # milliseconds since 1970 UTC
    connections: int
    people: int  # online
    accounts: int
    rooms: int
    certificate_ends: int  # milliseconds since 1970 UTC


class Counter(msgspec.Struct, frozen=True, gc=False):
    """One thing that is counted."""

    name: str
    value: int


class Statistics(Said, tag="admin.stats.reply", frozen=True):
    """What the server counted since its start, in order of names."""

    id: int
    counters: list[Counter]


class Reloaded(Said, tag="admin.reloaded", frozen=True):
    """The new settings are in force, but those named in `needing_restart`."""

    id: int
    changed: list[str]
    needing_restart: list[str]
    certificate_ends: int  # milliseconds since 1970 UTC


class Address(Said, tag="admin.address.reply", frozen=True):
    """What links to this server are made of."""

    id: int
    host: str
    port: int
    authority: bytes  # 33
    log_pin: bytes  # 16


WritingCommand: TypeAlias = AddUser | ResetUser | SetUserState | LogOutUser | CreateInvite | RevokeInvite
ReadingCommand: TypeAlias = ListUsers | ShowUser | ListInvites | ListSessions
LiveCommand: TypeAlias = AskStatus | AskStatistics | Reload | AskAddress
AdministrationCommand: TypeAlias = WritingCommand | ReadingCommand | LiveCommand
AdministrationReply: TypeAlias = (
    Failure
    | Done
    | AccountPage
    | AccountDetails
    | InvitePage
    | InviteMade
    | SessionPage
    | Status
    | Statistics
    | Reloaded
    | Address
)

_encode: Final = msgspec.msgpack.Encoder().encode
_commands: Final[msgspec.msgpack.Decoder[AdministrationCommand]] = msgspec.msgpack.Decoder(AdministrationCommand)
_replies: Final[msgspec.msgpack.Decoder[AdministrationReply]] = msgspec.msgpack.Decoder(AdministrationReply)


def encode(value: AdministrationCommand | AdministrationReply) -> bytes:
    """One whole frame. Raises `FrameTooLarge`."""
    return frame(_encode(value))


def decode_command(body: bytes) -> AdministrationCommand:
    """The request in a frame's body. Raises `CommandInvalid`."""
    try:
        return _commands.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise CommandInvalid("Not a request of this server's version.") from None


def decode_reply(body: bytes) -> AdministrationReply:
    """The reply in a frame's body. Raises `CommandInvalid`."""
    try:
        return _replies.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise CommandInvalid("Not a reply that this version knows.") from None


def error_of(failure: Failure) -> ChatError:
    """The error of a refusal, by its code; one that this version does not know keeps its sentence."""
    waiting = ChatError.__subclasses__()
    while waiting:
        kind = waiting.pop()
        if vars(kind).get("code") == failure.code:
            return kind(failure.sentence, hint=failure.hint, retry_after=failure.retry_after)
        waiting += kind.__subclasses__()
    return RefusedByServer(f"{failure.sentence} ({failure.code})", hint=failure.hint, retry_after=failure.retry_after)
