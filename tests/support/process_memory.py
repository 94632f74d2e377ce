"""All that can be read of a running process's memory."""

import contextlib
import io
from pathlib import Path
from typing import Final

import pytest

_OF_THE_KERNEL: Final = ("[vvar]", "[vvar_vclock]", "[vsyscall]")
needs_memory = pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="only Linux shows another's memory")


_NOTHING: Final = bytes(4096)  # a page that nobody has written to; half of all pages


def memory_of(process: int) -> list[bytes]:
    """What the process holds, mapping by mapping, without empty pages; those that go meanwhile as far as they were."""
    maps = Path(f"/proc/{process}/maps").read_text(encoding="utf-8").splitlines()
    found: list[bytes] = []
    with Path(f"/proc/{process}/mem").open("rb", buffering=0) as memory:
        for line in maps:
            addresses, permissions = line.split()[:2]
            if permissions.startswith("r") and not line.endswith(_OF_THE_KERNEL):
                start, end = (int(address, 16) for address in addresses.split("-"))
                found.append(_written(_read(memory, start, end - start)))
    return found


def _read(memory: io.FileIO, start: int, size: int) -> bytes:
    pieces: list[bytes] = []
    memory.seek(start)
    with contextlib.suppress(OSError):  # it has gone since, or goes on beyond the end of its file
        while size and (piece := memory.read(size)):
            pieces.append(piece)
            size -= len(piece)
    return b"".join(pieces)


def _written(mapping: bytes) -> bytes:
    """What is left of a mapping without long runs of zeros; some stand for each."""
    return (b"\0" * 64).join(piece for piece in mapping.split(_NOTHING) if piece)
