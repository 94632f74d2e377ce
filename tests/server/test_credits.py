"""Credits: no order of taking and giving exceeds a limit or loses one; how long the next entry would wait."""

from collections import deque
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from secure_chat.limits import (
    MAX_BATCH_ENTRIES,
    MAX_CONNECTION_CREDIT_BYTES,
    MAX_CONNECTION_CREDIT_ENTRIES,
    MAX_READS_UNDER_WAY,
    MAX_THREAD_CREDIT_BYTES,
    MAX_THREAD_CREDIT_ENTRIES,
    MAX_THREAD_READS_UNDER_WAY,
)
from secure_chat.server.credits import Backlog, CreditLimits, Credits


@dataclass
class Holder:
    credit_entries: int = 0
    credit_bytes: int = 0
    reads_under_way: int = 0


def test_the_limits_are_those_that_are_published() -> None:
    assert CreditLimits() == CreditLimits(
        MAX_CONNECTION_CREDIT_ENTRIES,
        MAX_CONNECTION_CREDIT_BYTES,
        MAX_THREAD_CREDIT_ENTRIES,
        MAX_THREAD_CREDIT_BYTES,
        MAX_READS_UNDER_WAY,
        MAX_THREAD_READS_UNDER_WAY,
    )
    assert (MAX_CONNECTION_CREDIT_ENTRIES, MAX_CONNECTION_CREDIT_BYTES) == (32, 256 * 1024)
    assert (MAX_THREAD_CREDIT_ENTRIES, MAX_THREAD_CREDIT_BYTES) == (4096, 16 * 1024 * 1024)


SMALL = CreditLimits(
    connection_entries=3, connection_bytes=100, thread_entries=5, thread_bytes=150, connection_reads=2, thread_reads=3
)
Steps = st.lists(
    st.tuples(st.sampled_from(["entry", "decide", "read", "answer", "leave"]), st.integers(0, 3), st.integers(0, 60)),
    max_size=200,
)


@given(Steps)
def test_no_order_of_events_exceeds_a_limit_or_loses_a_credit(steps: list[tuple[str, int, int]]) -> None:
    credits_ = Credits(SMALL)
    holders = [Holder() for _ in range(4)]
    under_way: deque[tuple[Holder, int]] = deque()
    gone: list[Holder] = []
    for kind, index, size in steps:
        holder = holders[index]
        if kind == "entry" and credits_.has_entry(holder, size):
            credits_.count_entry(holder, size)
            under_way.append((holder, size))
        elif kind == "decide" and under_way:
            owner, taken = under_way.popleft()
            credits_.give_entry(None if any(owner is one for one in gone) else owner, taken)
        elif kind == "read" and credits_.has_read(holder):
            credits_.count_read(holder)
        elif kind == "answer" and holder.reads_under_way:
            credits_.give_read(holder)
        elif kind == "leave":
            credits_.forget_reads(holder)
            gone.append(holder)
            holders[index] = Holder()
        assert credits_.entries == len(under_way) <= SMALL.thread_entries
        assert credits_.bytes == sum(taken for _, taken in under_way) <= SMALL.thread_bytes
        assert credits_.reads == sum(one.reads_under_way for one in holders) <= SMALL.thread_reads
        for one in holders:
            own = [taken for owner, taken in under_way if owner is one]
            assert (one.credit_entries, one.credit_bytes) == (len(own), sum(own))
            assert one.credit_entries <= SMALL.connection_entries
            assert one.credit_bytes <= SMALL.connection_bytes
            assert one.reads_under_way <= SMALL.connection_reads


def test_the_oldest_entrys_age_is_how_long_the_next_would_wait_at_least() -> None:
    backlog = Backlog(1)
    assert backlog.wait(100.0) == 0.0
    backlog.put(100.0, 2)
    backlog.put(101.0, 3)
    assert backlog.wait(102.5) == 2.5
    backlog.decided(1, 0.0)
    assert backlog.wait(102.5) == 2.5
    backlog.decided(1, 0.0)
    assert backlog.wait(102.5) == 1.5
    backlog.decided(3, 0.0)
    assert backlog.wait(102.5) == 0.0


def test_slow_commits_that_are_still_ahead_count_before_anything_is_old() -> None:
    backlog = Backlog(2)
    backlog.put(0.0, 1)
    backlog.decided(1, 0.9)
    backlog.put(1.0, MAX_BATCH_ENTRIES)
    assert backlog.wait(1.0) == 3 * 0.9  # two threads take turns, so two batches, and the one under way
