"""From rings to sockets: sweeps over each room's readers, replies and mail, within the budget of a turn."""

import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from secure_chat.limits import DELIVERY_SECONDS, MAX_JOINED_BYTES, MAX_SENDS_A_TURN, MAX_WAITING_REPLIES_BYTES
from secure_chat.server.connection import NEVER, NO_CURSORS, Connection, Hold
from secure_chat.server.cursor import Cursor, RoomReaders
from secure_chat.server.items import Notice
from secure_chat.server.mailbox import Mailbox
from secure_chat.server.ring import Piece, Rings
from secure_chat.server.writing import Writing
from secure_chat.storage.outcomes import Blob, Opened

_REPLIES: Final = Hold.REPLIES  # to look a member up in its Enum costs as much as a call
CLOCK_EVERY: Final = 8  # sends between two looks at the clock


class Delivery:
    """Everything one I/O thread has to write to logged-in connections: replies, then mail and room events.

    A room with new events is dirty until a sweep has offered them to every reader. A connection that was blocked, or
    that has replies or mail, is queued and served by itself.
    """

    __slots__ = ("_dirty", "_ended", "_queue", "_rings", "_rooms", "_writing", "emptied", "relieved")

    def __init__(self, writing: Writing, rings: Rings) -> None:
        self._writing = writing
        self._rings = rings
        self._rooms: dict[str, RoomReaders[Connection]] = {}
        self._dirty: deque[RoomReaders[Connection]] = deque()
        self._queue: deque[Connection] = deque()
        self._ended: list[Cursor[Connection]] = []  # cursors that have come to their end in this sweep
        self.relieved: list[Connection] = []  # their replies are out; they may be read again
        self.emptied: list[Connection] = []  # their mail is out; the next page of it may be read

    # --- what is to be written -------------------------------------------------------------------

    @property
    def has_work(self) -> bool:
        """Whether a pass would do something."""
        return bool(self._dirty or self._queue)

    def announced(self, room: str) -> int | None:
        """The number of the newest event of a room announced to this thread; None: nobody here has read the room."""
        ring = self._rings.get(room)
        return None if ring is None else ring.end

    def say(self, connection: Connection, frame: bytes) -> None:
        """A frame for this connection alone."""
        connection.say(frame)
        if not connection.queued:
            connection.queued = True
            self._queue.append(connection)

    def queue(self, connection: Connection) -> None:
        """Serve it in the next pass: it can be written to again, or it has mail."""
        if not connection.queued:
            connection.queued = True
            self._queue.append(connection)

    def append(self, room: str, blobs: Sequence[Blob]) -> None:
        """A room has grown."""
        if self._rings.append(room, blobs) is not None:
            readers = self._rooms.get(room)
            if readers is not None:
                self._mark(readers)

    def open(self, connection: Connection, opened: Opened, end: int, last: int | None) -> None:
        """The connection reads a room from `opened.after` + 1 on; a cursor that it has there already is replaced.

        `end`: the number that was announced to this thread, should it have no ring yet. `last`: the membership has
        ended with this number in the same commit.
        """
        self.close_room(connection, opened.room)
        ring = self._rings.fill(opened.room, end, opened.tail or ())
        readers = self._rooms.get(opened.room)
        if readers is None:
            readers = self._rooms[opened.room] = RoomReaders(ring)
        cursor = readers.add(connection, opened.after, last)
        if connection.cursors is NO_CURSORS:
            connection.cursors = {}
        connection.cursors[opened.room] = cursor
        if cursor.lags:
            self._mark(readers)
        elif cursor.has_ended:
            self._remove(cursor)

    def end_membership(self, connections: Iterable[Connection], room: str, last: int) -> None:
        """These connections receive nothing of the room that is numbered above `last`."""
        for connection in connections:
            cursor = connection.cursors.get(room)
            if cursor is not None and cursor.last is None:
                cursor.last = last
                if cursor.has_ended:
                    self._remove(cursor)

    def notify(self, notice: Notice) -> None:
        """Tell everybody who reads the room and keeps up."""
        readers = self._rooms.get(notice.room)
        for cursor in readers.cursors if readers is not None else ():
            connection = cursor.reader
            keeps_up = connection.blocked_since == NEVER and connection.direct_bytes < MAX_WAITING_REPLIES_BYTES
            if cursor.last is None and keeps_up:
                self.say(connection, notice.frame)

    def close_room(self, connection: Connection, room: str) -> None:
        """The connection reads this room no longer."""
        cursor = connection.cursors.get(room)
        if cursor is not None:
            self._remove(cursor)

    def close(self, connection: Connection) -> None:
        """The connection reads nothing any more."""
        for cursor in list(connection.cursors.values()):
            self._remove(cursor)
        connection.mailbox = None

    # --- the pass ----------------------------------------------------------------------------------

    def deliver(self, now: float) -> None:
        """At most `MAX_SENDS_A_TURN` sends or `DELIVERY_SECONDS`; the next pass goes on where this one ends."""
        until = time.monotonic() + DELIVERY_SECONDS  # `now` is when the turn began
        sends = MAX_SENDS_A_TURN
        for _ in range(len(self._dirty)):  # each room once; who has more to give comes again after the others
            readers = self._dirty.popleft()
            sends = self._sweep(readers, sends, now, until)
            if readers.dirty:
                self._dirty.append(readers)
            if sends <= 0:
                break
        # Replies that no sweep took along. They have a budget of their own: a large room must not hold them up.
        for served in range(min(len(self._queue), MAX_SENDS_A_TURN)):
            connection = self._queue.popleft()
            connection.queued = False
            self._serve(connection, now)
            if served % CLOCK_EVERY == CLOCK_EVERY - 1 and time.monotonic() > until:
                break

    def _sweep(self, readers: RoomReaders[Connection], sends: int, now: float, until: float) -> int:
        """Offer a room's news to its readers, each at most one write; returns how many sends are left."""
        ring, cursors, write = readers.ring, readers.cursors, self._writing.write
        end, at, again = ring.end, readers.resume, readers.again
        count = len(cursors)
        pieces: dict[int, Piece] = {}  # by position: readers at one place share the bytes
        while at < count:
            cursor = cursors[at]
            position = cursor.position
            connection = cursor.reader
            at += 1
            if position >= end or connection.blocked_since or connection.gone:
                continue
            if cursor.last is None:
                piece = pieces.get(position)
                if piece is None:
                    piece = pieces[position] = ring.read(position)
            else:
                piece = ring.read_until(position, cursor.last)
            frames = piece.frames
            if connection.direct is not None:
                if connection.direct_bytes + len(frames) > MAX_JOINED_BYTES:
                    self.queue(connection)  # replies first, by themselves
                    continue
                frames = self._take_replies(connection) + frames
            cursor.position = piece.position
            write(connection, frames, now)
            if cursor.last is not None and piece.position >= cursor.last:
                self._ended.append(cursor)
            elif piece.position < end and not connection.blocked_since:
                again = True
            sends -= 1
            if sends <= 0 or (sends % CLOCK_EVERY == 0 and time.monotonic() > until):
                sends = 0
                break
        if at < count:
            readers.resume, readers.again = at, again
        else:
            readers.resume, readers.again, readers.dirty = 0, False, again
        if self._ended:
            self._remove_ended()
        return sends

    def _serve(self, connection: Connection, now: float) -> None:
        """One write to one connection: its replies, then its mail, then of one room that it lags behind in.

        Mail comes before rooms and cannot hold them up: there is no more than the window before the peer answers.
        """
        if connection.blocked_since or connection.gone or connection.closing is not None:
            return
        frames = self._take_replies(connection) if connection.direct is not None else b""
        if connection.direct is None and connection.mailbox is not None and connection.mailbox.waits is not None:
            frames += self._take_mail(connection, connection.mailbox, MAX_JOINED_BYTES - len(frames))
        cursor = None if self._has_own(connection) else self._lagging(connection)
        if cursor is not None:
            piece = cursor.next_piece()
            if not frames or len(frames) + len(piece.frames) <= MAX_JOINED_BYTES:
                frames += piece.frames
                cursor.position = piece.position
                # The next write is another room's turn.
                connection.cursors[cursor.room.ring.room] = connection.cursors.pop(cursor.room.ring.room)
        if not frames:
            return
        self._writing.write(connection, frames, now)
        if cursor is not None and cursor.has_ended:
            self._remove(cursor)
        if not connection.blocked_since and (self._has_own(connection) or self._lagging(connection) is not None):
            self.queue(connection)

    @staticmethod
    def _has_own(connection: Connection) -> bool:
        """Whether there is something left for this connection alone."""
        mailbox = connection.mailbox
        return connection.direct is not None or (mailbox is not None and mailbox.waits is not None)

    def _lagging(self, connection: Connection) -> Cursor[Connection] | None:
        for cursor in connection.cursors.values():
            if cursor.lags:
                return cursor
        return None

    def _take_replies(self, connection: Connection) -> bytes:
        """The replies of one write, in order."""
        frames = connection.take_said(MAX_JOINED_BYTES)
        if connection.hold is _REPLIES and connection.direct_bytes < MAX_WAITING_REPLIES_BYTES:
            connection.hold = Hold.TURN
            self.relieved.append(connection)
        return frames

    def _take_mail(self, connection: Connection, mailbox: Mailbox, limit: int) -> bytes:
        frames = mailbox.take(limit)
        if mailbox.waits is None:
            self.emptied.append(connection)
        return frames

    # --- cursors -----------------------------------------------------------------------------------

    def _mark(self, readers: RoomReaders[Connection]) -> None:
        if not readers.dirty:
            readers.dirty = True
            self._dirty.append(readers)
        elif readers.resume:
            readers.again = True  # those that the sweep has passed have not seen this

    def _remove_ended(self) -> None:
        ended, self._ended = self._ended, []
        for cursor in ended:
            self._remove(cursor)

    def _remove(self, cursor: Cursor[Connection]) -> None:
        readers, room = cursor.room, cursor.room.ring.room
        if cursor.reader.cursors.get(room) is not cursor:
            return  # it was removed before
        del cursor.reader.cursors[room]
        readers.remove(cursor)
        if not readers.cursors:
            self._rooms.pop(room, None)  # a sweep that is still due finds nobody
