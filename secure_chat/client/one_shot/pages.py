"""A room's past, in pieces: forwards from a number, backwards from the newest."""

from collections.abc import Iterator

from secure_chat.client.events import HistoryFound
from secure_chat.client.one_shot.account import ConnectedAccount
from secure_chat.client.one_shot.targets import not_in_room
from secure_chat.errors import UsageInvalid
from secure_chat.limits import MAX_HISTORY_CALL
from secure_chat.protocol.events import RoomEvent

ALL = "all"


def head_of(account: ConnectedAccount, room: str) -> int:
    """The newest number of a room. Raises `NotMember`, `RoomUnknown`."""
    for each in account.client.snapshot.rooms:
        if each.room == room:
            return each.head
    raise not_in_room(account, room)


def forwards(account: ConnectedAccount, room: str, first: int, last: int) -> Iterator[RoomEvent]:
    """The events `first` to `last`, ascending."""
    while first <= last:
        until = min(last, first + MAX_HISTORY_CALL - 1)
        found = account.answer(account.client.history(room, until + 1, until - first + 1), HistoryFound)
        yield from (event for event in found.events if event.number >= first)
        first = until + 1


def since_time(account: ConnectedAccount, room: str, earliest_ms: int) -> list[RoomEvent]:
    """The events since a time, ascending."""
    pages: list[list[RoomEvent]] = []
    before: int | None = None
    while True:
        found = account.answer(account.client.history(room, before, MAX_HISTORY_CALL), HistoryFound)
        pages.append([event for event in found.events if event.time >= earliest_ms])
        if not found.earlier or not found.events or len(pages[-1]) < len(found.events):
            return [event for page in reversed(pages) for event in page]
        before = found.first


def count_of(text: str) -> int | None:
    """How many are wanted: a number from 1, or None for all. Raises `UsageInvalid`."""
    if text == ALL:
        return None
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise UsageInvalid(f"-n takes a number from 1, or all; not {text}.")
    return int(text)
