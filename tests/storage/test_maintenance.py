"""Maintenance: full text is merged in small steps under any load, what has had its time goes, then there is rest."""

import itertools
import sqlite3

import pytest

from secure_chat.limits import IDEMPOTENCY_HOURS, SWEEP_ROWS
from secure_chat.storage.database import DATABASE_NAME
from secure_chat.storage.maintenance import MERGE_AFTER_COMMITS, MOVE_AFTER, SWEEP_EVERY_MS
from tests.storage.opened import HOUR_MS, Opened, post


def count(opened: Opened, question: str) -> int:
    connection = sqlite3.connect(f"file:{opened.directory / DATABASE_NAME}?mode=ro", uri=True)
    try:
        answer: int = connection.execute(question).fetchone()[0]
    finally:
        connection.close()
    return answer


def segments(opened: Opened) -> int:
    """How many pieces a search looks into."""
    return count(opened, "SELECT count(DISTINCT segid) FROM room_text_idx")


def settle(opened: Opened) -> int:
    """Idle turns until there is nothing to do; how many."""
    turns = 0
    while opened.store.maintain(opened.now, idle=True):
        turns += 1
        assert turns < 1000
    return turns


@pytest.mark.parametrize(
    ("size", "batches", "bound"), [(1, 400, 2 * MERGE_AFTER_COMMITS), (40, 200, MERGE_AFTER_COMMITS), (300, 60, 30)]
)
def test_full_text_is_merged_even_when_there_is_never_an_idle_turn(
    opened: Opened, size: int, batches: int, bound: int
) -> None:
    alice = opened.register("alice")
    most = 0
    for number in range(batches):
        opened.commit(*(post(alice, "lobby", f"word w{number} v{index}") for index in range(size)))
        opened.store.maintain(opened.now, idle=False)
        most = max(most, segments(opened) if number % 10 == 0 else 0)

    assert most <= bound


def test_idle_turns_merge_and_then_rest(opened: Opened) -> None:
    alice = opened.register("alice")
    for number in range(60):
        opened.commit(post(alice, "lobby", f"word w{number}"))
    before = segments(opened)

    assert settle(opened) > 0

    assert segments(opened) < before / 2
    assert settle(opened) == 0
    with opened.reader() as reader:
        assert len(reader.search(alice.account, "word").frames) > 0
        assert reader.search(alice.account, "w59").frames


def test_the_index_agrees_with_the_texts_whatever_was_merged(opened: Opened) -> None:
    alice = opened.register("alice")
    for number in range(100):
        opened.commit(*(post(alice, "lobby", f"text {number} {index}") for index in range(7)))
        opened.store.maintain(opened.now, idle=number % 3 == 0)
    settle(opened)
    opened.store.close()
    connection = sqlite3.connect(opened.directory / DATABASE_NAME)
    try:  # raises when the index and its content differ
        connection.execute("INSERT INTO room_text(room_text) VALUES ('integrity-check')")
    finally:
        connection.close()
        opened.open()


def test_expired_ids_go_in_small_steps_once_an_hour(opened: Opened) -> None:
    alice = opened.register("alice")
    opened.commit(*(post(alice, "lobby", str(number)) for number in range(3 * SWEEP_ROWS)))
    settle(opened)
    assert count(opened, "SELECT count(*) FROM sent_ids") == 3 * SWEEP_ROWS

    opened.now += IDEMPOTENCY_HOURS * HOUR_MS + 1
    left = [3 * SWEEP_ROWS]
    while opened.store.maintain(opened.now, idle=True):
        left.append(count(opened, "SELECT count(*) FROM sent_ids"))

    assert left[-1] == 0
    assert all(before - after <= SWEEP_ROWS for before, after in itertools.pairwise(left))
    opened.now += SWEEP_EVERY_MS - 1
    assert settle(opened) == 0
    opened.now += 1
    assert settle(opened) > 0


def test_a_busy_turn_does_nothing_that_can_wait(opened: Opened) -> None:
    alice = opened.register("alice")
    opened.post(alice, "lobby", "hello")
    settle(opened)
    opened.now += (IDEMPOTENCY_HOURS + 1) * HOUR_MS

    for _ in range(5):
        assert not opened.store.maintain(opened.now, idle=False)

    assert count(opened, "SELECT count(*) FROM sent_ids") == 1


def test_sent_ids_move_into_their_table_even_when_there_is_never_an_idle_turn(opened: Opened) -> None:
    alice = opened.register("alice")
    entries = [post(alice, "lobby", str(number)) for number in range(MOVE_AFTER + 500)]
    first = []
    for start in range(0, len(entries), 100):
        first += opened.commit(*entries[start : start + 100]).outcomes
        opened.store.maintain(opened.now, idle=False)
        assert opened.store._sent_ids.waiting < MOVE_AFTER + 300

    assert opened.store._sent_ids.waiting < MOVE_AFTER
    assert count(opened, "SELECT count(*) FROM sent_ids") >= MOVE_AFTER
    assert opened.commit(*entries).outcomes == first
    opened.reopen()
    assert opened.commit(*entries).outcomes == first
