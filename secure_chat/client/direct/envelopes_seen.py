"""The envelopes that were dealt with, so that each is shown once however often it comes. PROTOCOL.md 21.4.

A row id begins with the week of arrival: what has had its time stands first. The ids alone are kept in memory, because
every envelope is looked for among all of them.
"""

from typing import Final

from secure_chat.client.direct.desk import Desk
from secure_chat.client.direct.records import SEEN_ENVELOPES, SeenEnvelope
from secure_chat.limits import DAY_MS, SEEN_ENVELOPE_DAYS, TIDY_ROWS

_WEEK_MS: Final = 7 * DAY_MS
_WEEKS: Final = -(-SEEN_ENVELOPE_DAYS // 7)  # before the present one, that are remembered
_DIGITS: Final = 6  # of a week


class EnvelopesSeen:
    """What the vault remembers; read once."""

    def __init__(self) -> None:
        self._known: set[str] | None = None

    def has(self, desk: Desk, env_id: bytes) -> bool:
        """Whether this envelope was dealt with, in this transaction or before."""
        if self._known is None:
            self._known = {row_id[_DIGITS:] for row_id in desk.transaction.row_ids(SEEN_ENVELOPES)}
        hidden = desk.hidden(SEEN_ENVELOPES, env_id.hex())
        return hidden in self._known or hidden in desk.seen_envelopes

    def add(self, desk: Desk, env_id: bytes, now_ms: int) -> None:
        """Remember it. Only for one that `has` does not know."""
        hidden = desk.hidden(SEEN_ENVELOPES, env_id.hex())
        desk.transaction.insert(SEEN_ENVELOPES, f"{now_ms // _WEEK_MS:0{_DIGITS}x}{hidden}", SeenEnvelope(now_ms))
        desk.seen_envelopes.add(hidden)

    def committed(self, desk: Desk) -> None:
        """What was added is on the disk."""
        if self._known is not None:
            self._known |= desk.seen_envelopes

    def forget_old(self, desk: Desk, now_ms: int) -> bool:
        """Delete some of those whose time is over; whether there may be more."""
        oldest = max(0, now_ms // _WEEK_MS - _WEEKS)
        found = desk.transaction.scan(SEEN_ENVELOPES, before=f"{oldest:0{_DIGITS}x}", limit=TIDY_ROWS)
        for row_id, _ in found:
            desk.transaction.delete(SEEN_ENVELOPES, row_id)
        if found:
            self._known = None  # read anew
        return len(found) == TIDY_ROWS
