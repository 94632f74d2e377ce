"""The reading side of the database: pages of rooms, people and invites, each from one short look."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from secure_chat.directory.device_list import SignedDeviceList
from secure_chat.errors import Busy, InviteUnknown, NotMember, RoomUnknown, SearchTooBroad, UserUnknown
from secure_chat.limits import MAX_DEVICES_PER_USER, MAX_HISTORY_ROWS, MAX_PAGE_ROWS, MAX_SETTLED_INVITES
from secure_chat.protocol.codec import encode
from secure_chat.protocol.events import DirectEnvelope, Inviter, UsedInvite
from secure_chat.protocol.states import Role
from secure_chat.storage.database import DATABASE_NAME, Row
from secure_chat.storage.decisions import invites
from secure_chat.storage.page_cut import cut
from secure_chat.storage.queries import read_direct as direct
from secure_chat.storage.queries import read_people as people
from secure_chat.storage.queries import read_rooms as rooms
from secure_chat.storage.queries import shelf
from secure_chat.storage.reading_connection import ReadingConnection
from secure_chat.storage.records import (
    Credentials,
    DeviceKey,
    DeviceRow,
    DirectoryRow,
    Found,
    History,
    Invite,
    InviteRow,
    InviteRows,
    LogRow,
    Mail,
    MemberRow,
    MemberRows,
    RoomRow,
    RoomRows,
    SessionRow,
    SessionRows,
    SignedLists,
    UserDetails,
    UserRow,
    UserRows,
)
from secure_chat.storage.search_words import expression_of

__all__ = ["Credentials", "Invite", "StoreReader"]

_NEWEST: Final = 2**63 - 1
_NUMBERS_OF_A_ROW: Final = 48  # bytes of a row beside its texts, as it travels


class StoreReader:
    """Reads a data directory that a `Store` has opened. Used by one thread at a time.

    Every method raises `Busy` when it takes longer than a second, `StorageFailed` when the disk fails.
    """

    def __init__(self, directory: Path, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Open the database of the data directory."""
        self._connection = ReadingConnection(directory / DATABASE_NAME, monotonic)

    def close(self) -> None:
        """End it."""
        self._connection.close()

    # --- rooms -----------------------------------------------------------------------------------

    def history(self, account: int, room: str, first: int, last: int) -> History:
        """A page of a room's stored events, for a member. `last` is cut to the room's head.

        Raises `RoomUnknown`, `NotMember`.
        """
        first = max(first, 1)
        with self._connection.snapshot():
            number, head = self._room_of_member(account, room)
            last = min(last, head)
            events = self._connection.each(
                rooms.EVENTS, room_number=number, first=first, last=last, rows=MAX_HISTORY_ROWS + 1
            )
            page, more = cut(events, _size_of_event, MAX_HISTORY_ROWS)
        reached = page[-1][0] if more else max(last, first - 1)
        return History(first, reached, b"".join([frame for _, frame in page]))

    def search(
        self, account: int, words: str, *, room: str = "", sender: str = "", since: int = 0, before: int = 0
    ) -> Found:
        """A page of messages with all these words, in the rooms that the account is in, newest first.

        `since`: milliseconds since 1970 UTC. Raises `RoomUnknown`, `NotMember` for a `room` that was named, and
        `SearchTooBroad` in place of `Busy`: whoever repeats it gets no further.
        """
        expression = expression_of(words)
        if not expression:
            return Found(b"", 0)
        try:
            return self._found(account, expression, room, sender, since, before)
        except Busy as error:
            raise SearchTooBroad from error

    def _found(self, account: int, expression: str, room: str, sender: str, since: int, before: int) -> Found:
        with self._connection.snapshot():
            room_number = self._room_of_member(account, room)[0] if room else None
            sender_number = None
            if sender:
                user = self._connection.one(people.USER, name=sender)
                if user is None:
                    return Found(b"", 0)
                sender_number = user[0]
            found = self._connection.each(
                rooms.SEARCH,
                account=account,
                words=expression,
                before=before or _NEWEST,
                room_number=room_number,
                sender_number=sender_number,
            )
            page, more = cut(_until(found, since), _size_of_found, MAX_HISTORY_ROWS)
        return Found(b"".join([frame for _, _, frame in page]), page[-1][0] if more else 0)

    def rooms(self, account: int, *, pattern: str = "", after: str = "") -> RoomRows:
        """A page of rooms whose name holds `pattern`, after the name `after`."""
        with self._connection.snapshot():
            total = self._connection.one(rooms.ROOM_COUNT, pattern=pattern)
            rows = self._connection.each(
                rooms.ROOMS, account=account, pattern=pattern, after=after, rows=MAX_PAGE_ROWS + 1
            )
            page, more = cut(rows, _size_of_texts, MAX_PAGE_ROWS)
        found = tuple(RoomRow(name, topic, members, joined is not None) for name, topic, members, joined in page)
        return RoomRows(found, more, total[0] if total else 0)

    def members(self, account: int, room: str, *, after: str = "") -> MemberRows:
        """A page of a room's members whose accounts are enabled, for a member. Raises `RoomUnknown`, `NotMember`."""
        with self._connection.snapshot():
            number, _ = self._room_of_member(account, room)
            total = self._connection.one(rooms.MEMBER_COUNT, room_number=number)
            rows = self._connection.each(rooms.MEMBERS, room_number=number, after=after, rows=MAX_PAGE_ROWS + 1)
            page, more = cut(rows, _size_of_texts, MAX_PAGE_ROWS)
        found = tuple(MemberRow(member, name, Role(role)) for member, name, role in page)
        return MemberRows(found, more, total[0] if total else 0)

    # --- login and invites -----------------------------------------------------------------------

    def credentials(self, name: str) -> Credentials | None:
        """What a login is checked against; None for a name that nobody has or that was deleted."""
        with self._connection.snapshot():
            row = self._connection.one(people.CREDENTIALS, name=name)
        if row is None:
            return None
        account, user_id, name, role, state, *rest = row
        return Credentials(account, user_id, name, Role(role), state, *rest)

    def password_hash_beginnings(self) -> list[bytes]:
        """The first seven bytes of the stored hashes, which say what they cost; each once."""
        with self._connection.snapshot():
            rows = self._connection.all(people.PASSWORD_HASH_BEGINNINGS)
        return [bytes(beginning) for (beginning,) in rows]

    def invite(self, token_hash: bytes, now_ms: int) -> Invite:
        """An invite that can be used. Raises `InviteUnknown`, `InviteUsed`, `InviteExpired`."""
        with self._connection.snapshot():
            row = self._connection.one(people.INVITE, token_hash=token_hash)
            if row is None:
                raise InviteUnknown
            invite = invites.Invite(*row)
            invites.check_usable(invite, now_ms)
            account = self._connection.one(people.CREDENTIALS, name=invite.name)
            inviter = None if invite.inviter is None else self._inviter(invite.inviter)
        user_id, device_list = b"", b""
        if invite.purpose == invites.RESET:
            if account is None or account[4] != "enabled":
                raise InviteUnknown
            user_id, device_list = account[1], account[6]
        named_rooms = tuple(invite.rooms.split())
        return Invite(
            *(invite.number, invite.purpose, Role(invite.role), named_rooms, invite.name, invite.expires),
            *(user_id, device_list, inviter),
        )

    # --- direct messages -------------------------------------------------------------------------

    def device_lists(self, *, name: str = "", user_id: bytes = b"", after: int = 0) -> SignedLists:
        """Somebody's signed device lists after version `after`, a page; 0: the newest alone. Raises `UserUnknown`."""
        with self._connection.snapshot():
            row = (
                self._connection.one(direct.BY_NAME, name=name)
                if name
                else self._connection.one(direct.BY_USER_ID, user_id=user_id)
            )
            if row is None:
                raise UserUnknown(f"There is no user {name}." if name else "")
            user_id, found, state, newest = row
            if after:
                lists = self._connection.each(direct.LISTS_AFTER, user_id=user_id, after=after)
                page, more = cut(lists, _size_of_list, MAX_PAGE_ROWS)
            else:
                page, more = self._connection.all(direct.NEWEST_LIST, row=newest), False
        return SignedLists(user_id, found, state, tuple(device_list for (device_list,) in page), more)

    def mail(self, account: int, device: int, after: int, *, rows: int, size: int) -> tuple[Mail, ...]:
        """What waits for this device after the number `after`, oldest first: the first, and more up to `rows`, `size`.

        `size`: bytes of all frames.
        """
        taken: list[Mail] = []
        with self._connection.snapshot():
            for mail_id, envelope_id, envelope, time, sender in self._connection.each(
                direct.MAIL, account=account, device_id=device, after=after, rows=rows
            ):
                frame = encode(DirectEnvelope(envelope, time, sender))
                size -= len(frame)
                if taken and size < 0:
                    break
                taken.append(Mail(mail_id, envelope_id, frame))
        return tuple(taken)

    def own_used_invites(self, account: int) -> tuple[UsedInvite, ...]:
        """Who has joined by the account's own invites, as far as they are not settled; at most a page."""
        with self._connection.snapshot():
            rows = self._connection.all(direct.USED_INVITES, inviter=account, rows=MAX_SETTLED_INVITES)
        return tuple(
            UsedInvite(token_hash, user_id, name, _identity_key(device_list), proof or b"", used)
            for token_hash, user_id, name, device_list, proof, used in rows
        )

    def live_prekeys(self, account: int, device: int) -> int:
        """How many one-time prekeys of this device are on the shelf."""
        with self._connection.snapshot():
            row = self._connection.one(shelf.LIVE, account=account, device_id=device)
        return row[0] if row else 0

    def device_key(self, account: int, device: int) -> DeviceKey | None:
        """What prekeys of this device are checked against; None for one that is not in the newest list."""
        with self._connection.snapshot():
            row = self._connection.one(direct.SIGNING_KEY, account=account, device_id=device)
        return DeviceKey(*row) if row else None

    # --- for operators ---------------------------------------------------------------------------

    def users(self, after: str = "") -> UserRows:
        """A page of accounts, after the name `after`."""
        with self._connection.snapshot():
            total = self._connection.one(people.USER_COUNT)
            rows = self._connection.each(people.USERS, after=after, rows=MAX_PAGE_ROWS + 1)
            page, more = cut(rows, _size_of_texts, MAX_PAGE_ROWS)
        return UserRows(tuple(_user_row(row) for row in page), more, total[0] if total else 0)

    def user(self, name: str) -> UserDetails | None:
        """One account; None for a name that nobody ever had."""
        with self._connection.snapshot():
            row = self._connection.one(people.USER, name=name)
            if row is None:
                return None
            devices = self._connection.all(people.DEVICES, account=row[0])
            room_names = self._connection.all(people.ROOMS_OF, account=row[0])
        user_id, version, device_list = row[6:]
        return UserDetails(
            user=_user_row(row[:6]),
            user_id=user_id,
            identity_key=_identity_key(device_list),
            device_list_version=version,
            devices=tuple(
                DeviceRow(device, added, last_used is not None and revoked is None, last_used or 0)
                for device, added, last_used, revoked in devices
            ),
            rooms=tuple(name for (name,) in room_names),
        )

    def sessions(self, after: str = "") -> SessionRows:
        """A page of devices that may resume, of people after the name `after`."""
        most = MAX_PAGE_ROWS + MAX_DEVICES_PER_USER
        with self._connection.snapshot():
            rows = self._connection.each(people.SESSIONS, after=after, rows=most + 1)
            page, more = cut(rows, _size_of_texts, most)
        if more:
            page = [row for row in page if row[1] != page[-1][1]]
        return SessionRows(tuple(SessionRow(*row) for row in page), more)

    def invites(self, before: int = 0) -> InviteRows:
        """A page of invites numbered below `before`, newest first; 0: the first page."""
        with self._connection.snapshot():
            rows = self._connection.each(people.INVITES, before=before or _NEWEST, rows=MAX_PAGE_ROWS + 1)
            page, more = cut(rows, _size_of_texts, MAX_PAGE_ROWS)
        return InviteRows(tuple(_invite_row(row) for row in page), more)

    def log_rows(self, room: str, first: int = 1) -> tuple[LogRow, ...]:
        """Stored events of a room from number `first` on, at most `MAX_PAGE_ROWS`; for verification and export."""
        with self._connection.snapshot():
            number = self._connection.one(rooms.ROOM_NUMBER, room=room)
            if number is None:
                raise RoomUnknown(f"There is no room #{room}.")
            rows = self._connection.all(rooms.LOG_ROWS, room_number=number[0], first=first, rows=MAX_PAGE_ROWS)
        return tuple(LogRow(*row) for row in rows)

    def directory_rows(self, first: int = 0) -> tuple[DirectoryRow, ...]:
        """Rows of the append-only table from row `first` on, at most `MAX_PAGE_ROWS`."""
        with self._connection.snapshot():
            rows = self._connection.all(people.DIRECTORY_ROWS, first=first, rows=MAX_PAGE_ROWS)
        return tuple(DirectoryRow(*row) for row in rows)

    # --- shared ----------------------------------------------------------------------------------

    def _inviter(self, account: int) -> Inviter | None:
        row = self._connection.one(direct.INVITER, account=account)
        return None if row is None else Inviter(row[0], row[1], _identity_key(row[2]))

    def _room_of_member(self, account: int, room: str) -> tuple[int, int]:
        """Row number and head. Raises `RoomUnknown`, `NotMember`."""
        row = self._connection.one(rooms.ROOM, account=account, room=room)
        if row is None:
            raise RoomUnknown(f"There is no room #{room}.")
        number, head, member = row
        if member is None:
            raise NotMember(f"You are not a member of #{room}.")
        return number, head


def _until(found: Iterable[Row], since: int) -> Iterable[Row]:
    for row in found:
        if row[1] < since:
            return  # the log is in order of time
        yield row


def _user_row(row: Row) -> UserRow:
    account, name, role, state, created, last_login = row
    return UserRow(account, name, Role(role), state, created, last_login)


def _invite_row(row: Row) -> InviteRow:
    number, purpose, role, room_names, name, made_by, made, expires, used, used_by, revoked = row
    return InviteRow(
        *(number, purpose, Role(role), tuple(room_names.split()), name, made_by, made, expires),
        *(used, used_by or "", revoked),
    )


def _identity_key(device_list: bytes) -> bytes:
    return SignedDeviceList.parse(device_list).device_list.identity_key.raw


def _size_of_list(row: Row) -> int:
    return len(row[0])


def _size_of_event(row: Row) -> int:
    return len(row[1])


def _size_of_found(row: Row) -> int:
    return len(row[2])


def _size_of_texts(row: Row) -> int:
    return _NUMBERS_OF_A_ROW + sum(4 + len(value.encode()) for value in row if isinstance(value, str))
