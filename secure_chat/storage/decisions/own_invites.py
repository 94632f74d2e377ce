"""Members' own invites: made for anybody, by their clients; their use is told to those clients until it is settled."""

from secure_chat.errors import ClientIdReused, InviteLimit, PermissionDenied
from secure_chat.limits import OPEN_INVITES_PER_ACCOUNT
from secure_chat.protocol.states import Role
from secure_chat.storage.decisions.invites import JOIN
from secure_chat.storage.draft import Draft
from secure_chat.storage.entries import CreateOwnInvite, SettleInvites
from secure_chat.storage.outcomes import InviteKept, Settled
from secure_chat.storage.queries import invites as queries


def create(entry: CreateOwnInvite, draft: Draft) -> InviteKept:
    """A link for somebody new, who joins as a member; a repeat, known by its token, gets the first answer.

    Raises `PermissionDenied`, `InviteLimit`, and `ClientIdReused` for the token of somebody else's invite.
    """
    inviter = draft.actor(entry.account)
    first = draft.one(queries.MADE_UNDER, token_hash=entry.token_hash)
    if first is not None:
        made_by, expires = first
        if made_by != inviter.number:
            raise ClientIdReused("This token is another invite's.")
        return InviteKept(expires)
    if not entry.by_members and inviter.role is not Role.ADMINISTRATOR:
        raise PermissionDenied("On this server only administrators invite.")
    row = draft.one(queries.OPEN_OF, inviter=entry.account, now=draft.now_ms)
    if row is not None and row[0] >= OPEN_INVITES_PER_ACCOUNT:
        raise InviteLimit(f"You have {OPEN_INVITES_PER_ACCOUNT} open invites.")
    draft.insert(
        queries.ADD,
        *(entry.token_hash, JOIN, Role.MEMBER.value, "", "", inviter.name),
        *(draft.now_ms, entry.expires, None, None, None, None, inviter.number, None),
    )
    return InviteKept(entry.expires)


def settle(entry: SettleInvites, draft: Draft) -> Settled:
    """These are not told again; a repeat changes nothing."""
    draft.actor(entry.account)
    for token_hash in entry.token_hashes:
        draft.write(queries.SETTLE, of_inviter=entry.account, of_token=token_hash, now=draft.now_ms)
    return Settled()
