"""What a batch would make of the state: decided on, thrown away when anything fails, current once the disk has it."""

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

import msgspec

from secure_chat.errors import NotMember, RoomUnknown, TokenUnknown
from secure_chat.protocol.codec import encode
from secure_chat.protocol.events import RoomEvent
from secure_chat.storage.blobs import pack
from secure_chat.storage.database import Database, Row
from secure_chat.storage.event_kinds import KIND_OF
from secure_chat.storage.mail import MailDraft
from secure_chat.storage.mail_state import MailState
from secure_chat.storage.outcomes import Blob, Change, Committed, Outcome
from secure_chat.storage.queries import rooms as queries
from secure_chat.storage.room_tail import read_tail
from secure_chat.storage.sent_ids import SentId, SentIds, SentKey
from secure_chat.storage.state import Account, Room, State
from secure_chat.storage.statements import Statement, Value

SentAs: TypeAlias = tuple[int | None, bytes | None, bytes | None]
"""Device, client id and digest of a request, or three times nothing for what nobody asked for by an id."""
NOT_SENT: Final[SentAs] = (None, None, None)


LaneKey: TypeAlias = tuple[int, int, bytes]
"""An account, one of its devices, and the user id that it writes to."""


class Lane(msgspec.Struct, frozen=True, gc=False):
    """From a device, which may send, to somebody whom something may be sent to."""

    name: str  # of the sender's account
    recipient: int  # account
    devices: tuple[int, ...]  # that a message must have a part for, ascending


class RoomDraft:
    """A room as the batch would leave it; the room itself is not touched."""

    __slots__ = ("base", "first", "frames", "head", "joined", "left", "name", "number", "topic")

    def __init__(self, base: Room) -> None:
        self.base = base
        self.number = base.number
        self.name = base.name
        self.topic = base.topic
        self.head = base.head
        self.first = base.first
        self.joined: dict[int, int] = {}  # account: number of its joining event
        self.left: set[int] = set()
        self.frames: list[bytes] = []  # of the events after `base.head`

    def copy(self) -> "RoomDraft":
        """A draft that can be thrown away by itself."""
        copy = RoomDraft(self.base)
        copy.topic, copy.head, copy.first = self.topic, self.head, self.first
        copy.joined, copy.left, copy.frames = dict(self.joined), set(self.left), list(self.frames)
        return copy

    def member_since(self, account: int) -> int | None:
        """The number of the member's joining event; None for somebody who is no member."""
        if account in self.joined:
            return self.joined[account]
        return None if account in self.left else self.base.members.get(account)

    @property
    def members(self) -> int:
        """How many there are."""
        return len(self.base.members) - len(self.left) + len(self.joined)

    def accounts(self) -> Iterator[int]:
        """Everybody in it."""
        yield from (account for account in self.base.members if account not in self.left)
        yield from self.joined

    def add_member(self, account: int) -> None:
        """The newest event is this account's joining."""
        self.joined[account] = self.head

    def remove_member(self, account: int) -> None:
        """The newest event ended this membership."""
        if self.joined.pop(account, None) is None:
            self.left.add(account)


class Draft:
    """One batch on its way: what its entries see, and what they leave behind."""

    def __init__(self, state: State, database: Database, sent_ids: SentIds, mail: MailState, now_ms: int) -> None:
        self.now_ms = now_ms
        self.outcomes: list[Outcome] = []
        self.changes: list[Change] = []
        self.steps = 0  # rises with everything that an entry leaves behind
        self._state = state
        self._database = database
        self._sent_ids = sent_ids
        self.mail = MailDraft(mail, database, now_ms)
        self._mail_state = mail
        self.lanes: dict[LaneKey, Lane] = {}  # looked up in this batch; none outlives a change of accounts or lists
        self._rooms: dict[str, RoomDraft] = {}
        self._accounts: dict[int, Account] = {}
        self._account_numbers: dict[str, int] = {}
        self._user_numbers: dict[bytes, int] = {}
        self._listed: dict[int, tuple[int, ...]] = {}
        self._sent: dict[SentKey, SentId] = {}
        self._tails: dict[int, tuple[Blob, ...]] = {}
        self._newest_log_row = state.newest_log_row
        self._newest_room = state.newest_room
        self._log_rows: list[tuple[Value, ...]] = []
        self._text_rows: list[tuple[Value, ...]] = []

    def copy(self) -> "Draft":
        """A draft for one more entry, which can be thrown away by itself. All rows so far have been written."""
        copy = Draft(self._state, self._database, self._sent_ids, self._mail_state, self.now_ms)
        copy.outcomes, copy.changes, copy.steps = list(self.outcomes), list(self.changes), self.steps
        copy._rooms = {name: room.copy() for name, room in self._rooms.items()}
        copy._accounts, copy._account_numbers = dict(self._accounts), dict(self._account_numbers)
        copy._user_numbers, copy._listed, copy.mail = dict(self._user_numbers), dict(self._listed), self.mail.copy()
        copy._sent, copy._tails = dict(self._sent), dict(self._tails)
        copy._newest_log_row, copy._newest_room = self._newest_log_row, self._newest_room
        return copy

    # --- what entries see ------------------------------------------------------------------------

    def actor(self, number: int) -> Account:
        """Whoever asks. Raises `TokenUnknown` for an account whose sessions have ended meanwhile."""
        account = self._accounts.get(number) or self._state.accounts.get(number)
        if account is None or not account.enabled:
            raise TokenUnknown
        return account

    def account(self, number: int) -> Account | None:
        """The account of that row number, in whatever state."""
        return self._accounts.get(number) or self._state.accounts.get(number)

    def account_named(self, name: str) -> Account | None:
        """The account of that name, in whatever state."""
        number = self._account_numbers.get(name) or self._state.account_numbers.get(name)
        return None if number is None else self.account(number)

    def account_of_user(self, user_id: bytes) -> Account | None:
        """The account of that user id, in whatever state."""
        number = self._user_numbers.get(user_id) or self._state.user_numbers.get(user_id)
        return None if number is None else self.account(number)

    def listed(self, account: int) -> tuple[int, ...]:
        """The devices of the account's newest list, ascending."""
        devices = self._listed.get(account)
        return self._state.listed.get(account, ()) if devices is None else devices

    def acting_device(self, account: int, device: int) -> Account:
        """Whoever asks, as a device of the newest list. Raises `TokenUnknown` where that has ended meanwhile."""
        actor = self.actor(account)
        if device not in self.listed(account):
            raise TokenUnknown
        return actor

    def room(self, name: str) -> RoomDraft:
        """The room of that name. Raises `RoomUnknown`."""
        room = self.room_or_none(name)
        if room is None:
            raise RoomUnknown(f"There is no room #{name}.")
        return room

    def room_or_none(self, name: str) -> RoomDraft | None:
        """The room of that name, if there is one."""
        room = self._rooms.get(name)
        if room is None:
            base = self._state.rooms.get(name)
            if base is None:
                return None
            room = self._rooms[name] = RoomDraft(base)
        return room

    def room_of_member(self, name: str, account: int) -> RoomDraft:
        """The room, if the account is in it. Raises `RoomUnknown`, `NotMember`."""
        room = self.room(name)
        if room.member_since(account) is None:
            raise NotMember(f"You are not a member of #{name}.")
        return room

    def rooms_of(self, account: int) -> list[Room | RoomDraft]:
        """The rooms that the account is in, by name."""
        names = set(self._state.rooms_of.get(account, ()))
        for room in self._rooms.values():
            if room.member_since(account) is None:
                names.discard(room.name)
            else:
                names.add(room.name)
        return [self._rooms.get(name) or self._state.rooms[name] for name in sorted(names)]

    @property
    def room_count(self) -> int:
        """How many rooms there are."""
        return len(self._state.rooms) + sum(name not in self._state.rooms for name in self._rooms)

    def sent(self, account: int, device: int, client_id: bytes) -> SentId | None:
        """What was sent under this id before, in this batch or in the last 48 hours."""
        if self._sent_ids.is_new(account, device, client_id):
            return None
        key = (account, device, client_id)
        return self._sent.get(key) or self._sent_ids.find(key)

    def tail(self, room: RoomDraft) -> tuple[Blob, ...]:
        """The newest stored events of a room up to where this batch began, as much as one ring holds."""
        if room.number not in self._tails:
            self._tails[room.number] = read_tail(self._database, room.number, room.base.head)
        return self._tails[room.number]

    def one(self, statement: Statement, **values: Value) -> Row | None:
        """The first row of an answer; shows what entries before wrote, but for the room log."""
        return self._database.one(statement, **values)

    def all(self, statement: Statement, **values: Value) -> list[Row]:
        """All rows of an answer, as `one`."""
        return self._database.all(statement, **values)

    # --- what entries leave behind ---------------------------------------------------------------

    def append(
        self,
        room: RoomDraft,
        account: int,
        event: RoomEvent,
        *,
        body: str | None = None,
        sent_as: SentAs = NOT_SENT,
    ) -> None:
        """Take the event, whose number is the room's next, into the log; encoded here, once for everybody.

        `account` is whose doing it was; `body` is what a search looks into; `sent_as` makes repeats known.
        """
        self.steps += 1
        frame = encode(event)
        self._newest_log_row = row = self._newest_log_row + 1
        room.head = number = event.number
        room.frames.append(frame)
        kind, time = KIND_OF[type(event)], event.time
        self._log_rows.append((row, room.number, number, time, kind, account, *sent_as, body, frame))
        if body is not None:
            self._text_rows.append((row, body))
        device, client_id, digest = sent_as
        if device is not None and client_id is not None and digest is not None:
            self._sent[account, device, client_id] = SentId(digest, room.name, number, time)

    def add_room(self, name: str, created_by: int | None) -> RoomDraft:
        """A new room without members."""
        self.steps += 1
        self._newest_room += 1
        room = self._rooms[name] = RoomDraft(Room(self._newest_room, name, "", 0, 1))
        self._database.insert(queries.ADD_ROOM, (room.number, name, "", 0, 1, 0, self.now_ms, created_by))
        return room

    def put_account(self, account: Account) -> None:
        """A new or changed account; its row is written by the decision."""
        self.steps += 1
        self._accounts[account.number] = account
        self._account_numbers[account.name] = account.number
        self._user_numbers[account.user_id] = account.number
        self.lanes.clear()

    def put_listed(self, account: int, devices: Iterable[int]) -> None:
        """The devices of the account's newest list; their rows are written by the decision."""
        self.steps += 1
        self._listed[account] = tuple(sorted(devices))
        self.lanes.clear()

    def announce(self, change: Change) -> None:
        """What the rest of the server must learn of."""
        self.steps += 1
        self.changes.append(change)

    def changes_mail(self) -> MailDraft:
        """The mail of this batch, for an entry that leaves something behind in it."""
        self.steps += 1
        return self.mail

    def write(self, statement: Statement, **values: Value) -> int:
        """Run a statement; tell how many rows it changed."""
        self.steps += 1
        return self._database.execute_counting(statement, **values)

    def insert(self, statement: Statement, *row: Value) -> int:
        """Insert a row, its values in the order of the table's columns; tell its row number."""
        self.steps += 1
        return self._database.insert(statement, row)

    # --- the end of a batch ----------------------------------------------------------------------

    def flush(self) -> None:
        """Write what was only collected. Nothing is decided after it."""
        if self._log_rows:
            self._database.insert_many(queries.APPEND, self._log_rows)
            for room in self._rooms.values():
                if room.frames:
                    self._database.execute(
                        queries.UPDATE_ROOM,
                        room_number=room.number,
                        new_topic=room.topic,
                        new_head=room.head,
                        new_members=room.members,
                    )
        if self._text_rows:
            self._database.insert_many(queries.APPEND_TEXT, self._text_rows)
        self._log_rows, self._text_rows = [], []
        self.mail.flush()

    def become_current(self) -> Committed:
        """Make the state what this batch has made of it; the disk has it. Cannot fail."""
        appended: dict[str, list[Blob]] = {}
        state = self._state
        for name, room in self._rooms.items():
            base = room.base
            if room.frames:
                appended[name] = pack(base.head + 1, room.frames)
            state.rooms[name] = base
            base.topic, base.head, base.first = room.topic, room.head, room.first
            for account in room.left:
                base.members.pop(account, None)
                state.rooms_of[account].discard(name)
            for account, number in room.joined.items():
                base.members[account] = number
                state.rooms_of.setdefault(account, set()).add(name)
        for account_now in self._accounts.values():
            state.put_account(account_now)
        state.listed.update(self._listed)
        self.changes += self.mail.become_current()
        state.newest_log_row, state.newest_room = self._newest_log_row, self._newest_room
        self._sent_ids.adopt(self._sent)
        return Committed(self.outcomes, self.changes, appended)
