"""What a server costs: its CPU and memory from /proc, around a piece of work."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SERVER_CPU, LOAD_CPU = 0, 1  # the server on one core, the load on the other


@dataclass(slots=True)
class Cost:
    """Filled when the measured block ends."""

    cpu_us: float = 0.0  # microseconds of all threads, from the scheduler's count in nanoseconds


def cpu_microseconds(pid: int) -> float:
    """Run time of every thread of a process so far, in microseconds."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        total += int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text(encoding="ascii").split()[0])
    return total / 1000


@contextmanager
def cpu_of(pid: int) -> Iterator[Cost]:
    """Measure the CPU that a process spends on the block."""
    cost = Cost()
    before = cpu_microseconds(pid)
    yield cost
    cost.cpu_us = cpu_microseconds(pid) - before


def resident_bytes(pid: int) -> int:
    """Resident memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def pin(pid: int, cpu: int) -> None:
    """Keep a process, and the threads it has, on one core where there are two."""
    if os.cpu_count() == 1:
        return
    for task in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(task), {cpu})
