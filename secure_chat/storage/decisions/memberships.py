"""How memberships begin and end: always by a numbered event of the room."""

from secure_chat.errors import RoomLimit
from secure_chat.limits import MAX_ROOMS_PER_ACCOUNT
from secure_chat.protocol.events import Joined, Kicked, Left
from secure_chat.storage.draft import Draft, RoomDraft, SentAs
from secure_chat.storage.outcomes import MembershipBegan, MembershipEnded
from secure_chat.storage.queries import rooms as queries
from secure_chat.storage.state import Account


def check_room_limit(draft: Draft, account: Account) -> None:
    """Refuse one more membership when there are too many. Raises `RoomLimit`."""
    if len(draft.rooms_of(account.number)) >= MAX_ROOMS_PER_ACCOUNT:
        raise RoomLimit(f"Nobody can be in more than {MAX_ROOMS_PER_ACCOUNT} rooms.", hint="leave one first: /leave")


def begin(draft: Draft, room: RoomDraft, account: Account) -> None:
    """The account, which is no member, becomes one."""
    number = room.head + 1
    draft.append(room, account.number, Joined(room=room.name, number=number, time=draft.now_ms, name=account.name))
    room.add_member(account.number)
    draft.insert(queries.ADD_MEMBER, account.number, room.number, number)
    draft.announce(MembershipBegan(room.name, account.number, number))


def leave(draft: Draft, room: RoomDraft, account: Account) -> None:
    """The member goes, or its account does."""
    event = Left(room=room.name, number=room.head + 1, time=draft.now_ms, name=account.name)
    draft.append(room, account.number, event)
    _end(draft, room, account)


def kick(draft: Draft, room: RoomDraft, account: Account, by: Account, reason: str, sent_as: SentAs) -> None:
    """An administrator ends it."""
    event = Kicked(room.name, room.head + 1, draft.now_ms, name=account.name, by=by.name, reason=reason)
    draft.append(room, by.number, event, sent_as=sent_as)
    _end(draft, room, account)


def _end(draft: Draft, room: RoomDraft, account: Account) -> None:
    """The room's newest event has ended the membership."""
    room.remove_member(account.number)
    draft.write(queries.REMOVE_MEMBER, member=account.number, room_number=room.number)
    draft.announce(MembershipEnded(room.name, account.number, room.head))


def cut(draft: Draft, account: Account) -> None:
    """The account may receive nothing after this moment; its memberships stay for a later enabling."""
    for room in draft.rooms_of(account.number):
        draft.announce(MembershipEnded(room.name, account.number, room.head))
