"""Frames of consecutive events joined into blobs, the pieces that are kept and shared as one."""

from collections.abc import Sequence

from secure_chat.limits import MAX_BLOB_BYTES
from secure_chat.storage.outcomes import Blob


def pack(first: int, frames: Sequence[bytes]) -> list[Blob]:
    """Join whole frames, numbered from `first`, into blobs of at most `MAX_BLOB_BYTES`, one frame at least in each."""
    if sum(map(len, frames)) <= MAX_BLOB_BYTES:
        return [Blob(first, first + len(frames) - 1, b"".join(frames))] if frames else []
    blobs: list[Blob] = []
    start = size = 0
    for index, frame in enumerate(frames):
        if size + len(frame) > MAX_BLOB_BYTES and index > start:
            blobs.append(Blob(first + start, first + index - 1, b"".join(frames[start:index])))
            start, size = index, 0
        size += len(frame)
    blobs.append(Blob(first + start, first + len(frames) - 1, b"".join(frames[start:])))
    return blobs
