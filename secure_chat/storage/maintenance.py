"""What the database needs beside messages, in steps of some milliseconds: checkpoints, merges, removals."""

from typing import Final

from secure_chat.limits import DAY_MS, FULL_TEXT_MERGE_PAGES, IDEMPOTENCY_HOURS, RESUME_TOKEN_IDLE_DAYS, SWEEP_ROWS
from secure_chat.storage.database import Database
from secure_chat.storage.mail_expiry import MailExpiry
from secure_chat.storage.mail_state import MailState
from secure_chat.storage.queries import upkeep
from secure_chat.storage.sent_ids import SentIds

HOUR_MS: Final = 60 * 60 * 1000
SWEEP_EVERY_MS: Final = HOUR_MS
# Each transaction with texts leaves one segment of full text. Merging them keeps searches fast, and keeps SQLite from
# merging a great many at once inside a message's transaction. A step comes after this many transactions, or, when they
# are large, after this many changed rows (a message makes four), so that merging keeps up with any load.
MERGE_AFTER_COMMITS: Final = 64
MERGE_AFTER_COMMITS_IDLE: Final = 16
MERGE_AFTER_CHANGES: Final = 2500

# Sent ids are moved into their table many at a time; until then they are in memory, and read again at a start.
MOVE_AFTER: Final = 2000
MOVE_AFTER_IDLE: Final = 500


class Maintenance:
    """What is due, one step at a time, each a transaction of its own."""

    def __init__(self, database: Database, sent_ids: SentIds, mail: MailState) -> None:
        self._database = database
        self._sent_ids = sent_ids
        self._mail = mail
        self._mail_expiry = MailExpiry(database, mail)
        self._merged_at = 0  # commits when the last merge ran
        self._merged_changes = 0  # changes when it ran
        self._merging = False  # the last merge found work
        self._swept_at = 0  # when the last sweep began

    def step(self, now_ms: int, *, idle: bool) -> bool:
        """Do the one most urgent step. Returns whether to come again at once while there is nothing else to do."""
        if self._database.checkpoint_is_due(idle=idle):
            self._database.checkpoint()
            return idle
        if self._sent_ids.waiting >= (MOVE_AFTER_IDLE if idle else MOVE_AFTER):
            self._sent_ids.move()
            return idle
        if self._mail.knows_too_many:
            self._mail.put_places_away(self._database)
            return idle
        if self._mail.sent.knows_too_many:
            self._mail.sent.move(self._database)
            return idle
        if self._merge_is_due(idle=idle):
            self._merge()
            return idle
        return idle and self._sweep_if_due(now_ms)

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

    def _sweep_if_due(self, now_ms: int) -> bool:
        if not self._sent_ids.sweeping and not self._mail_expiry.going_on:
            if now_ms - self._swept_at < SWEEP_EVERY_MS:
                return False
            self._sent_ids.move()  # only the tables are swept
            self._database.shorten_log()
            self._swept_at = now_ms
        with self._database.transaction():
            self._sent_ids.sweep(now_ms - IDEMPOTENCY_HOURS * HOUR_MS)
            self._database.execute(
                upkeep.FORGET_IDLE_TOKENS, before=now_ms - RESUME_TOKEN_IDLE_DAYS * DAY_MS, rows=SWEEP_ROWS
            )
        self._mail_expiry.step(now_ms)
        return True
