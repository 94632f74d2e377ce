"""The journal's inbox: entries of every I/O thread, taken in turns; an operator's before all others."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from secure_chat.limits import MAX_BATCH_BYTES, MAX_BATCH_ENTRIES
from secure_chat.server.items import Administration, Disconnected, Submission


@dataclass(slots=True)
class Batch:
    """What the journal takes at once. `parts`: which I/O thread, and entries of it in its own order."""

    administration: list[Administration] = field(default_factory=list)
    parts: list[tuple[int, Sequence[Submission]]] = field(default_factory=list)
    disconnected: list[tuple[int, Disconnected]] = field(default_factory=list)
    finish: bool = False  # nothing will be put any more; `True` once everything has been taken

    def __bool__(self) -> bool:
        return bool(self.administration or self.parts or self.disconnected)


class JournalInbox:
    """Bounded by the credits of those who put. The journal waits here; the disk makes the batches, not the clock."""

    __slots__ = ("_administration", "_arrived", "_disconnected", "_finishing", "_first", "_stopped", "_waiting")

    TURN_ENTRIES = 64  # of one I/O thread before the next one's turn

    def __init__(self, io_threads: int) -> None:
        self._arrived = threading.Condition()  # tier 2: the journal's inbox
        self._waiting: list[deque[Submission]] = [deque() for _ in range(io_threads)]
        self._administration: list[Administration] = []
        self._disconnected: list[tuple[int, Disconnected]] = []
        self._first = 0  # whose turn it is
        self._finishing = False
        self._stopped = False

    def put(self, io_thread: int, submissions: Sequence[Submission], disconnected: Sequence[Disconnected]) -> None:
        """All that a turn of an I/O thread has decided."""
        with self._arrived:
            self._waiting[io_thread].extend(submissions)
            self._disconnected += [(io_thread, one) for one in disconnected]
            self._arrived.notify()

    def administer(self, administration: Administration) -> None:
        """An operator's entry; any thread."""
        with self._arrived:
            self._administration.append(administration)
            self._arrived.notify()

    def finish(self) -> None:
        """Nothing that counts will be put any more: once it is empty, `take` says so."""
        with self._arrived:
            self._finishing = True
            self._arrived.notify()

    def stop(self) -> None:
        """The journal's thread is to end, whatever waits."""
        with self._arrived:
            self._stopped = True
            self._arrived.notify()

    @property
    def stopped(self) -> bool:
        """Whether the journal's thread is to end."""
        with self._arrived:
            return self._stopped

    @property
    def waits(self) -> bool:
        """Whether something waits to be taken."""
        with self._arrived:
            return self._has_some()

    def take(self, timeout: float | None) -> Batch:
        """What has arrived, at most `MAX_BATCH_ENTRIES` and `MAX_BATCH_BYTES`; waits `timeout` seconds for it."""
        with self._arrived:
            if not self._has_some() and not self._finishing and not self._stopped:
                self._arrived.wait(timeout)
            batch = Batch(self._administration, disconnected=self._disconnected)
            self._administration, self._disconnected = [], []
            self._take_in_turns(batch, MAX_BATCH_ENTRIES - len(batch.administration))
            batch.finish = self._finishing and not self._has_some()
            if batch.finish:
                self._finishing = False  # said once
        return batch

    def _has_some(self) -> bool:
        return bool(self._administration or self._disconnected or any(self._waiting))

    def _take_in_turns(self, batch: Batch, entries: int) -> None:
        size, threads = MAX_BATCH_BYTES, len(self._waiting)
        while entries > 0 and size > 0 and any(self._waiting):
            thread, waiting = self._first, self._waiting[self._first]
            self._first = (self._first + 1) % threads
            part: list[Submission] = []
            turn = entries if threads == 1 else min(entries, self.TURN_ENTRIES)
            while waiting and len(part) < turn and size > 0:
                submission = waiting.popleft()
                size -= submission.size
                part.append(submission)
            entries -= len(part)
            if part:
                batch.parts.append((thread, part))
