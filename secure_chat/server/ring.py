"""A room's newest events as encoded frames, kept by one I/O thread; a cache of the table's tail."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from secure_chat import limits
from secure_chat.protocol.codec import encode
from secure_chat.protocol.events import RoomGap
from secure_chat.protocol.frames import skip_frames, take_frames
from secure_chat.storage.outcomes import Blob


class Piece(NamedTuple):
    """Whole frames to be sent, and the number of the last event that they hold or name as missing."""

    frames: bytes
    position: int


class Ring:
    """Blobs of consecutive events, the newest last; `end` is the last number announced to this thread.

    The bytes of a blob are shared: by every ring that holds it and every connection that it is written to.
    """

    __slots__ = ("_blobs", "end", "messages", "readers", "room", "size")

    def __init__(self, room: str, end: int) -> None:
        self.room = room
        self.end = end
        self._blobs: list[Blob] = []
        self.readers = 0  # cursors; without one the ring is kept only while there is room for it
        self.messages = 0
        self.size = 0  # bytes

    @property
    def first(self) -> int:
        """The oldest number that is kept; `end` + 1 when none is."""
        return self._blobs[0].first if self._blobs else self.end + 1

    def append(self, blob: Blob) -> None:
        """Take what was announced. What is known already is skipped; after a hole the ring begins anew."""
        if blob.last <= self.end:
            return
        if blob.first <= self.end:
            known = self.end + 1 - blob.first
            blob = Blob(self.end + 1, blob.last, skip_frames(blob.frames, known))
        elif blob.first > self.end + 1:
            self._forget(len(self._blobs))
        self._blobs.append(blob)
        self.end = blob.last
        self.messages += blob.last - blob.first + 1
        self.size += len(blob.frames)
        if self.messages > limits.MAX_RING_MESSAGES or self.size > limits.MAX_RING_BYTES:
            self._trim()

    def read(self, position: int) -> Piece:
        """What follows `position` (below `end`): at most `MAX_JOINED_BYTES` in whole blobs, at least one of them.

        What is not kept any more is named by a `room.gap` before the rest.
        """
        blobs = self._blobs
        if blobs and blobs[-1].first == position + 1:  # everybody who keeps up
            return Piece(blobs[-1].frames, self.end)
        if position + 1 < self.first:
            return self._read_after_gap(position)
        at = bisect_left(blobs, position + 1, key=_last)
        frames = blobs[at].frames
        if blobs[at].first <= position:
            frames = skip_frames(frames, position + 1 - blobs[at].first)
        return _join(frames, blobs, at)

    def read_until(self, position: int, last: int) -> Piece:
        """The same for a reader whose membership ended with number `last` (above `position`): nothing above it."""
        if last < self.first:
            return Piece(encode(RoomGap(self.room, position + 1, last)), last)
        piece = self.read(position)
        if piece.position <= last:
            return piece
        gap_frames = 1 if position + 1 < self.first else 0
        return Piece(take_frames(piece.frames, gap_frames + last - max(position, self.first - 1)), last)

    def shrink(self) -> int:
        """Forget the older half; returns the bytes that became free."""
        before = self.size
        self._forget((len(self._blobs) + 1) // 2)
        return before - self.size

    def _read_after_gap(self, position: int) -> Piece:
        gap = encode(RoomGap(self.room, position + 1, self.first - 1))
        if not self._blobs:
            return Piece(gap, self.end)
        return _join(gap + self._blobs[0].frames, self._blobs, 0)

    def _trim(self) -> None:
        count = 0
        messages, size = self.messages, self.size
        while messages > limits.MAX_RING_MESSAGES or size > limits.MAX_RING_BYTES:
            blob = self._blobs[count]
            messages -= blob.last - blob.first + 1
            size -= len(blob.frames)
            count += 1
        self._forget(count)

    def _forget(self, count: int) -> None:
        for blob in self._blobs[:count]:
            self.messages -= blob.last - blob.first + 1
            self.size -= len(blob.frames)
        del self._blobs[:count]


def _last(blob: Blob) -> int:
    return blob.last


def _join(frames: bytes, blobs: Sequence[Blob], at: int) -> Piece:
    parts, size, last = [frames], len(frames), blobs[at].last
    for blob in blobs[at + 1 :]:
        size += len(blob.frames)
        if size > limits.MAX_JOINED_BYTES:
            break
        parts.append(blob.frames)
        last = blob.last
    return Piece(b"".join(parts) if len(parts) > 1 else frames, last)


class Rings:
    """All rings of one I/O thread, the least used first, under one bound of bytes."""

    __slots__ = ("_budget", "_rings", "size")

    def __init__(self, budget: int) -> None:
        self._budget = budget  # bytes
        self._rings: dict[str, Ring] = {}  # in order of use
        self.size = 0  # bytes

    def __len__(self) -> int:
        return len(self._rings)

    def get(self, room: str) -> Ring | None:
        """The ring of this room, if there is one."""
        return self._rings.get(room)

    def fill(self, room: str, end: int, tail: Sequence[Blob]) -> Ring:
        """The ring of a room that somebody opens: the one that is there, or a new one with the table's tail.

        `end` is the last announced number before the tail.
        """
        ring = self._rings.pop(room, None)
        if ring is None:
            ring = Ring(room, tail[0].first - 1 if tail else end)
        self._rings[room] = ring
        self._append(ring, tail)
        return ring

    def append(self, room: str, blobs: Sequence[Blob]) -> Ring | None:
        """Take what was announced; None: nobody here reads this room."""
        ring = self._rings.pop(room, None)
        if ring is None:
            return None
        self._rings[room] = ring
        self._append(ring, blobs)
        return ring

    def _append(self, ring: Ring, blobs: Sequence[Blob]) -> None:
        self.size -= ring.size
        for blob in blobs:
            ring.append(blob)
        self.size += ring.size
        if self.size > self._budget:
            self._shrink(ring)

    def _shrink(self, newest: Ring) -> None:
        while self.size > self._budget:
            ring = next(iter(self._rings.values()))
            if ring is newest:
                return  # the others are empty, and its own limit bounds this one
            self.size -= ring.shrink()
            if not ring.size:
                del self._rings[ring.room]
                if ring.readers:
                    self._rings[ring.room] = ring  # the last to be asked again
