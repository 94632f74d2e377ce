"""What of direct messages has had its time: old mail, the log, ids of envelopes, traces of one-time prekeys."""

from typing import Final

from secure_chat.limits import (
    DAY_MS,
    DIRECT_LOG_DAYS,
    DIRECT_REPEAT_HOURS,
    MAILBOX_DAYS,
    SPENT_PREKEY_DAYS,
    SWEEP_ROWS,
)
from secure_chat.storage.database import Database
from secure_chat.storage.mail import runs_of
from secure_chat.storage.mail_state import MailState
from secure_chat.storage.queries import direct as queries
from secure_chat.storage.queries import shelf

HOUR_MS: Final = 60 * 60 * 1000


class MailExpiry:
    """Removes the oldest rows, some at a time. All tables here are in order of time."""

    def __init__(self, database: Database, mail: MailState) -> None:
        self._database = database
        self._mail = mail
        self.going_on = False  # the last step found as much as a step may

    def step(self, now_ms: int) -> None:
        """One transaction for each table, of at most `SWEEP_ROWS` rows."""
        most = (
            self._end_old_mail(now_ms - MAILBOX_DAYS * DAY_MS),
            self._mail.sent.forget(now_ms - DIRECT_REPEAT_HOURS * HOUR_MS, self._database),
            self._forget_rows(now_ms),
        )
        self.going_on = max(most) >= SWEEP_ROWS

    def _end_old_mail(self, before: int) -> int:
        with self._database.transaction():
            rows = self._database.all(queries.OLD_MAIL, before=before, rows=SWEEP_ROWS)
            if rows:
                self._database.insert_many(queries.END_MAIL, runs_of(row[3] for row in rows))
                self._database.insert_many(queries.FORGET_PLACE, [row[:4] for row in rows])
        for account, device, envelope_id, mail_id, sender, size in rows:  # the disk has it
            self._mail.mail_has_ended((account, device), envelope_id, mail_id, sender, size)
        return len(rows)

    def _forget_rows(self, now_ms: int) -> int:
        with self._database.transaction():
            return max(
                self._database.execute_counting(statement, before=now_ms - days * DAY_MS, rows=SWEEP_ROWS)
                for statement, days in (
                    (queries.FORGET_LOG, DIRECT_LOG_DAYS),
                    (shelf.FORGET_SPENT, SPENT_PREKEY_DAYS),
                )
            )
