"""Token buckets: no more than rate and burst allow, whatever the order; the wait that is told is enough."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_chat import limits
from secure_chat.errors import RateLimited
from secure_chat.protocol import commands as c
from secure_chat.server.rate_limit import KINDS, Kind, RateLimits, TokenBucket, rate_and_burst, tokens_beyond_one
from secure_chat.server.settings.model import Rates


@given(st.floats(0.1, 100), st.integers(1, 20), st.lists(st.floats(0, 5), max_size=100))
def test_no_bucket_gives_more_than_its_burst_and_its_rate(rate: float, burst: int, pauses: list[float]) -> None:
    now, taken = 0.0, 0
    bucket = TokenBucket(burst, now)
    for pause in pauses:
        now += pause
        taken += bucket.take(rate, burst, now) == 0.0
        assert taken <= burst + rate * now + 1e-6


@given(st.floats(0.1, 100), st.integers(1, 5))
def test_the_wait_that_is_told_is_enough_and_not_longer_than_needed(rate: float, burst: int) -> None:
    bucket = TokenBucket(burst, 0.0)
    while (wait := bucket.take(rate, burst, 0.0)) == 0.0:
        pass
    assert bucket.take(rate, burst, wait * 0.9) > 0.0
    assert bucket.take(rate, burst, wait * 1.001) == 0.0


def test_accounts_do_not_share_and_kinds_do_not_share() -> None:
    rates = RateLimits(Rates(posts_per_second=1, posts_burst=2, joins_per_second=1, joins_burst=1))
    rates.take(Kind.POSTS, 1, 0.0)
    rates.take(Kind.POSTS, 1, 0.0)
    with pytest.raises(RateLimited) as refused:
        rates.take(Kind.POSTS, 1, 0.0)
    assert refused.value.retry_after == 1.0
    rates.take(Kind.POSTS, 2, 0.0)
    rates.take(Kind.JOINS, 1, 0.0)
    rates.take(Kind.POSTS, 1, 1.0)


def test_a_refused_request_costs_no_token() -> None:
    rates = RateLimits(Rates(posts_per_second=1, posts_burst=1))
    rates.take(Kind.POSTS, 1, 0.0)
    for _ in range(10):
        with pytest.raises(RateLimited):
            rates.take(Kind.POSTS, 1, 0.5)
    rates.take(Kind.POSTS, 1, 1.0)


def test_what_something_has_cost_afterwards_is_waited_for_by_the_next_of_its_kind_alone() -> None:
    rates = RateLimits(Rates(reads_per_second=20, reads_burst=100))
    rates.take(Kind.READS, 1, 0.0)
    rates.charge(Kind.READS, 1, 200.0, 0.0)
    with pytest.raises(RateLimited) as refused:
        rates.take(Kind.READS, 1, 0.0)
    assert refused.value.retry_after == pytest.approx(5.1)  # 101 are missing, one is wanted
    rates.take(Kind.POSTS, 1, 0.0)
    rates.take(Kind.READS, 2, 0.0)
    rates.take(Kind.READS, 1, 5.11)


def test_a_reload_counts_with_the_new_rates_from_then_on() -> None:
    rates = RateLimits(Rates(posts_per_second=1, posts_burst=1))
    rates.take(Kind.POSTS, 1, 0.0)
    rates.reload(Rates(posts_per_second=100, posts_burst=10))
    rates.take(Kind.POSTS, 1, 0.1)


def test_full_buckets_are_forgotten_and_others_are_not() -> None:
    rates = RateLimits(Rates(posts_per_second=1, posts_burst=100))
    for account in range(1000):
        rates.take(Kind.POSTS, account, 0.0)
    for _ in range(100):
        rates.take(Kind.POSTS, 5000, 61.0)
    rates.take(Kind.POSTS, 5001, 130.0)
    assert len(rates) == 2
    for _ in range(69):  # of the 100 that were taken at 61 s so many have come back
        rates.take(Kind.POSTS, 5000, 130.0)
    with pytest.raises(RateLimited):
        rates.take(Kind.POSTS, 5000, 130.0)


def test_what_costs_others_most_is_limited() -> None:
    assert KINDS[c.RoomPost] is KINDS[c.RoomTopic] is KINDS[c.RoomKick] is Kind.POSTS
    assert KINDS[c.RoomJoin] is KINDS[c.RoomLeave] is KINDS[c.RoomCreate] is Kind.JOINS
    assert KINDS[c.RoomHistory] is KINDS[c.RoomSearch] is Kind.READS


def test_what_names_more_envelopes_costs_more() -> None:
    for kind in (c.DirectAcknowledge, c.DirectDefer):
        named = [kind(1, [bytes(16)] * count) for count in (1, 8, 9, limits.MAX_NAMED_ENVELOPES)]
        assert [tokens_beyond_one(command) for command in named] == [0, 0, 1, 31]
    assert tokens_beyond_one(c.Ping(1)) == 0


def test_the_settings_name_each_kinds_rate() -> None:
    assert rate_and_burst(Rates(), Kind.POSTS) == (limits.POSTS_PER_SECOND, limits.POSTS_BURST)
    assert rate_and_burst(Rates(), Kind.JOINS) == (limits.JOINS_PER_SECOND, limits.JOINS_BURST)
    assert rate_and_burst(Rates(), Kind.READS) == (limits.READS_PER_SECOND, limits.READS_BURST)
