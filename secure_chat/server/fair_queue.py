"""Jobs that wait for a few threads, fair over whom they belong to: nobody's many hold up another's one."""

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from secure_chat.errors import Busy

Owner = TypeVar("Owner", bound=Hashable)
Ticket = TypeVar("Ticket", bound=Hashable)
Job = TypeVar("Job")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may wait: in all, and of one owner; of each owner one job runs at a time."""

    waiting: int
    waiting_of_one: int
    retry_after: float  # seconds, for those who are turned away
    waiting_of_group: int | None = None  # of all owners that may be one person; None: there are no groups


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Ticket, Job]):
    """A job that waits, and by what it is found and counted."""

    ticket: Ticket
    job: Job
    group: Hashable


class FairQueue(Generic[Owner, Ticket, Job]):
    """Round-robin over owners, one running job each. `put`, `take`, `done` and `remove` may be called by any thread."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._changed = threading.Condition()  # tier 1: everything below
        # Owners in the order of their turns.
        self._waiting: OrderedDict[Owner, deque[_Waiting[Ticket, Job]]] = OrderedDict()
        self._of_group: Counter[Hashable] = Counter()
        self._running: set[Owner] = set()
        self._size = 0
        self._closed = False

    def put(self, owner: Owner, ticket: Ticket, job: Job, group: Hashable = None) -> None:
        """Let a job wait; `ticket` finds it again.

        Raises `Busy` when too much waits, of all, of this owner, or of the `group` of owners that may be one person.
        """
        with self._changed:
            own, most_of_group = self._waiting.get(owner), self._bounds.waiting_of_group
            if self._closed or self._size >= self._bounds.waiting:
                raise Busy(retry_after=self._bounds.retry_after)
            if own is not None and len(own) >= self._bounds.waiting_of_one:
                raise Busy("Too much of yours waits already.", retry_after=self._bounds.retry_after)
            if most_of_group is not None and self._of_group[group] >= most_of_group:
                raise Busy("Too much from your network waits already.", retry_after=self._bounds.retry_after)
            self._waiting.setdefault(owner, deque()).append(_Waiting(ticket, job, group))
            self._of_group[group] += 1
            self._size += 1
            if owner not in self._running:
                self._changed.notify()

    def take(self) -> tuple[Owner, Job] | None:
        """The next job whose owner has none running; waits for one. None: the queue was closed.

        Whoever takes a job says `done` when it has ended.
        """
        with self._changed:
            while True:
                if self._closed:
                    return None
                for owner, jobs in self._waiting.items():
                    if owner in self._running:
                        continue
                    waiting = jobs.popleft()
                    self._leave(waiting)
                    self._running.add(owner)
                    del self._waiting[owner]
                    if jobs:
                        self._waiting[owner] = jobs  # at the end: the others come first
                    return owner, waiting.job
                self._changed.wait()

    def done(self, owner: Owner) -> None:
        """The running job of this owner has ended."""
        with self._changed:
            self._running.discard(owner)
            if owner in self._waiting:
                self._changed.notify()

    def remove(self, ticket: Ticket) -> int:
        """Take all waiting jobs of this ticket out; returns how many there were."""
        removed = 0
        with self._changed:
            for owner in list(self._waiting):
                jobs = self._waiting[owner]
                for waiting in [waiting for waiting in jobs if waiting.ticket == ticket]:
                    jobs.remove(waiting)
                    self._leave(waiting)
                    removed += 1
                if not jobs:
                    del self._waiting[owner]
        return removed

    def close(self) -> None:
        """Nothing is taken any more; whoever waits for a job is woken. What waits is dropped."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._of_group.clear()
            self._size = 0
            self._changed.notify_all()

    def _leave(self, waiting: _Waiting[Ticket, Job]) -> None:
        self._size -= 1
        self._of_group[waiting.group] -= 1
        if not self._of_group[waiting.group]:
            del self._of_group[waiting.group]

    def __len__(self) -> int:
        """How many jobs wait."""
        with self._changed:
            return self._size
