"""The journal thread: the only writer. It takes what is there, commits, and only then tells anybody."""

import logging
import time
from collections.abc import Iterator, Sequence
from typing import Final

from secure_chat.errors import ChatError, StorageFailed, StorageFull
from secure_chat.limits import MAINTENANCE_SECONDS, STORAGE_RETRY_SECONDS
from secure_chat.server.inbox import Inbox
from secure_chat.server.items import (
    AdministrationOutcome,
    Announcement,
    Finished,
    Notice,
    Origin,
    PresenceRequest,
    Reply,
    StorageLost,
    Submission,
    SupervisorItem,
    is_entry,
)
from secure_chat.server.journal_inbox import Batch, JournalInbox
from secure_chat.server.replies import acknowledge, failure
from secure_chat.server.services import IoItem, Presence, Store
from secure_chat.server.session import Session
from secure_chat.server.watchdog import Heartbeat
from secure_chat.storage.entries import AnyEntry, TouchSession
from secure_chat.storage.outcomes import Committed, LoggedIn, Opened, Outcome, Refused

logger: Final = logging.getLogger(__name__)

_ACTED_ON: Final[frozenset[type]] = frozenset({LoggedIn, Opened, Refused})
"""Outcomes that the I/O thread must see, not their replies alone."""


class Journal:
    """Decides, numbers and writes in batches; the state that others see changes after the disk has it, never before."""

    def __init__(
        self,
        inbox: JournalInbox,
        store: Store,
        presence: Presence,
        io_inboxes: Sequence[Inbox[IoItem]],
        supervisor: Inbox[SupervisorItem],
        heartbeat: Heartbeat,
    ) -> None:
        self._inbox = inbox
        self._store = store
        self._presence = presence
        self._io_inboxes = io_inboxes
        self._supervisor = supervisor
        self._heartbeat = heartbeat
        self._live: dict[tuple[int, int], Origin] = {}  # (account, device): the one connection that speaks for it
        self._trouble: StorageFull | StorageFailed | None = None
        self._probe_at = 0.0
        self._maintain_at = 0.0
        self._more_maintenance = True

    def run(self) -> None:
        """Until it is stopped; the store is closed then."""
        try:
            while not self._inbox.stopped:
                self._turn()
        finally:
            self._store.close()
        self._supervisor.put(Finished("journal", "closed"))

    def _turn(self) -> None:
        self._heartbeat.rests()
        batch = self._inbox.take(self._patience(time.monotonic()))
        self._heartbeat.turns()
        now = time.monotonic()
        if self._trouble is not None:
            self._probe(now)
        if batch:
            self._decide(batch, now)
        elif notices := self._presence.due(now):
            self._tell_all(notices)
        self._maintain(now)
        if batch.finish:
            self._supervisor.put(Finished("journal", "emptied"))

    def _patience(self, now: float) -> float:
        """How long the inbox may stay empty before there is something else to do."""
        if self._more_maintenance and self._trouble is None:
            return 0.0
        until = self._maintain_at
        if isinstance(self._trouble, StorageFull):
            until = min(until, self._probe_at)
        presence = self._presence.next_due()
        if presence is not None:
            until = min(until, presence)
        return max(0.0, until - now)

    # --- a batch -----------------------------------------------------------------------------------

    def _decide(self, batch: Batch, now: float) -> None:
        entries: list[AnyEntry] = [administration.entry for administration in batch.administration]
        for _, submissions in batch.parts:
            entries += [one.entry for one in submissions if is_entry(one.entry)]
        for io_thread, gone in batch.disconnected:
            if self._live.get((gone.account, gone.device)) == Origin(io_thread, gone.serial):
                del self._live[gone.account, gone.device]
                self._presence.disconnected(gone.account, gone.device, now)
                entries.append(TouchSession(gone.account, gone.device))
        committed = self._commit(entries) if entries else Committed([], [], {})
        self._presence.changed(committed.changes, now)
        outcomes = iter(committed.outcomes)
        for administration in batch.administration:
            administration.reply_to.put(AdministrationOutcome(administration.tag, next(outcomes)))
        announcements = [Announcement(changes=committed.changes, appended=committed.appended) for _ in self._io_inboxes]
        for io_thread, submissions in batch.parts:
            self._reply(io_thread, submissions, outcomes, announcements, now)
        # Before the replies go out: who asks for the members right after his welcome is online to the reader.
        notices = self._presence.due(now)
        seconds = time.monotonic() - now
        for inbox, announcement in zip(self._io_inboxes, announcements, strict=True):
            announcement.seconds = seconds
            announcement.notices = notices
            if announcement:
                inbox.put(announcement)

    def _reply(
        self,
        io_thread: int,
        submissions: Sequence[Submission],
        outcomes: Iterator[Outcome],
        announcements: Sequence[Announcement],
        now: float,
    ) -> None:
        """What becomes of the entries of one I/O thread. Replies in a row of one connection go to it as one."""
        replies = announcements[io_thread].replies
        last: Submission | None = None  # of a row that is not at its end yet
        frames: list[bytes] = []
        size = 0
        for submission in submissions:
            outcome = next(outcomes) if is_entry(submission.entry) else None
            if last is not None and (submission.serial != last.serial or type(outcome) in _ACTED_ON):
                replies.append(Reply(last.serial, last.id, b"".join(frames), size, len(frames)))
                last, frames, size = None, [], 0
            if outcome is None:
                frame = self._ask_presence(submission)
            elif type(outcome) in _ACTED_ON:
                replies.append(self._acted_on(io_thread, submission, outcome, announcements, now))
                continue
            else:
                frame = acknowledge(submission.id, outcome)
            last, size = submission, size + submission.size
            frames.append(frame)
        if last is not None:
            replies.append(Reply(last.serial, last.id, b"".join(frames), size, len(frames)))

    def _acted_on(
        self,
        io_thread: int,
        submission: Submission,
        outcome: Outcome,
        announcements: Sequence[Announcement],
        now: float,
    ) -> Reply:
        if isinstance(outcome, LoggedIn):
            self._log_in(Origin(io_thread, submission.serial), outcome, announcements, now)
        frame = acknowledge(submission.id, outcome)
        return Reply(submission.serial, submission.id, frame, submission.size, outcome=outcome)

    def _log_in(self, origin: Origin, outcome: LoggedIn, announcements: Sequence[Announcement], now: float) -> None:
        """One live connection for each device: the newer one ends the older."""
        older = self._live.get((outcome.account, outcome.device))
        if older is not None:
            announcements[older.io_thread].replaced.append(older.serial)
        self._live[outcome.account, outcome.device] = origin
        session = Session(outcome.account, outcome.device, outcome.user_id, outcome.name, outcome.role)
        self._presence.logged_in(session, [joined.room for joined in outcome.rooms], now)

    def _ask_presence(self, submission: Submission) -> bytes:
        if not isinstance(submission.entry, PresenceRequest):
            raise TypeError(type(submission.entry))
        try:
            return self._presence.answer(submission.entry)
        except ChatError as error:
            return failure(submission.id, error)

    def _tell_all(self, notices: Sequence[Notice]) -> None:
        announcement = Announcement(notices=notices)
        for inbox in self._io_inboxes:
            inbox.put(announcement)

    # --- the disk ----------------------------------------------------------------------------------

    def _commit(self, entries: Sequence[AnyEntry]) -> Committed:
        if self._trouble is None:
            try:
                return self._store.commit(entries, _now_ms())
            except (StorageFull, StorageFailed) as error:
                self._suffer(error)
        return Committed([Refused(self._refusal()) for _ in entries], [], {})

    def _refusal(self) -> ChatError:
        """What everybody is told who wants something written."""
        if isinstance(self._trouble, StorageFailed):
            return StorageFailed()
        return StorageFull(retry_after=STORAGE_RETRY_SECONDS)

    def _suffer(self, error: StorageFull | StorageFailed) -> None:
        if isinstance(error, StorageFailed) and not isinstance(self._trouble, StorageFailed):
            logger.critical("storage has failed, nothing is written any more: %s", error)
            self._supervisor.put(StorageLost())
        elif self._trouble is None:
            logger.error("storage is full: %s", error)
        if not isinstance(self._trouble, StorageFailed):
            self._trouble = error
        self._probe_at = time.monotonic() + STORAGE_RETRY_SECONDS

    def _probe(self, now: float) -> None:
        """Whether a full disk has room again."""
        if isinstance(self._trouble, StorageFailed) or now < self._probe_at:
            return
        try:
            self._store.probe()
        except (StorageFull, StorageFailed) as error:
            self._suffer(error)
            return
        logger.warning("storage has room again")
        self._trouble = None

    def _maintain(self, now: float) -> None:
        if self._trouble is not None:
            self._maintain_at = now + MAINTENANCE_SECONDS
            return
        try:
            self._more_maintenance = self._store.maintain(_now_ms(), idle=not self._inbox.waits)
        except (StorageFull, StorageFailed) as error:
            self._suffer(error)
        self._maintain_at = now + MAINTENANCE_SECONDS


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
