"""Every order in which a few threads can take their steps: real code on real threads, one step at a time.

A step ends where the code takes a lock or touches a bell; only there another thread may come in between. One run
follows a list of choices; the explorer goes on to the next list until there is no other, or draws them by chance.
"""

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import TracebackType
from typing import Self

WAIT_SECONDS = 30.0  # generous: a step that takes longer hangs


class Stalled(AssertionError):
    """Nobody can take a step, and somebody has not come to the end."""


class _Abandoned(BaseException):
    """The run is over; a thread that waits for its step must end."""


class Worker:
    """One thread of a run; it moves only when it is told to."""

    def __init__(self, run: "Run", work: Callable[[], None]) -> None:
        self._run = run
        self._go = threading.Semaphore(0)
        self._paused = threading.Semaphore(0)
        self._blocked_until: Callable[[], bool] = lambda: True
        self.finished = False
        self._thread = threading.Thread(target=self._main, args=(work,), daemon=True)
        self._thread.start()

    @property
    def can_move(self) -> bool:
        """Whether its next step is possible."""
        return not self.finished and self._blocked_until()

    def move(self) -> None:
        """Let it go to its next point."""
        self._go.release()
        if not self._paused.acquire(timeout=WAIT_SECONDS):
            raise TimeoutError("a step did not end")

    def point(self, until: Callable[[], bool]) -> None:
        """Called by the thread itself: stop here, go on once chosen and `until` holds."""
        self._blocked_until = until
        self._paused.release()
        self._go.acquire()
        if self._run.over:
            raise _Abandoned

    def join(self) -> None:
        """The run is over."""
        self._go.release()
        self._thread.join(WAIT_SECONDS)

    def _main(self, work: Callable[[], None]) -> None:
        self._run.register(self)
        self._go.acquire()
        try:
            if not self._run.over:
                work()
        except _Abandoned:
            return
        finally:
            self.finished = True
            self._paused.release()


class Run:
    """One order of steps. `choose`: at which step which of so many threads that can move does."""

    def __init__(self, choose: Callable[[int, int], int]) -> None:
        self._choose = choose
        self._workers: list[Worker] = []
        self._by_thread: dict[int, Worker] = {}
        self.taken: list[tuple[int, int]] = []  # at each step: which was chosen, of how many
        self.over = False

    def thread(self, work: Callable[[], None]) -> None:
        """One more thread, which has not moved yet."""
        self._workers.append(Worker(self, work))

    def register(self, worker: Worker) -> None:
        """Called by the thread itself."""
        self._by_thread[threading.get_ident()] = worker

    def point(self, until: Callable[[], bool] = lambda: True) -> None:
        """A place where others may come in between. On no thread of the run it is none."""
        worker = self._by_thread.get(threading.get_ident())
        if worker is not None:
            worker.point(until)

    def play(self) -> None:
        """Take steps until everybody is at the end. Raises `Stalled`."""
        try:
            while not all(worker.finished for worker in self._workers):
                movable = [worker for worker in self._workers if worker.can_move]
                if not movable:
                    raise Stalled
                chosen = self._choose(len(self.taken), len(movable))
                self.taken.append((chosen, len(movable)))
                movable[chosen].move()
        finally:
            self.over = True
            for worker in self._workers:
                worker.join()


class SimulatedLock:
    """A lock of which every taking is a point. It is free there: nobody stops while he holds it."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __enter__(self) -> Self:
        self._run.point()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free again."""


class SimulatedBell:
    """A descriptor of which every touch is a point."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.readable = False
        self.is_closed = False

    def fileno(self) -> int:
        """There is none."""
        return -1

    def ring(self) -> None:
        """Readable."""
        self._run.point()
        assert not self.is_closed, "rung after its descriptor was freed"
        self.readable = True

    def silence(self) -> None:
        """Not readable."""
        self._run.point()
        self.readable = False

    def close(self) -> None:
        """Free; once."""
        self._run.point()
        assert not self.is_closed, "freed twice"
        self.is_closed = True

    def wait(self) -> None:
        """Poll without a time-out."""
        self._run.point(lambda: self.readable)


def all_runs(prepare: Callable[[Run], None]) -> Iterator[Run]:
    """Every order, each in a run of its own that `prepare` fills with threads. Raises `Stalled` in one that stalls."""
    choices: list[int] = []
    while True:
        run = Run(partial(_listed, tuple(choices)))
        prepare(run)
        run.play()
        yield run
        taken = run.taken
        while taken and taken[-1][0] + 1 == taken[-1][1]:
            taken.pop()
        if not taken:
            return
        choices = [chosen for chosen, _ in taken[:-1]] + [taken[-1][0] + 1]


def _listed(choices: Sequence[int], step: int, _: int) -> int:
    return choices[step] if step < len(choices) else 0


def some_runs(prepare: Callable[[Run], None], count: int) -> Iterator[Run]:
    """So many orders by chance, the same ones each time. Raises `Stalled` in one that stalls."""
    source = random.Random(count)
    for _ in range(count):
        run = Run(lambda _, movable: source.randrange(movable))
        prepare(run)
        run.play()
        yield run
