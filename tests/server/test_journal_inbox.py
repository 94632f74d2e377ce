"""The journal's inbox: turns, bounds, administration first, and the end."""

import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_chat.limits import MAX_BATCH_BYTES, MAX_BATCH_ENTRIES
from secure_chat.server.inbox import Inbox
from secure_chat.server.items import Administration, AdministrationOutcome, Disconnected, Sessions, Submission
from secure_chat.server.journal_inbox import Batch, JournalInbox
from secure_chat.storage.entries import LeaveRoom

PATIENCE_SECONDS = 60.0


def submission(number: int, size: int = 100) -> Submission:
    return Submission(1, number, LeaveRoom(1, "team"), size)


def ids(batch: Batch) -> list[tuple[int, int]]:
    return [(thread, one.id) for thread, part in batch.parts for one in part]


def test_a_batch_has_no_more_entries_than_its_limit() -> None:
    inbox = JournalInbox(1)
    inbox.put(0, [submission(number) for number in range(MAX_BATCH_ENTRIES + 10)], [])
    assert ids(inbox.take(0.0)) == [(0, number) for number in range(MAX_BATCH_ENTRIES)]
    assert ids(inbox.take(0.0)) == [(0, number) for number in range(MAX_BATCH_ENTRIES, MAX_BATCH_ENTRIES + 10)]


def test_a_batch_ends_with_the_entry_that_passes_its_limit_of_bytes() -> None:
    inbox = JournalInbox(1)
    inbox.put(0, [submission(number, MAX_BATCH_BYTES // 4) for number in range(10)], [])
    assert [len(ids(inbox.take(0.0))) for _ in range(3)] == [4, 4, 2]


def test_io_threads_take_turns_so_that_none_keeps_the_others_out() -> None:
    inbox = JournalInbox(3)
    for thread in range(3):
        inbox.put(thread, [submission(number) for number in range(1000)], [])
    taken = ids(inbox.take(0.0))
    assert len(taken) == MAX_BATCH_ENTRIES
    for thread in range(3):
        share = [number for owner, number in taken if owner == thread]
        assert abs(len(share) - MAX_BATCH_ENTRIES / 3) <= JournalInbox.TURN_ENTRIES
        assert share == list(range(len(share)))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 200), st.sampled_from([1, 9000])), max_size=30))
def test_everything_is_taken_once_in_the_order_of_each_thread(puts: Sequence[tuple[int, int, int]]) -> None:
    inbox = JournalInbox(3)
    put: dict[int, list[int]] = {0: [], 1: [], 2: []}
    taken: dict[int, list[int]] = {0: [], 1: [], 2: []}
    for thread, count, size in puts:
        numbers = range(len(put[thread]), len(put[thread]) + count)
        put[thread] += numbers
        inbox.put(thread, [submission(number, size) for number in numbers], [])
        for owner, number in ids(inbox.take(0.0)):
            taken[owner].append(number)
    while inbox.waits:
        for owner, number in ids(inbox.take(0.0)):
            taken[owner].append(number)
    assert taken == put


def test_an_operators_entry_is_in_the_next_batch_however_much_waits() -> None:
    inbox = JournalInbox(1)
    answers: Inbox[Sessions | AdministrationOutcome] = Inbox()
    inbox.put(0, [submission(number) for number in range(3 * MAX_BATCH_ENTRIES)], [])
    inbox.administer(Administration(LeaveRoom(1, "team"), answers, 7))
    batch = inbox.take(0.0)
    assert [one.tag for one in batch.administration] == [7]
    assert len(ids(batch)) == MAX_BATCH_ENTRIES - 1
    answers.close()


def test_who_has_left_is_told_with_the_thread_that_owned_him() -> None:
    inbox = JournalInbox(2)
    inbox.put(1, [], [Disconnected(5, 1, 2)])
    assert inbox.take(0.0).disconnected == [(1, Disconnected(5, 1, 2))]


def test_the_end_is_said_once_and_only_when_everything_has_been_taken() -> None:
    inbox = JournalInbox(1)
    inbox.put(0, [submission(number) for number in range(MAX_BATCH_ENTRIES + 1)], [])
    inbox.finish()
    assert not inbox.take(0.0).finish
    assert inbox.take(0.0).finish
    assert not inbox.take(0.0).finish


@pytest.mark.parametrize("wake", ["put", "administer", "finish", "stop"])
def test_whatever_is_put_wakes_the_journal(wake: str) -> None:
    inbox = JournalInbox(1)
    answers: Inbox[Sessions | AdministrationOutcome] = Inbox()
    woken = threading.Event()

    def consume() -> None:
        inbox.take(PATIENCE_SECONDS)
        woken.set()

    thread = threading.Thread(target=consume)
    thread.start()
    match wake:
        case "put":
            inbox.put(0, [submission(1)], [])
        case "administer":
            inbox.administer(Administration(LeaveRoom(1, "team"), answers, 1))
        case "finish":
            inbox.finish()
        case _:
            inbox.stop()
            assert inbox.stopped
    assert woken.wait(PATIENCE_SECONDS / 2), "the journal was not woken"
    thread.join()
    answers.close()
