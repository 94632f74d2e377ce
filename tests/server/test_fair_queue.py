"""The fair queue: turns, bounds, tickets, closing."""

import threading

import pytest

from secure_chat.errors import Busy
from secure_chat.server.fair_queue import Bounds, FairQueue

BOUNDS = Bounds(waiting=6, waiting_of_one=3, retry_after=1.5)


def queue() -> FairQueue[str, int, str]:
    return FairQueue(BOUNDS)


def test_owners_take_turns_whoever_asked_first_and_most() -> None:
    jobs = queue()
    for number, (owner, job) in enumerate([("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1")]):
        jobs.put(owner, number, job)
    served = []
    while len(jobs):
        taken = jobs.take()
        assert taken is not None
        served.append(taken[1])
        jobs.done(taken[0])
    assert served == ["a1", "b1", "c1", "a2", "a3"]


def test_of_one_owner_one_job_runs_at_a_time() -> None:
    jobs = queue()
    jobs.put("a", 1, "a1")
    jobs.put("a", 2, "a2")
    assert jobs.take() == ("a", "a1")
    second: list[tuple[str, str] | None] = []
    waiter = threading.Thread(target=lambda: second.append(jobs.take()))
    waiter.start()
    jobs.put("b", 3, "b1")
    waiter.join(60)
    assert second == [("b", "b1")]
    jobs.done("a")
    assert jobs.take() == ("a", "a2")


def test_one_owner_cannot_fill_it_and_nobody_can_overfill_it() -> None:
    jobs = queue()
    for number in range(3):
        jobs.put("a", number, "job")
    with pytest.raises(Busy) as caught:
        jobs.put("a", 3, "job")
    assert caught.value.retry_after == 1.5
    for number in range(3):
        jobs.put("b", number, "job")
    with pytest.raises(Busy):
        jobs.put("c", 0, "job")


def test_owners_of_one_group_leave_room_for_the_others() -> None:
    jobs: FairQueue[str, int, str] = FairQueue(Bounds(6, 3, 1.5, waiting_of_group=2))
    jobs.put("a", 1, "a1", "network")
    jobs.put("b", 2, "b1", "network")
    with pytest.raises(Busy) as caught:
        jobs.put("c", 3, "c1", "network")
    assert caught.value.retry_after == 1.5
    jobs.put("d", 4, "d1", "elsewhere")
    assert jobs.take() == ("a", "a1")
    jobs.put("c", 3, "c1", "network")
    assert jobs.remove(2) == 1
    jobs.put("b", 5, "b2", "network")
    assert len(jobs) == 3


def test_what_was_removed_by_its_ticket_is_not_taken_and_frees_its_place() -> None:
    jobs = queue()
    jobs.put("a", 1, "first")
    jobs.put("a", 2, "second")
    jobs.put("a", 1, "third")
    assert jobs.remove(1) == 2
    assert jobs.remove(1) == 0
    assert len(jobs) == 1
    assert jobs.take() == ("a", "second")


def test_closing_wakes_who_waits_and_refuses_what_comes() -> None:
    jobs = queue()
    results: list[object] = []
    waiters = [threading.Thread(target=lambda: results.append(jobs.take())) for _ in range(3)]
    for waiter in waiters:
        waiter.start()
    jobs.close()
    for waiter in waiters:
        waiter.join(60)
    assert results == [None, None, None]
    with pytest.raises(Busy):
        jobs.put("a", 1, "job")


def test_many_threads_take_every_job_once() -> None:
    jobs: FairQueue[int, int, int] = FairQueue(Bounds(waiting=10_000, waiting_of_one=10_000, retry_after=1))
    taken: list[int] = []
    running: set[int] = set()
    lock = threading.Lock()  # tier 1: what the test counts

    def work() -> None:
        while (job := jobs.take()) is not None:
            owner, number = job
            with lock:
                assert owner not in running
                running.add(owner)
                taken.append(number)
            with lock:
                running.remove(owner)
            jobs.done(owner)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(2_000):
        jobs.put(number % 7, number, number)
    finished = threading.Event()
    while len(jobs):
        finished.wait(0.01)
    jobs.close()
    for thread in threads:
        thread.join(60)
    assert sorted(taken) == list(range(2_000))
