"""`secure-chat read`: what was said since one was last there, since a number or a time, and what is being said."""

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from secure_chat.client.direct.events import ContactsFound, DirectHeard, DirectMessage
from secure_chat.client.events import Event, Heard, NotKept, RoomEntered
from secure_chat.client.one_shot import directs
from secure_chat.client.one_shot.account import ConnectedAccount, Surroundings
from secure_chat.client.one_shot.pages import forwards, head_of, since_time
from secure_chat.client.one_shot.records import MissingRecord, record_of
from secure_chat.client.one_shot.targets import Room, Someone, Target, check_person, target
from secure_chat.client.one_shot.text_form import line_of
from secure_chat.client.vault import places
from secure_chat.errors import UsageInvalid
from secure_chat.exit_codes import ExitCode
from secure_chat.limits import MAX_UNREAD_AT_START
from secure_chat.protocol.events import Message, RoomEvent

_AGO: Final = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@dataclass(frozen=True, slots=True)
class _Since:
    """Where to begin; neither: what is new."""

    number: int | None = None  # of a room, or a row of a conversation
    earliest_ms: int | None = None  # milliseconds since 1970 UTC


def run(surroundings: Surroundings) -> int:
    """Print the past that is wanted, mark it as read, and follow."""
    arguments = surroundings.arguments
    targets = [target(text) for text in arguments.to]
    since = _since(arguments.since, targets)
    with surroundings.account(attend=arguments.follow) as account:
        reading = _Reading(surroundings, account, everything=not targets)
        for room in _rooms(account, targets):
            reading.room(room, since)
        if not targets or any(isinstance(each, Someone) for each in targets):
            account.take_mail()
            reading.conversations([each.name for each in targets if isinstance(each, Someone)], since)
        while arguments.follow:
            reading.follow(account.next_event())
    return ExitCode.OK


def _rooms(account: ConnectedAccount, targets: Sequence[Target]) -> list[str]:
    if not targets:
        return [room.room for room in account.client.snapshot.rooms]
    return [each.name for each in targets if isinstance(each, Room)]


@dataclass(slots=True)
class _Reading:
    """What was printed, and how far."""

    surroundings: Surroundings
    account: ConnectedAccount
    everything: bool  # no target was named
    shown: dict[str, int] = field(default_factory=dict)  # by room
    shown_rows: dict[str, int] = field(default_factory=dict)  # by person

    # --- the past --------------------------------------------------------------------------------

    def room(self, room: str, since: _Since) -> None:
        """Print what is wanted of a room."""
        account, head = self.account, head_of(self.account, room)
        self.shown[room] = head
        if since.earliest_ms is not None:
            events: Iterable[RoomEvent] = since_time(account, room, since.earliest_ms)
        else:
            newest = places.read_markers(account.vault).get(room, head - MAX_UNREAD_AT_START)
            events = forwards(account, room, max(1, newest + 1) if since.number is None else since.number, head)
        for event in events:
            self.shown[room] = max(head, event.number)
            self._print(event)
        account.client.mark_read(room, self.shown[room])

    def conversations(self, peers: Sequence[str], since: _Since) -> None:
        """Print what is wanted of these conversations, or of all."""
        for peer in peers:
            check_person(self.account, peer)
        contacts = self.account.answer(self.account.client.contacts(), ContactsFound).contacts
        for contact in contacts:
            if self.everything or contact.name in peers:
                self._conversation(contact.name, contact.unread, since)
        for peer in peers:
            self.shown_rows.setdefault(peer, 0)

    def _conversation(self, peer: str, unread: int, since: _Since) -> None:
        if since.earliest_ms is not None:
            rows = directs.since_time(self.account, peer, since.earliest_ms)
        elif since.number is not None:
            rows = directs.since_row(self.account, peer, since.number)
        else:
            rows = directs.unread(self.account, peer, unread)
        self.shown_rows[peer] = 0
        for message in rows:
            self._print_row(message)

    # --- what is being said ----------------------------------------------------------------------

    def follow(self, event: Event) -> None:
        """Print it, if it is wanted and was not printed."""
        match event:
            case RoomEntered() if self.everything:
                self.shown.setdefault(event.room, event.after)
            case Heard() if event.event.number > self.shown.get(event.event.room, event.event.number):
                self.shown[event.event.room] = event.event.number
                self._print(event.event)
                self.account.client.mark_read(event.event.room, event.event.number)
            case NotKept() if event.last > self.shown.get(event.room, event.last):
                text = f"#{event.room}: {event.first} to {event.last} are not kept any more"
                record = MissingRecord(room=event.room, first=event.first, last=event.last)
                self.surroundings.output.data(record, text)
            case DirectHeard() if self._is_wanted(event.message):
                self._print_row(event.message)
            case _:
                return

    def _is_wanted(self, message: DirectMessage) -> bool:
        is_ours = self.everything or message.peer in self.shown_rows
        return is_ours and message.row > self.shown_rows.get(message.peer, 0)

    # --- printing --------------------------------------------------------------------------------

    def _print(self, event: RoomEvent) -> None:
        own_name = self.account.own_name
        is_own = isinstance(event, Message) and event.sender == own_name
        if not (is_own and self.surroundings.arguments.others):
            self.surroundings.output.data(record_of(event, own_name), line_of(event))

    def _print_row(self, message: DirectMessage) -> None:
        self.shown_rows[message.peer] = message.row
        if not (message.own and self.surroundings.arguments.others):
            directs.print_row(self.surroundings.output, message, self.account.own_name)
        self.account.client.mark_conversation_read(message.peer, message.row)


def _since(text: str | None, targets: Sequence[Target]) -> _Since:
    if text is None:
        return _Since()
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return _Since(earliest_ms=time.time_ns() // 1_000_000 - int(ago[1]) * _SECONDS[ago[2]] * 1000)
    if not text.isascii() or not text.isdecimal():
        raise UsageInvalid(f"--since takes a number of the room, or a time such as 30m, 2h, 3d; not {text}.")
    if len(targets) != 1:
        raise UsageInvalid("A number is one room's, or one conversation's: --since NUMBER goes with one -t.")
    return _Since(number=int(text))
