"""Local times, and the divider where a day ends."""

import datetime

import pytest

from secure_chat.client.line.lines import Painter
from secure_chat.client.line.times import Days, LocalTimes, day_name
from tests.client.line.person import MINUTE, TEN, TIMES

HOUR = 60 * MINUTE


def test_a_time_is_that_of_the_zone() -> None:
    assert TIMES.clock(TEN) == "10:00"
    assert LocalTimes(datetime.UTC).clock(TEN) == "08:00"
    assert TIMES.date_and_clock(TEN + 15 * HOUR) == "2021-05-04 01:00"


def test_a_time_of_another_day_bears_its_date() -> None:
    assert TIMES.since(TEN, TEN + HOUR) == "10:00"
    assert TIMES.since(TEN, TEN + 15 * HOUR) == "2021-05-03 10:00"


@pytest.mark.parametrize("milliseconds", [2**63 - 1, -(2**63), 10**17])
def test_a_time_that_no_calendar_has_is_shown_as_none(milliseconds: int) -> None:
    assert TIMES.clock(milliseconds) == "--:--"
    assert TIMES.date_and_clock(milliseconds) == "---------- --:--"
    assert TIMES.day(milliseconds) == datetime.date(1970, 1, 1)


def test_a_divider_stands_between_two_days_and_nowhere_else() -> None:
    days = Days(TIMES, TIMES.day(TEN))
    assert days.before(TEN) == ()
    assert days.before(TEN + 13 * HOUR) == ()
    assert Painter().paint(days.before(TEN + 15 * HOUR)) == "--- Tuesday, 4 May 2021 ---\n"
    assert days.before(TEN + 16 * HOUR) == ()
    assert Painter().paint(days.before(TEN)) == "--- Monday, 3 May 2021 ---\n"


def test_days_are_named_alike_in_every_language() -> None:
    assert day_name(datetime.date(2026, 12, 31)) == "Thursday, 31 December 2026"
