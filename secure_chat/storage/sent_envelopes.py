"""What envelopes were sent under which id, so that a repeat gets the first answer: by heart, the oldest in a table.

Each id lies in the log of direct messages from the start. A table of random ids takes a page for each of its rows: what
is known by heart needs none, and many that are moved at a time share some.
"""

from collections.abc import Mapping
from itertools import takewhile
from typing import Final, TypeAlias

import msgspec

from secure_chat.limits import MAX_KNOWN_ENVELOPES, SWEEP_ROWS
from secure_chat.storage.database import Database
from secure_chat.storage.queries import direct as queries
from secure_chat.storage.statements import Statement

ALL_ROWS: Final = -1
MOVE_ROWS: Final = 4000  # at a time: several times what one batch can bring

DeviceKey: TypeAlias = tuple[int, int]
"""An account's row number and the number of one of its devices."""


class SentEnvelope(msgspec.Struct, frozen=True, gc=False):
    """An envelope that was taken before: a digest of its bytes, and when that was."""

    digest: bytes  # 16
    time: int  # milliseconds since 1970 UTC


class SentEnvelopes:
    """Of the log's rows: up to one mark they are forgotten, up to another they are in the table, the rest is known."""

    def __init__(self, database: Database) -> None:
        """Read it from the disk."""
        self.known: dict[DeviceKey, dict[bytes, SentEnvelope]] = {}  # by sender
        self.count = 0  # of those
        self._moved = mark_of(database, queries.MOVED)
        self._forgotten = mark_of(database, queries.MARK)
        for account, device, envelope_id, _, time, digest in database.all(
            queries.LOGGED_AFTER, mark=self.unknown, rows=ALL_ROWS
        ):
            self.add((account, device), {envelope_id: SentEnvelope(digest, time)})

    @property
    def unknown(self) -> int:
        """The log's row up to which nothing is known by heart."""
        return max(self._moved, self._forgotten)

    def find(self, sender: DeviceKey, envelope_id: bytes, database: Database) -> SentEnvelope | None:
        """What this device has sent under this id in the last 48 hours."""
        known = self.known.get(sender)
        sent = None if known is None else known.get(envelope_id)
        if sent is not None or self._moved <= self._forgotten:
            return sent
        account, device = sender
        row = database.one(queries.SENT, account=account, device_id=device, envelope_id=envelope_id)
        return SentEnvelope(*row) if row else None

    def add(self, sender: DeviceKey, sent: Mapping[bytes, SentEnvelope]) -> None:
        """The disk has these in its log."""
        known = self.known.setdefault(sender, {})
        before = len(known)
        known.update(sent)
        self.count += len(known) - before

    @property
    def knows_too_many(self) -> bool:
        """Whether the oldest should be moved into their table."""
        return self.count > MAX_KNOWN_ENVELOPES

    def move(self, database: Database) -> None:
        """Put the oldest into their table, in a transaction of its own; the log keeps no digest of them."""
        mark = self.unknown
        with database.transaction():
            rows = database.all(queries.LOGGED_AFTER, mark=mark, rows=MOVE_ROWS)
            last: int = rows[-1][3] if rows else mark
            database.execute(queries.MOVE, mark=mark, last=last)
            database.execute(queries.FORGET_DIGESTS, mark=mark, last=last)
            database.execute(queries.SET_MOVED, row=last)
        self._moved = last
        for account, device, envelope_id, _, time, _ in rows:
            self._drop((account, device), envelope_id, time)

    def forget(self, before: int, database: Database) -> int:
        """End the oldest that were sent before then, in a transaction; tells how many, `SWEEP_ROWS` at most."""
        mark = self._forgotten
        with database.transaction():
            rows = database.all(queries.LOGGED_AFTER, mark=mark, rows=SWEEP_ROWS)
            old = list(takewhile(lambda row: row[4] < before, rows))
            last: int = old[-1][3] if old else mark
            if old:
                moved = [(*row[:3], before) for row in old if row[3] <= self._moved]
                database.insert_many(queries.FORGET_SENT, moved)
                database.execute(queries.FORGET_DIGESTS, mark=mark, last=last)
                database.execute(queries.SET_MARK, row=last)
        self._forgotten = last
        for account, device, envelope_id, _, time, _ in old:
            self._drop((account, device), envelope_id, time)
        return len(old)

    def _drop(self, sender: DeviceKey, envelope_id: bytes, time: int) -> None:
        known = self.known.get(sender, {})
        sent = known.get(envelope_id)
        if sent is None or sent.time != time:  # moved before, or sent anew since
            return
        del known[envelope_id]
        self.count -= 1
        if not known:
            del self.known[sender]


def mark_of(database: Database, query: Statement) -> int:
    """The row up to which something is done; 0: nothing is."""
    row = database.one(query)
    return row[0] if row else 0
