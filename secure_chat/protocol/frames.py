"""Frames: a 4-byte big-endian length and that many bytes, cut from a stream without trusting the length."""

from struct import Struct
from typing import Final

from secure_chat.errors import FrameInvalid, FrameTooLarge
from secure_chat.limits import FRAME_HEADER_BYTES, MAX_FRAME_BYTES

_FROM_BYTES: Final = int.from_bytes
_length_at: Final = Struct(">I").unpack_from


def frame(body: bytes) -> bytes:
    """Put the length before `body` (PROTOCOL.md, Framing). The body is 1 to `MAX_FRAME_BYTES` bytes."""
    if not 0 < len(body) <= MAX_FRAME_BYTES:
        raise FrameTooLarge(f"A frame of {len(body):,} bytes, the limit is {MAX_FRAME_BYTES:,}.")
    return len(body).to_bytes(FRAME_HEADER_BYTES, "big") + body


class FrameReader:
    """Cut a stream of bytes into frame bodies.

    `cap` is the longest body taken, in bytes; whoever owns the connection raises it after login. The
    length is checked against it before a byte of the body is kept. A reader that has raised is done for:
    the stream cannot be trusted any more and the connection is closed.
    """

    __slots__ = ("_kept", "cap")

    def __init__(self, cap: int) -> None:
        self.cap = cap
        self._kept = b""

    @property
    def waiting(self) -> int:
        """Bytes of an unfinished frame that are kept, header included."""
        return len(self._kept)

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes as they arrive; return the bodies they complete, perhaps none.

        Raises `FrameTooLarge` for a length above `cap`, `FrameInvalid` for a length of zero.
        """
        if self._kept:
            data = self._kept + data
        bodies: list[bytes] = []
        at, size, cap = 0, len(data), self.cap
        while size - at >= FRAME_HEADER_BYTES:
            start = at + FRAME_HEADER_BYTES
            length: int = _length_at(data, at)[0]
            if length > cap:
                self._kept = b""
                raise FrameTooLarge(f"A frame of {length:,} bytes, the limit is {cap:,} here.")
            if length == 0:
                self._kept = b""
                raise FrameInvalid("An empty frame.")
            end = start + length
            if end > size:
                break
            bodies.append(data[start:end])
            at = end
        self._kept = data[at:] if at else data
        return bodies


def split_frames(blob: bytes) -> list[bytes]:
    """Cut a blob of whole frames into frame bodies. Raises `FrameInvalid` when it does not end on a frame's end."""
    reader = FrameReader(MAX_FRAME_BYTES)
    bodies = reader.feed(blob)
    if reader.waiting:
        raise FrameInvalid("A blob of frames that ends inside a frame.")
    return bodies


def skip_frames(blob: bytes, count: int) -> bytes:
    """What is left of a blob of whole frames after its first `count` frames (`count` of them are there)."""
    at = 0
    for _ in range(count):
        at += FRAME_HEADER_BYTES + _FROM_BYTES(blob[at : at + FRAME_HEADER_BYTES], "big")
    return blob[at:]


def take_frames(blob: bytes, count: int) -> bytes:
    """The first `count` frames of a blob of whole frames (`count` of them are there)."""
    return blob[: len(blob) - len(skip_frames(blob, count))]
