"""Local times as people read them, and the divider where a day ends."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo

from secure_chat.client.line.lines import Line, line

_EARLIEST: date = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class LocalTimes:
    """Times in one zone. None: this machine's, its summer time included."""

    zone: tzinfo | None = None

    def moment(self, milliseconds: int) -> datetime | None:
        """A time of the wire (milliseconds since 1970 UTC); None for one that no calendar has."""
        try:
            return datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone(self.zone)
        except (OverflowError, ValueError, OSError):
            return None

    def clock(self, milliseconds: int) -> str:
        """As 10:02."""
        moment = self.moment(milliseconds)
        return f"{moment:%H:%M}" if moment else "--:--"

    def date_and_clock(self, milliseconds: int) -> str:
        """As 2021-05-03 10:02."""
        moment = self.moment(milliseconds)
        return f"{moment:%Y-%m-%d %H:%M}" if moment else "---------- --:--"

    def day(self, milliseconds: int) -> date:
        """The calendar's day."""
        moment = self.moment(milliseconds)
        return moment.date() if moment else _EARLIEST

    def since(self, milliseconds: int, now_ms: int) -> str:
        """As short as it can be understood at `now_ms`: 10:02, or with its date."""
        if self.day(milliseconds) == self.day(now_ms):
            return self.clock(milliseconds)
        return self.date_and_clock(milliseconds)


def day_name(day: date) -> str:
    """As Monday, 3 May 2021, whatever the language of the machine."""
    return f"{_DAYS[day.weekday()]}, {day.day} {_MONTHS[day.month - 1]} {day.year}"


class Days:
    """Where a divider belongs between lines that bear times."""

    def __init__(self, times: LocalTimes, today: date | None = None) -> None:
        """`today`: the day that needs no divider; None: the first line has one."""
        self._times = times
        self._day = today

    def before(self, milliseconds: int) -> tuple[Line, ...]:
        """What stands before a line of that time: nothing, or a divider that names the day."""
        day = self._times.day(milliseconds)
        if day == self._day:
            return ()
        self._day = day
        return (line(f"--- {day_name(day)} ---"),)


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
