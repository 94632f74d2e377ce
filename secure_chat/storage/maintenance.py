"""What the database needs beside messages, in steps of some milliseconds: checkpoints, merges, removals."""

from typing import Final

from secure_chat.limits import DAY_MS, FULL_TEXT_MERGE_PAGES, IDEMPOTENCY_HOURS, RESUME_TOKEN_IDLE_DAYS, SWEEP_ROWS
from secure_chat.storage.database import Database
from secure_chat.storage.queries import upkeep

HOUR_MS: Final = 60 * 60 * 1000
SWEEP_EVERY_MS: Final = HOUR_MS
# Each transaction with texts leaves one segment of full text. Merging them keeps searches fast, and keeps SQLite from
# merging a great many at once inside a message's transaction. A step comes after this many transactions, or, when they
# are large, after this many changed rows (a message makes four), so that merging keeps up with any load.
MERGE_AFTER_COMMITS: Final = 64
MERGE_AFTER_COMMITS_IDLE: Final = 16
MERGE_AFTER_CHANGES: Final = 2500

_BEFORE_ALL: Final = (-1, -1, b"")


class Maintenance:
    """What is due, one step at a time, each a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._merged_at = 0  # commits when the last merge ran
        self._merged_changes = 0  # changes when it ran
        self._merging = False  # the last merge found work
        self._swept_at = 0  # when the last sweep began
        self._sweep: tuple[int, int, bytes] | None = None  # the last sent id looked at

    def step(self, now_ms: int, *, idle: bool) -> bool:
        """Do the one most urgent step. Returns whether to come again at once while there is nothing else to do."""
        if self._database.checkpoint_is_due(idle=idle):
            self._database.checkpoint()
            return idle
        if self._merge_is_due(idle=idle):
            self._merge()
            return idle
        if not idle:
            return False
        if self._sweep is None and now_ms - self._swept_at < SWEEP_EVERY_MS:
            return False
        self._sweep_some(now_ms)
        return True

    def probe(self) -> None:
        """Write one page."""
        with self._database.transaction():
            self._database.execute(upkeep.PROBE)

    def _merge_is_due(self, *, idle: bool) -> bool:
        commits = self._database.commits - self._merged_at
        if idle and (self._merging or commits >= MERGE_AFTER_COMMITS_IDLE):
            return True
        return commits >= MERGE_AFTER_COMMITS or self._database.changes - self._merged_changes >= MERGE_AFTER_CHANGES

    def _merge(self) -> None:
        with self._database.transaction():
            before = self._database.changes
            self._database.execute(upkeep.MERGE_TEXT, pages=FULL_TEXT_MERGE_PAGES)
            # fewer than two changes: there was nothing to merge (sqlite.org/fts5.html, the 'merge' command)
            self._merging = self._database.changes - before > 1
        self._merged_at, self._merged_changes = self._database.commits, self._database.changes

    def _sweep_some(self, now_ms: int) -> None:
        if self._sweep is None:
            self._swept_at, self._sweep = now_ms, _BEFORE_ALL
        account, device_id, client_id = self._sweep
        oldest = now_ms - IDEMPOTENCY_HOURS * HOUR_MS
        with self._database.transaction():
            rows = self._database.all(
                upkeep.SENT_IDS_AFTER, account=account, device_id=device_id, client_id=client_id, rows=SWEEP_ROWS
            )
            self._database.insert_many(upkeep.FORGET_SENT, [row[:3] for row in rows if row[3] < oldest])
            self._database.execute(
                upkeep.FORGET_IDLE_TOKENS, before=now_ms - RESUME_TOKEN_IDLE_DAYS * DAY_MS, rows=SWEEP_ROWS
            )
        self._sweep = rows[-1][:3] if len(rows) == SWEEP_ROWS else None
