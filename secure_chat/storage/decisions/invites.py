"""Invites and reset links: who made them for what, that they are used once, in time, and by whom they are meant for."""

from datetime import UTC, datetime

import msgspec

from secure_chat.errors import InviteBound, InviteExpired, InviteUnknown, InviteUsed
from secure_chat.protocol.states import Role
from secure_chat.storage.draft import Draft
from secure_chat.storage.outcomes import InviteWasUsed
from secure_chat.storage.queries import invites as queries

JOIN = "join"
RESET = "reset"


class Invite(msgspec.Struct, frozen=True, gc=False):
    """A row of the invites as far as its use is decided by it."""

    number: int
    purpose: str
    role: str
    rooms: str  # names, a space between
    name: str
    expires: int
    used_by: int | None
    used: int | None
    revoked: int | None
    inviter: int | None  # account of the member whose own it is

    @property
    def made_for_one(self) -> bool:
        """Whether an operator made it for one person: bound to a name, or for an administrator."""
        return bool(self.name) or self.role == Role.ADMINISTRATOR.value


def find_invite(draft: Draft, token_hash: bytes, purpose: str) -> Invite:
    """The invite of that token and purpose, in whatever state. Raises `InviteUnknown`."""
    row = draft.one(queries.BY_TOKEN, token_hash=token_hash)
    if row is None or row[1] != purpose:
        raise InviteUnknown
    return Invite(*row)


def check_usable(invite: Invite, now_ms: int) -> None:
    """Raises `InviteUsed` with the day, `InviteUnknown` for a withdrawn one, `InviteExpired`."""
    if invite.used is not None:
        raise used_on(invite.used)
    if invite.revoked is not None:
        raise InviteUnknown("This invite was withdrawn.")
    if invite.expires <= now_ms:
        raise InviteExpired


def check_name(invite: Invite, name: str) -> None:
    """Raises `InviteBound` when it is for another name."""
    if invite.name and invite.name != name:
        raise InviteBound(f"This invite is for {invite.name}.")


def use_invite(draft: Draft, invite: Invite, token_hash: bytes, account: int, proof: bytes) -> None:
    """It is used up; the proof is kept for its maker's client."""
    draft.write(queries.USE, invite=invite.number, account=account, now=draft.now_ms, new_proof=proof or None)
    if invite.inviter is not None:
        draft.announce(InviteWasUsed(invite.inviter, token_hash))


def used_on(used_ms: int) -> InviteUsed:
    """The error that says on which day it was used, in UTC: `This invite was used on 3 May 2026.`"""
    day = datetime.fromtimestamp(used_ms / 1000, UTC)
    return InviteUsed(f"This invite was used on {day.day} {day:%B %Y}.")
