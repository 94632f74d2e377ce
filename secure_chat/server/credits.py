"""Credits: how much one connection and one I/O thread may have under way, so that no inbox fills and nothing blocks."""

from collections import deque
from dataclasses import dataclass
from typing import Protocol

from secure_chat import limits


class CreditHolder(Protocol):
    """A connection, as far as credits are concerned; both start at zero."""

    credit_entries: int
    credit_bytes: int
    reads_under_way: int


@dataclass(frozen=True, slots=True)
class CreditLimits:
    """How much may be under way."""

    connection_entries: int = limits.MAX_CONNECTION_CREDIT_ENTRIES
    connection_bytes: int = limits.MAX_CONNECTION_CREDIT_BYTES
    thread_entries: int = limits.MAX_THREAD_CREDIT_ENTRIES
    thread_bytes: int = limits.MAX_THREAD_CREDIT_BYTES
    connection_reads: int = limits.MAX_READS_UNDER_WAY
    thread_reads: int = limits.MAX_THREAD_READS_UNDER_WAY


class Credits:
    """The credits of one I/O thread and its connections: for entries in the journal, and for reads."""

    __slots__ = ("_limits", "bytes", "entries", "reads")

    def __init__(self, credit_limits: CreditLimits | None = None) -> None:
        self._limits = CreditLimits() if credit_limits is None else credit_limits
        self.entries = 0
        self.bytes = 0
        self.reads = 0

    def has_entry(self, holder: CreditHolder, size: int) -> bool:
        """Whether an entry of `size` bytes may go to the journal now."""
        most = self._limits
        return (
            holder.credit_entries < most.connection_entries
            and holder.credit_bytes + size <= most.connection_bytes
            and self.entries < most.thread_entries
            and self.bytes + size <= most.thread_bytes
        )

    def count_entry(self, holder: CreditHolder, size: int) -> None:
        """It goes."""
        holder.credit_entries += 1
        holder.credit_bytes += size
        self.entries += 1
        self.bytes += size

    def give_entry(self, holder: CreditHolder | None, size: int, count: int = 1) -> None:
        """One entry or `count` of them, of `size` bytes, have been decided; the connection may have gone."""
        self.entries -= count
        self.bytes -= size
        if holder is not None:
            holder.credit_entries -= count
            holder.credit_bytes -= size

    def has_read(self, holder: CreditHolder) -> bool:
        """Whether a read may go to the reader or the pool now."""
        return holder.reads_under_way < self._limits.connection_reads and self.reads < self._limits.thread_reads

    def count_read(self, holder: CreditHolder) -> None:
        """It goes."""
        holder.reads_under_way += 1
        self.reads += 1

    def give_read(self, holder: CreditHolder) -> None:
        """A read has been answered."""
        self.reads -= 1
        holder.reads_under_way -= 1

    def forget_reads(self, holder: CreditHolder) -> None:
        """The connection has gone; the answers to its reads will find nobody and are not counted any more."""
        self.reads -= holder.reads_under_way
        holder.reads_under_way = 0


class Backlog:
    """How long an entry of this I/O thread would wait in the journal if it were put there now."""

    __slots__ = ("_batch_seconds", "_put", "_threads", "_under_way")

    def __init__(self, io_threads: int) -> None:
        self._threads = io_threads
        self._put: deque[tuple[float, int]] = deque()  # when, and how many at once; oldest first
        self._under_way = 0
        self._batch_seconds = 0.0  # what the last commit took

    def put(self, now: float, count: int) -> None:
        """So many have been handed over."""
        self._put.append((now, count))
        self._under_way += count

    def decided(self, count: int, batch_seconds: float) -> None:
        """So many, the oldest, have come back from a commit that took `batch_seconds`."""
        self._batch_seconds = batch_seconds
        self._under_way -= count
        while count and self._put:
            at, waiting = self._put[0]
            if waiting > count:
                self._put[0] = (at, waiting - count)
                return
            self._put.popleft()
            count -= waiting

    def wait(self, now: float) -> float:
        """Seconds: what the oldest has waited already, or the commits that are still ahead, whichever is more."""
        if not self._put:
            return 0.0
        batches = 1 + self._under_way * self._threads // limits.MAX_BATCH_ENTRIES
        return max(now - self._put[0][0], batches * self._batch_seconds)
