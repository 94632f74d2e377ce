"""The newest stored events of a room, as much as one ring holds: what fills a ring on its first use."""

from secure_chat.limits import MAX_RING_BYTES, MAX_RING_MESSAGES
from secure_chat.storage.blobs import pack
from secure_chat.storage.database import Database
from secure_chat.storage.outcomes import Blob
from secure_chat.storage.queries import rooms as queries


def read_tail(database: Database, room: int, last: int) -> tuple[Blob, ...]:
    """Blobs that end with event `last` of the room of that row number; without a gap, perhaps none."""
    frames: list[bytes] = []
    size, expected = 0, last
    for number, frame in database.all(queries.TAIL, room_number=room, last=last, rows=MAX_RING_MESSAGES):
        size += len(frame)
        if number != expected or (frames and size > MAX_RING_BYTES):
            break
        frames.append(frame)
        expected -= 1
    frames.reverse()
    return tuple(pack(last - len(frames) + 1, frames))
