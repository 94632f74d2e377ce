"""The wake-up rule of the inbox, in every order in which producers and the consumer can take their steps."""

from functools import partial

import pytest

from secure_chat.server.inbox import Inbox
from tests.simulation.interleavings import Run, SimulatedBell, SimulatedLock, Stalled, all_runs, some_runs


class SnapshotBeforeClearing(Inbox[int]):
    """The flag is cleared after the snapshot: what arrives in between rings no bell."""

    def take(self) -> list[int]:
        self._bell.silence()
        items = self._snapshot()
        self._clear()
        return items


class SilenceAfterSnapshot(Inbox[int]):
    """The bell is silenced last: the ring for what arrived after the snapshot is lost."""

    def take(self) -> list[int]:
        self._clear()
        items = self._snapshot()
        self._bell.silence()
        return items


class ClearingBeforeSilence(Inbox[int]):
    """The bell is silenced after the flag is cleared: it is silent while the flag says that it has been rung."""

    def take(self) -> list[int]:
        self._clear()
        self._bell.silence()
        return self._snapshot()


def play(kind: type[Inbox[int]], producers: int, puts: int, count: int | None = None) -> tuple[int, int]:
    """All orders, or `count` by chance; returns how many, and the most snapshots that one of them needed."""
    snapshots: list[int] = []

    def prepare(run: Run) -> None:
        bell = SimulatedBell(run)
        inbox = kind(bell, SimulatedLock(run))
        received: list[int] = []
        snapshots.append(0)

        def produce(first: int) -> None:
            for number in range(puts):
                inbox.put(first + number)

        def consume() -> None:
            while len(received) < producers * puts:
                bell.wait()
                received.extend(inbox.take())
                snapshots[-1] += 1
            of_each = [[item for item in received if item // 10 == index] for index in range(producers)]
            assert of_each == [[10 * index + number for number in range(puts)] for index in range(producers)]

        for index in range(producers):
            run.thread(partial(produce, 10 * index))
        run.thread(consume)

    runs = all_runs(prepare) if count is None else some_runs(prepare, count)
    orders = sum(1 for _ in runs)
    return orders, max(snapshots)


@pytest.mark.parametrize(
    ("producers", "puts", "count"),
    [(1, 2, None), (1, 5, 800), (2, 2, 800), (3, 2, 800), pytest.param(2, 1, None, marks=pytest.mark.long)],
)
def test_nothing_that_was_put_waits_without_a_wake_up(producers: int, puts: int, count: int | None) -> None:
    orders, most = play(Inbox, producers, puts, count)
    assert orders > 50, "the simulation has not gone through different orders"
    assert most > 1, "no order in which something arrived during a pass"


@pytest.mark.parametrize("kind", [SnapshotBeforeClearing, SilenceAfterSnapshot, ClearingBeforeSilence])
def test_each_other_order_of_the_consumers_steps_stalls_somewhere(kind: type[Inbox[int]]) -> None:
    with pytest.raises(Stalled):
        play(kind, 1, 3)


def test_no_descriptor_is_rung_after_it_was_freed_and_it_is_freed_once() -> None:
    bells: list[SimulatedBell] = []

    def prepare(run: Run) -> None:
        bells.append(SimulatedBell(run))
        inbox: Inbox[int] = Inbox(bells[-1], SimulatedLock(run))

        def produce() -> None:
            inbox.put(1)
            inbox.put(2)

        def consume_and_go() -> None:
            inbox.take()
            inbox.close()

        run.thread(produce)
        run.thread(consume_and_go)

    orders = sum(1 for _ in all_runs(prepare))
    assert orders > 100
    assert all(bell.is_closed for bell in bells)
