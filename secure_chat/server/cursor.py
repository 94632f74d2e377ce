"""How far each connection of an I/O thread has read a room, and where its reading must end."""

from typing import Generic, TypeVar

from secure_chat.server.ring import Piece, Ring

Reader = TypeVar("Reader")


class Cursor(Generic[Reader]):
    """A reader's place in a room: everything up to `position` was written to it, or announced as a gap.

    `last` is the number with which its membership ended; nothing above it is ever read. None: it is a member.
    """

    __slots__ = ("last", "place", "position", "reader", "room")

    def __init__(self, reader: Reader, room: "RoomReaders[Reader]", position: int, last: int | None) -> None:
        self.reader = reader
        self.room = room
        self.position = position
        self.last = last
        self.place = 0  # its index among the room's cursors

    @property
    def lags(self) -> bool:
        """Whether there is something to be read."""
        end = self.room.ring.end
        return self.position < (end if self.last is None else min(end, self.last))

    @property
    def has_ended(self) -> bool:
        """Whether everything was read that ever may be."""
        return self.last is not None and self.position >= self.last

    def next_piece(self) -> Piece:
        """What is to be written next, of a cursor that lags. The caller moves `position` once it is written."""
        ring = self.room.ring
        return ring.read(self.position) if self.last is None else ring.read_until(self.position, self.last)


class RoomReaders(Generic[Reader]):
    """The cursors of one room on this thread, and how far the present sweep over them has come."""

    __slots__ = ("again", "cursors", "dirty", "resume", "ring")

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self.cursors: list[Cursor[Reader]] = []
        self.dirty = False  # a sweep is due or under way
        self.resume = 0  # the place where the sweep goes on
        self.again = False  # somebody could be given more than the sweep gave

    def add(self, reader: Reader, position: int, last: int | None) -> Cursor[Reader]:
        """A new cursor behind all others."""
        cursor = Cursor(reader, self, position, last)
        cursor.place = len(self.cursors)
        self.cursors.append(cursor)
        self.ring.readers += 1
        return cursor

    def remove(self, cursor: Cursor[Reader]) -> None:
        """Take a cursor out. The last one takes its place, so the sweep begins anew: nobody may be passed over."""
        other = self.cursors.pop()
        if other is not cursor:
            self.cursors[cursor.place] = other
            other.place = cursor.place
        self.ring.readers -= 1
        self.resume = 0
