"""What an operator's commands mean to the database: entries and lookups, the same online and offline."""

import pwd
from collections.abc import Callable
from typing import Final, TypeAlias

from secure_chat.errors import UserUnknown
from secure_chat.names import room_name, user_name
from secure_chat.protocol import administration as a
from secure_chat.protocol.events import Done
from secure_chat.protocol.states import Role
from secure_chat.storage.entries import AnyEntry, CreateInvite, RevokeInvite, RevokeSessions, SetAccountState
from secure_chat.storage.outcomes import Outcome, Refused, Settled
from secure_chat.storage.reader import StoreReader
from secure_chat.storage.records import InviteRow, UserRow

OPERATOR: Final = "operator"  # who made the invites that a start prints
MS_PER_HOUR: Final = 60 * 60 * 1000
ANY_DEVICE: Final = 0

Online: TypeAlias = Callable[[int, int], bool]
"""Whether a device of an account is connected: (account, device), or any of its devices: (account, ANY_DEVICE)."""


def nobody_online(_account: int, _device: int) -> bool:
    """What is true while no server runs."""
    return False


def operator_name(uid: int) -> str:
    """How the operating system calls a user, who is then named as the maker of an invite."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


# --- what writes -------------------------------------------------------------------------------------


def entry_of(command: a.WritingCommand, now_ms: int, made_by: str) -> AnyEntry:
    """The journal entry of a command, `made_by` an operator. Raises `NameInvalid`, `RoomNameInvalid`."""
    match command:
        case a.AddUser() | a.CreateInvite():
            return CreateInvite(
                token_hash=command.token_hash,
                purpose="join",
                role=Role(command.role),
                rooms=tuple(dict.fromkeys(room_name(room) for room in command.rooms)),
                expires=now_ms + command.hours * MS_PER_HOUR,
                name=user_name(command.name) if command.name or isinstance(command, a.AddUser) else "",
                made_by=made_by,
            )
        case a.ResetUser():
            return CreateInvite(
                token_hash=command.token_hash,
                purpose="reset",
                role=Role.MEMBER,  # a reset changes no role
                rooms=(),
                expires=now_ms + command.hours * MS_PER_HOUR,
                name=user_name(command.name),
                made_by=made_by,
            )
        case a.RevokeInvite():
            return RevokeInvite(command.invite)
        case a.SetUserState():
            return SetAccountState(user_name(command.name), command.state)
        case a.LogOutUser():
            return RevokeSessions(user_name(command.name))


def reply_of(command: a.WritingCommand, entry: AnyEntry, outcome: Outcome) -> a.InviteMade | Done:
    """The reply once the entry was decided. Raises the `ChatError` of a refusal."""
    if isinstance(outcome, Refused):
        raise outcome.error
    if isinstance(entry, CreateInvite) and isinstance(outcome, Settled):
        return a.InviteMade(command.id, int(outcome.detail), entry.expires)
    return Done(command.id)


# --- what only reads ---------------------------------------------------------------------------------


def look_up(command: a.ReadingCommand, reader: StoreReader, online: Online, now_ms: int) -> a.AdministrationReply:
    """The reply to a command that only reads. Raises `UserUnknown`, `Busy`."""
    match command:
        case a.ListUsers():
            users = reader.users(command.after)
            return a.AccountPage(command.id, [_facts(row, online) for row in users.users], users.more, users.total)
        case a.ShowUser():
            return _details(command, reader, online)
        case a.ListInvites():
            invites = reader.invites(command.before)
            return a.InvitePage(command.id, [_invite(row, now_ms) for row in invites.invites], invites.more)
        case a.ListSessions():
            sessions = reader.sessions(command.after)
            rows = [
                a.SessionFacts(row.name, row.device_id, online(row.account, row.device_id), row.created, row.last_used)
                for row in sessions.sessions
            ]
            return a.SessionPage(command.id, rows, sessions.more)


def _details(command: a.ShowUser, reader: StoreReader, online: Online) -> a.AccountDetails:
    name = user_name(command.name)
    found = reader.user(name)
    if found is None:
        raise UserUnknown(f"There is no user {name}.")
    devices = [
        a.DeviceFacts(
            device_id=row.device_id,
            added=row.added,
            may_resume=row.may_resume,
            last_seen=row.last_used,
            online=online(found.user.account, row.device_id),
        )
        for row in found.devices
    ]
    return a.AccountDetails(
        id=command.id,
        facts=_facts(found.user, online),
        user_id=found.user_id,
        identity_key=found.identity_key,
        device_list_version=found.device_list_version,
        devices=devices,
        rooms=list(found.rooms),
    )


def _facts(row: UserRow, online: Online) -> a.AccountFacts:
    is_online = online(row.account, ANY_DEVICE)
    return a.AccountFacts(row.name, row.role.value, row.state, row.created, row.last_login, is_online)


def _invite(row: InviteRow, now_ms: int) -> a.InviteRow:
    return a.InviteRow(
        invite=row.number,
        purpose=row.purpose,
        role=row.role.value,
        name=row.name,
        rooms=list(row.rooms),
        made_by=row.made_by,
        created=row.made,
        expires=row.expires,
        state=_state(row, now_ms),
        used_by=row.used_by,
    )


def _state(row: InviteRow, now_ms: int) -> str:
    if row.used is not None:
        return "used"
    if row.revoked is not None:
        return "revoked"
    return "expired" if row.expires <= now_ms else "open"
