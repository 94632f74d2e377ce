"""Rooms and who is in them: create, join, leave, open."""

from secure_chat.errors import RoomExists, RoomLimit
from secure_chat.limits import MAX_ROOMS, MAX_ROOMS_MADE_BY_ONE
from secure_chat.names import check_room_name
from secure_chat.protocol.states import Role
from secure_chat.storage.decisions import memberships
from secure_chat.storage.draft import Draft, RoomDraft
from secure_chat.storage.entries import CreateRoom, JoinRoom, LeaveRoom, OpenRoom
from secure_chat.storage.outcomes import Opened, Settled
from secure_chat.storage.queries import rooms as queries
from secure_chat.storage.state import Account


def create(entry: CreateRoom, draft: Draft) -> Opened | Settled:
    """A new room; whoever makes it is its first member."""
    maker = None if entry.account is None else draft.actor(entry.account)
    check_room_name(entry.room)
    if draft.room_or_none(entry.room) is not None:
        raise RoomExists(f"The room #{entry.room} exists already.", hint=f"join it: /join {entry.room}")
    if draft.room_count >= MAX_ROOMS:
        raise RoomLimit(f"This server has {MAX_ROOMS:,} rooms, which is its limit.")
    if maker is None:
        return Settled(draft.add_room(entry.room, None).name)
    memberships.check_room_limit(draft, maker)
    _check_made(draft, maker)
    room = draft.add_room(entry.room, maker.number)
    memberships.begin(draft, room, maker)
    return _opened(draft, room, maker.number, after=0, fill=True)


def _check_made(draft: Draft, maker: Account) -> None:
    """Nobody but an administrator makes rooms without end. Raises `RoomLimit`."""
    if maker.role is Role.ADMINISTRATOR:
        return
    row = draft.one(queries.MADE_BY, account=maker.number)
    if row is not None and row[0] >= MAX_ROOMS_MADE_BY_ONE:
        raise RoomLimit(
            f"Nobody can make more than {MAX_ROOMS_MADE_BY_ONE} rooms.", hint="ask an administrator to make it"
        )


def join(entry: JoinRoom, draft: Draft) -> Opened:
    """The account becomes a member, if it is none yet, and receives the room from its own joining on."""
    account = draft.actor(entry.account)
    room = draft.room(entry.room)
    joined = room.member_since(account.number)
    if joined is None:
        memberships.check_room_limit(draft, account)
        memberships.begin(draft, room, account)
        joined = room.head
    return _opened(draft, room, account.number, after=joined - 1, fill=entry.fill)


def leave(entry: LeaveRoom, draft: Draft) -> Settled:
    """The membership ends, if there is one."""
    account = draft.actor(entry.account)
    room = draft.room(entry.room)
    if room.member_since(account.number) is not None:
        memberships.leave(draft, room, account)
    return Settled()


def open_room(entry: OpenRoom, draft: Draft) -> Opened:
    """A member receives the room from `after` on; a number above the head, from before a restored backup, is cut."""
    account = draft.actor(entry.account)
    room = draft.room_of_member(entry.room, account.number)
    after = room.head if entry.after is None else min(entry.after, room.head)
    return _opened(draft, room, account.number, after=after, fill=entry.fill)


def _opened(draft: Draft, room: RoomDraft, account: int, *, after: int, fill: bool) -> Opened:
    tail = draft.tail(room) if fill else None
    return Opened(account, room.name, room.topic, room.head, room.first, after, room.members, tail)
