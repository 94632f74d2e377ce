"""New connections are tried after growing, jittered waits, never sooner than the server asks."""

from hypothesis import given
from hypothesis import strategies as st

from secure_chat.client.backoff import Backoff, BackoffLimits
from secure_chat.limits import RECONNECT_FIRST_SECONDS, RECONNECT_MOST_SECONDS


def test_waits_double_from_one_second_to_thirty() -> None:
    backoff = Backoff(chance=lambda: 1.0)
    assert [backoff.next_wait() for _ in range(7)] == [1.5, 3, 6, 12, 24, 30, 30]
    backoff = Backoff(chance=lambda: 0.0)
    assert [backoff.next_wait() for _ in range(7)] == [1, 2, 4, 8, 16, 20, 20]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_no_wait_leaves_its_bounds(chances: list[float]) -> None:
    drawn = iter(chances)
    backoff = Backoff(chance=lambda: next(drawn))
    for _ in chances:
        assert RECONNECT_FIRST_SECONDS <= backoff.next_wait() <= RECONNECT_MOST_SECONDS


@given(st.floats(0, 1), st.floats(0, 600))
def test_a_server_that_asks_for_time_gets_it(chance: float, asked: float) -> None:
    assert Backoff(chance=lambda: chance).next_wait(asked) >= asked


def test_clients_that_lost_one_server_do_not_come_back_at_one_moment() -> None:
    drawn = iter([0.0, 0.5, 1.0])
    waits = {Backoff(BackoffLimits(4, 30), chance=lambda: next(drawn)).next_wait() for _ in range(3)}
    assert waits == {4, 5, 6}


def test_after_a_reset_the_first_wait_is_the_shortest_again() -> None:
    backoff = Backoff(chance=lambda: 0.0)
    for _ in range(5):
        backoff.next_wait()
    backoff.reset()
    assert backoff.next_wait() == 1


def test_thousands_of_attempts_later_the_wait_is_still_a_number() -> None:
    backoff = Backoff(chance=lambda: 1.0)
    assert {backoff.next_wait() for _ in range(3000)} >= {30}
