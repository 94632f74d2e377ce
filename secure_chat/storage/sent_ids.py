"""What was sent under which client id, so that a repeat gets the first answer and writes nothing.

A client id is 8 bytes of a random run and 8 of a counter that rises within it. The highest id of each run is kept in
memory: what lies above it is new without a look anywhere. It may stand too high (after a transaction that failed),
which costs a look; it never stands too low.

The newest ids are in memory and in the rows of the room log, from which they are read again at a start. `move` puts
them into the table, many at a time.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from secure_chat.limits import MAX_REMEMBERED_RUNS, SWEEP_ROWS
from secure_chat.storage.database import Database
from secure_chat.storage.queries import sent_ids as queries

RUN_BYTES: Final = 8
CLIENT_ID_BYTES: Final = 16
DIGEST_BYTES: Final = 16

_LAST_OF_RUN: Final = b"\xff" * (CLIENT_ID_BYTES - RUN_BYTES)
_BEFORE_ALL: Final = (-1, -1, b"")

SentKey: TypeAlias = tuple[int, int, bytes]  # account, device, client id


class SentId(msgspec.Struct, frozen=True, gc=False):
    """What became of something sent, and a digest of what it was."""

    digest: bytes  # 16
    room: str
    number: int
    time: int


class SentIds:
    """Everything sent in the last 48 hours by its id, with the highest id of each run in front of it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._highest: dict[SentKey, bytes] = {}  # the client id in the key is cut to its run
        self._recent: dict[SentKey, SentId] = {}  # not in the table yet
        self._sweep: SentKey | None = None  # the last key looked at, while a sweep goes on
        for account, device, client_id, *sent in database.all(queries.IN_THE_LOG, mark=self._mark()):
            self._recent[account, device, client_id] = SentId(*sent)
        self._remember_runs_of_recent()

    @property
    def waiting(self) -> int:
        """How many are not in the table yet."""
        return len(self._recent)

    @property
    def sweeping(self) -> bool:
        """Whether a sweep has been begun and not ended."""
        return self._sweep is not None

    def is_new(self, account: int, device: int, client_id: bytes) -> bool:
        """True when nothing has this id, and then it is taken; False when something may have it."""
        run = (account, device, client_id[:RUN_BYTES])
        highest = self._highest.get(run)
        if highest is None:
            highest = self._highest_in_table(run)
        if client_id > highest:
            self._highest[run] = client_id
            return True
        self._highest[run] = highest
        return False

    def find(self, key: SentKey) -> SentId | None:
        """What was sent under this id in a transaction that has ended."""
        recent = self._recent.get(key)
        if recent is not None:
            return recent
        account, device, client_id = key
        row = self._database.one(queries.FIND, account=account, device_id=device, client_id=client_id)
        return SentId(*row) if row else None

    def adopt(self, sent: Mapping[SentKey, SentId]) -> None:
        """The disk has these in its log."""
        self._recent.update(sent)
        if len(self._highest) > MAX_REMEMBERED_RUNS + len(self._recent):
            self._highest.clear()
            self._remember_runs_of_recent()

    def move(self) -> None:
        """Put what is in the log alone into the table, in a transaction of its own."""
        with self._database.transaction():
            newest = self._database.one(queries.NEWEST_LOG_ROW)
            self._database.execute(queries.MOVE, mark=self._mark())
            self._database.execute(queries.SET_MARK, row=newest[0] if newest else 0)
        self._recent.clear()

    def sweep(self, oldest: int) -> None:
        """Go on removing what was sent before `oldest` (milliseconds since 1970 UTC); within a transaction."""
        account, device, client_id = self._sweep or _BEFORE_ALL
        rows = self._database.all(
            queries.AFTER, account=account, device_id=device, client_id=client_id, rows=SWEEP_ROWS
        )
        self._database.insert_many(queries.FORGET, [row[:3] for row in rows if row[3] < oldest])
        self._sweep = rows[-1][:3] if len(rows) == SWEEP_ROWS else None

    def _mark(self) -> int:
        row = self._database.one(queries.MARK)
        return row[0] if row else 0

    def _remember_runs_of_recent(self) -> None:
        for account, device, client_id in self._recent:
            run = (account, device, client_id[:RUN_BYTES])
            highest = self._highest.get(run)
            if highest is None:
                highest = self._highest_in_table(run)
            self._highest[run] = max(highest, client_id)

    def _highest_in_table(self, run: SentKey) -> bytes:
        account, device, prefix = run
        row = self._database.one(
            queries.HIGHEST_OF_RUN,
            account=account,
            device_id=device,
            lowest=prefix,
            highest=prefix + _LAST_OF_RUN,
        )
        return row[0] if row and row[0] is not None else b""
