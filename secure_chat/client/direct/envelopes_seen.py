"""The envelopes that were dealt with, so that each is shown once however often it comes. PROTOCOL.md 21.4.

A row id begins with the week of arrival: what has had its time stands first.
"""

from typing import Final

from secure_chat.client.direct.desk import Desk
from secure_chat.client.direct.records import SEEN_ENVELOPES, SeenEnvelope
from secure_chat.limits import DAY_MS, SEEN_ENVELOPE_DAYS, TIDY_ROWS

_WEEK_MS: Final = 7 * DAY_MS
_WEEKS: Final = -(-SEEN_ENVELOPE_DAYS // 7)  # before the present one, that are looked at
_DIGITS: Final = 6  # of a week


def is_seen(desk: Desk, env_id: bytes, now_ms: int) -> bool:
    """Whether this envelope was dealt with, this week or in those for which it is remembered."""
    present = now_ms // _WEEK_MS
    # A clock that was put back must not forget what was seen: a week ahead is looked at as well.
    return any(
        desk.transaction.get(SEEN_ENVELOPES, _row_id(desk, week, env_id)) is not None
        for week in range(present - _WEEKS, present + 2)
    )


def add(desk: Desk, env_id: bytes, now_ms: int) -> None:
    """Remember it."""
    desk.transaction.put(SEEN_ENVELOPES, _row_id(desk, now_ms // _WEEK_MS, env_id), SeenEnvelope(now_ms))


def forget_old(desk: Desk, now_ms: int) -> bool:
    """Delete some of those whose time is over; whether there may be more."""
    oldest = max(0, now_ms // _WEEK_MS - _WEEKS)
    found = desk.transaction.scan(SEEN_ENVELOPES, before=f"{oldest:0{_DIGITS}x}", limit=TIDY_ROWS)
    for row_id, _ in found:
        desk.transaction.delete(SEEN_ENVELOPES, row_id)
    return len(found) == TIDY_ROWS


def _row_id(desk: Desk, week: int, env_id: bytes) -> str:
    return f"{week:0{_DIGITS}x}{desk.hidden(SEEN_ENVELOPES, env_id.hex())}"
