"""The wheel: nobody is due early, nobody is forgotten, nothing is scanned while nothing is due."""

from hypothesis import given
from hypothesis import strategies as st

from secure_chat import limits
from secure_chat.server.deadlines import TICK_SECONDS, DeadlineWheel, Durations


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 20)), max_size=100))
def test_everybody_is_due_once_and_never_early_and_at_most_a_tick_late(times: list[tuple[float, float]]) -> None:
    wheel = DeadlineWheel()
    due_at: dict[int, float] = {}
    now = 0.0
    told: dict[int, float] = {}

    def look() -> None:
        for _, serial in wheel.due(now):
            assert serial not in told
            told[serial] = now

    for serial, (at, pause) in enumerate(times):
        due_at[serial] = now + at
        wheel.add(serial, now + at)
        end = now + pause
        while (wait := wheel.seconds_until_due(now)) is not None and now + wait <= end:
            now += wait
            look()
        now = end
    while (wait := wheel.seconds_until_due(now)) is not None:
        now += wait + 1e-9
        look()
    assert told.keys() == due_at.keys()
    for serial, at in due_at.items():
        assert at - 1e-6 <= told[serial] <= at + TICK_SECONDS + 1e-6


def test_an_empty_wheel_waits_for_ever() -> None:
    assert DeadlineWheel().seconds_until_due(5.0) is None


def test_ten_thousand_waiting_connections_cost_nothing_while_none_is_due() -> None:
    wheel = DeadlineWheel()
    for serial in range(10_000):
        wheel.add(serial, 60.0)
    assert wheel.due(59.0) == []
    assert wheel.seconds_until_due(59.0) == 1.0
    assert len(wheel.due(60.0)) == 10_000


def test_the_durations_are_the_published_limits() -> None:
    assert Durations() == Durations(
        handshake=10.0,
        login=15.0,
        limited=120.0,
        frame=30.0,
        idle=60.0,
        pong=30.0,
        slow=30.0,
        drain=5.0,
        discard=1.0,
        busy=2.0,
    )
    assert Durations().slow == limits.SLOW_READER_SECONDS
