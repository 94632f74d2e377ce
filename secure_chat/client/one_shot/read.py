"""`secure-chat read`: what was said since one was last there, since a number or a time, and what is being said."""

import re
import time
from collections.abc import Iterable
from typing import Final

from secure_chat.client.events import Event, Heard, NotKept, RoomEntered
from secure_chat.client.one_shot.account import ConnectedAccount, Surroundings
from secure_chat.client.one_shot.pages import forwards, head_of, since_time
from secure_chat.client.one_shot.records import MissingRecord, record_of
from secure_chat.client.one_shot.text_form import line_of
from secure_chat.client.vault import places
from secure_chat.errors import UsageInvalid
from secure_chat.exit_codes import ExitCode
from secure_chat.limits import MAX_UNREAD_AT_START
from secure_chat.names import room_name
from secure_chat.protocol.events import RoomEvent

_AGO: Final = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def run(surroundings: Surroundings) -> int:
    """Print the past that is wanted, mark it as read, and follow."""
    arguments = surroundings.arguments
    rooms = [room_name(target) for target in arguments.to]
    number, earliest_ms = _since(arguments.since, rooms)
    with surroundings.account(attend=arguments.follow) as account:
        wanted = rooms or [room.room for room in account.client.snapshot.rooms]
        markers = places.read_markers(account.vault)
        shown: dict[str, int] = {}
        for room in wanted:
            head = head_of(account, room)
            shown[room] = head
            if earliest_ms is not None:
                events: Iterable[RoomEvent] = since_time(account, room, earliest_ms)
            else:
                newest = markers.get(room, head - MAX_UNREAD_AT_START)
                events = forwards(account, room, max(1, newest + 1) if number is None else number, head)
            for event in events:
                shown[room] = max(head, event.number)
                surroundings.output.data(record_of(event), line_of(event))
            account.client.mark_read(room, shown[room])
        while arguments.follow:
            _follow(surroundings, account, shown, everything=not rooms)
    return ExitCode.OK


def _follow(surroundings: Surroundings, account: ConnectedAccount, shown: dict[str, int], *, everything: bool) -> None:
    event: Event = account.next_event()
    match event:
        case RoomEntered() if everything:
            shown.setdefault(event.room, event.after)
        case Heard() if event.event.number > shown.get(event.event.room, event.event.number):
            shown[event.event.room] = event.event.number
            surroundings.output.data(record_of(event.event), line_of(event.event))
            account.client.mark_read(event.event.room, event.event.number)
        case NotKept() if event.last > shown.get(event.room, event.last):
            text = f"#{event.room}: {event.first} to {event.last} are not kept any more"
            surroundings.output.data(MissingRecord(room=event.room, first=event.first, last=event.last), text)
        case _:
            return


def _since(text: str | None, rooms: list[str]) -> tuple[int | None, int | None]:
    """A number to begin with, or the earliest time in milliseconds since 1970; neither: what is new."""
    if text is None:
        return None, None
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return None, time.time_ns() // 1_000_000 - int(ago[1]) * _SECONDS[ago[2]] * 1000
    if not text.isascii() or not text.isdecimal():
        raise UsageInvalid(f"--since takes a number of the room, or a time such as 30m, 2h, 3d; not {text}.")
    if len(rooms) != 1:
        raise UsageInvalid("A number is one room's: --since NUMBER goes with one -t.")
    return int(text), None
