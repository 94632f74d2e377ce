"""What administrators decide: invites and reset links, states of accounts, the end of sessions."""

from secure_chat.directory.leaf import LeafType
from secure_chat.errors import InviteUnknown, InviteUsed, NameTaken, RoomLimit, TokenUnknown, UserUnknown
from secure_chat.limits import MAX_ROOMS_PER_ACCOUNT
from secure_chat.names import check_user_name, skeleton
from secure_chat.storage.decisions import device_keys, memberships, tokens
from secure_chat.storage.decisions.invites import RESET, used_on
from secure_chat.storage.draft import Draft
from secure_chat.storage.entries import (
    CreateInvite,
    RevokeInvite,
    RevokeSessions,
    RevokeUnusedAdministratorInvites,
    SetAccountState,
)
from secure_chat.storage.outcomes import SessionsEnded, Settled
from secure_chat.storage.queries import invites as invite_queries
from secure_chat.storage.queries import people as queries
from secure_chat.storage.state import LOBBY, Account

_INVITES = "secure-chat-admin invite list"  # who revokes has made them: to ask for another one is no advice
LEAF_OF_STATE = {"enabled": LeafType.ENABLE, "disabled": LeafType.DISABLE, "deleted": LeafType.DELETE}


def create_invite(entry: CreateInvite, draft: Draft) -> Settled:
    """A link for somebody new, or for the account of that name: its passphrase, sessions and older reset links end."""
    if entry.purpose == RESET:
        account = _account_named(draft, entry.name)
        draft.write(invite_queries.REVOKE_UNUSED_RESETS, for_name=account.name, now=draft.now_ms)
        draft.write(queries.SET_PASSWORD, account=account.number, new_hash=b"")
        _end_sessions(draft, account)
    else:
        _check_invitation(entry, draft)
    number = draft.insert(
        invite_queries.ADD,
        *(entry.token_hash, entry.purpose, entry.role.value, " ".join(entry.rooms), entry.name, entry.made_by),
        *(draft.now_ms, entry.expires, None, None, None, None, None, None),
    )
    return Settled(str(number))


def revoke_invite(entry: RevokeInvite, draft: Draft) -> Settled:
    """It is good for nothing any more; a repeat changes nothing."""
    row = draft.one(invite_queries.BY_NUMBER, invite=entry.invite)
    if row is None:
        raise InviteUnknown(f"There is no invite {entry.invite}.", hint=_INVITES)
    used, revoked = row
    if used is not None:
        raise InviteUsed(used_on(used).sentence, hint=f"by whom: {_INVITES}")
    if revoked is None:
        draft.write(invite_queries.REVOKE, invite=entry.invite, now=draft.now_ms)
    return Settled()


def revoke_unused_administrator_invites(entry: RevokeUnusedAdministratorInvites, draft: Draft) -> Settled:
    """Links printed at earlier starts end; tells how many."""
    del entry  # it says nothing more
    return Settled(str(draft.write(invite_queries.REVOKE_UNUSED_ADMINISTRATORS, now=draft.now_ms)))


def set_account_state(entry: SetAccountState, draft: Draft) -> Settled:
    """Enable, disable or delete. Who is disabled receives nothing from this moment on, who is deleted leaves."""
    account = _account_named(draft, entry.name)
    leaf = LEAF_OF_STATE[entry.state]
    if account.state == entry.state:
        return Settled(account.name)
    changed = Account(account.number, account.user_id, account.name, account.role, entry.state)
    draft.write(queries.SET_STATE, account=account.number, new_state=entry.state)
    draft.put_account(changed)
    _note_in_directory(draft, account, leaf)
    if entry.state == "disabled":
        memberships.cut(draft, account)
    if entry.state == "deleted":
        _remove_what_is_left(draft, account)
    if entry.state != "enabled":
        draft.write(invite_queries.REVOKE_UNUSED_OF, of_inviter=account.number, now=draft.now_ms)
        _end_sessions(draft, account)
    return Settled(account.name)


def revoke_sessions(entry: RevokeSessions, draft: Draft) -> Settled:
    """Logged out everywhere."""
    account = _account_named(draft, entry.name)
    _end_sessions(draft, account)
    return Settled(account.name)


def _account_named(draft: Draft, name: str) -> Account:
    account = draft.account_named(name)
    if account is None or account.deleted:
        raise UserUnknown(f"There is no user {name}.")
    return account


def _check_invitation(entry: CreateInvite, draft: Draft) -> None:
    for room in entry.rooms:
        draft.room(room)
    if len({LOBBY, *entry.rooms}) > MAX_ROOMS_PER_ACCOUNT:
        raise RoomLimit(f"Nobody can be in more than {MAX_ROOMS_PER_ACCOUNT} rooms.")
    if not entry.name:
        return
    check_user_name(entry.name)
    if draft.one(queries.ACCOUNT_TAKEN, name=entry.name, skeleton=skeleton(entry.name)) is not None:
        raise NameTaken(f"The name {entry.name} is taken, or looks like one that is.")


def _end_sessions(draft: Draft, account: Account) -> None:
    tokens.end_all(draft, account.number)
    draft.announce(SessionsEnded(account.number, TokenUnknown()))


def _note_in_directory(draft: Draft, account: Account, leaf: LeafType) -> None:
    facts = draft.one(queries.LOGIN_FACTS, account=account.number)
    if facts is None:
        raise UserUnknown(f"There is no user {account.name}.")
    _, digest, version, _ = facts
    device_keys.append_to_directory(draft, leaf, account.user_id, account.name, version, digest, None)


def _remove_what_is_left(draft: Draft, account: Account) -> None:
    for view in draft.rooms_of(account.number):
        memberships.leave(draft, draft.room(view.name), account)
    for device in device_keys.listed_devices(draft, account.number):
        device_keys.forget_shelf(draft, account.number, device)
        draft.write(queries.SET_LISTED, of_account=account.number, of_device=device, is_listed=0)
    draft.put_listed(account.number, ())
    draft.changes_mail().forget_pairs(account.number)
    draft.write(invite_queries.REVOKE_UNUSED_RESETS, for_name=account.name, now=draft.now_ms)
    draft.write(queries.SET_PASSWORD, account=account.number, new_hash=b"")
