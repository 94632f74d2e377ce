"""The store: takes batches of entries, decides them in order, and answers once the disk has what they leave."""

import contextlib
import logging
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Self

from secure_chat.errors import ChatError, InternalError, StorageFailed
from secure_chat.protocol.states import Role
from secure_chat.storage.data_lock import DataLock
from secure_chat.storage.database import DATABASE_NAME, Connect, Database, connect
from secure_chat.storage.decisions.table import DECISIONS
from secure_chat.storage.draft import Draft
from secure_chat.storage.entries import AnyEntry, CreateRoom
from secure_chat.storage.faults import disk_fault, opening_fault
from secure_chat.storage.mail_state import MailState
from secure_chat.storage.maintenance import Maintenance
from secure_chat.storage.outcomes import Committed, Outcome, Refused
from secure_chat.storage.sent_ids import SentIds
from secure_chat.storage.state import LOBBY, State

_log: Final = logging.getLogger(__name__)


class _RefusedHalfway(Exception):
    """An entry was refused after it had left something behind: the batch is done again, entry by entry."""


class Store:
    """The one writer of a data directory. Used by one thread at a time; `open` makes it."""

    def __init__(self, lock: DataLock, database: Database) -> None:
        """Read the state from a database that is open under its lock."""
        self._lock = lock
        self._database = database
        self._state = State.load(database)
        self._sent_ids = SentIds(database)
        self._mail = MailState(database)
        self._maintenance = Maintenance(database, self._sent_ids, self._mail)
        self._failure: StorageFailed | None = None

    @classmethod
    def open(cls, directory: Path, *, now_ms: int, connect: Connect = connect) -> Self:
        """Take the lock of the data directory, open its database and bring it up to date; #lobby is made with it.

        Raises `StorageLocked`, `StorageExposed`, `StorageUnsupported`, `StorageForeign`, `StorageTooNew`,
        `StorageFull`, `StorageFailed`.
        """
        lock = DataLock(directory)
        try:
            return cls._open_locked(lock, directory, now_ms, connect)
        except BaseException as error:
            lock.release()
            fault = opening_fault(error, directory / DATABASE_NAME)
            if fault is None or fault is error:
                raise
            raise fault from error

    @classmethod
    def _open_locked(cls, lock: DataLock, directory: Path, now_ms: int, connect: Connect) -> Self:
        database = Database(directory, connect)
        try:
            store = cls(lock, database)
            if not store._state.rooms:
                store.commit([CreateRoom(None, LOBBY)], now_ms)
        except BaseException:
            database.abandon()
            raise
        return store

    @property
    def failed(self) -> bool:
        """Whether the disk has failed: nothing is written any more."""
        return self._failure is not None

    def has_administrator(self) -> bool:
        """Whether somebody administers this server, so that no first invite is needed."""
        return any(
            account.role is Role.ADMINISTRATOR and not account.deleted for account in self._state.accounts.values()
        )

    def member_counts(self) -> tuple[tuple[str, int], ...]:
        """How many members each room has."""
        return tuple((room.name, len(room.members)) for room in self._state.rooms.values())

    def commit(self, batch: Sequence[AnyEntry], now_ms: int) -> Committed:
        """Decide and write the entries, in this order, in one transaction; return once the disk has it.

        An entry that cannot be done is `Refused` and leaves nothing; one that fails for an unforeseen reason becomes
        an `InternalError` under an id that the log bears, and harms no other. Raises `StorageFull` when there is no
        room: nothing was stored, the batch may come again. Raises `StorageFailed` when the disk fails: nothing was
        acknowledged, and this store never writes again.
        """
        with self._disk_faults_named():
            draft = self._decided_and_written(batch, now_ms)
        return draft.become_current()

    def probe(self) -> None:
        """Try to write something small. Raises `StorageFull` as long as there is no room, or `StorageFailed`."""
        with self._disk_faults_named():
            self._maintenance.probe()

    def maintain(self, now_ms: int, *, idle: bool) -> bool:
        """Do one small step of what is due, in a transaction of its own; tell whether to come again at once.

        After each batch with `idle` False; while there is nothing to do with `idle` True, until it says False.
        Raises `StorageFull`, `StorageFailed`.
        """
        with self._disk_faults_named():
            return self._maintenance.step(now_ms, idle=idle)

    def close(self) -> None:
        """Move the log into the database and let others have the lock. After a failure every file stays as it is."""
        if self.failed:
            self._database.abandon()
        else:
            self._database.close()
        self._lock.release()

    # --- one batch -------------------------------------------------------------------------------

    def _decided_and_written(self, batch: Sequence[AnyEntry], now_ms: int) -> Draft:
        try:
            return self._together(batch, now_ms)
        except Exception as error:
            if disk_fault(error) is not None:
                raise
            _log.warning("a batch of %d failed and is done again, entry by entry", len(batch), exc_info=True)
        try:
            return self._apart(batch, now_ms)
        except Exception as error:
            if disk_fault(error) is not None:
                raise
            raise StorageFailed("The server's storage failed for a reason that nobody foresaw.") from error

    def _together(self, batch: Sequence[AnyEntry], now_ms: int) -> Draft:
        draft = self._draft(now_ms)
        with self._database.transaction():
            for entry in batch:
                draft.outcomes.append(_decide(entry, draft))
            draft.flush()
        return draft

    def _apart(self, batch: Sequence[AnyEntry], now_ms: int) -> Draft:
        """As `_together`, each entry within a savepoint: slower, and no entry can harm another."""
        draft = self._draft(now_ms)
        with self._database.transaction():
            for entry in batch:
                trial = draft.copy()
                self._database.set_savepoint()
                try:
                    outcome = DECISIONS[type(entry)](entry, trial)
                    trial.flush()
                except Exception as error:
                    if disk_fault(error) is not None:
                        raise
                    self._database.return_to_savepoint()
                    outcome = _refusal(entry, error)
                else:
                    self._database.release_savepoint()
                    draft = trial
                draft.outcomes.append(outcome)
        return draft

    def _draft(self, now_ms: int) -> Draft:
        return Draft(self._state, self._database, self._sent_ids, self._mail, now_ms)

    @contextlib.contextmanager
    def _disk_faults_named(self) -> Iterator[None]:
        if self._failure is not None:
            raise self._failure
        try:
            yield
        except Exception as error:
            fault = disk_fault(error)
            if fault is None:
                raise
            _log.error("%s (%s)", fault, error)
            if isinstance(fault, StorageFailed):
                self._failure = fault
            raise fault from error


def _decide(entry: AnyEntry, draft: Draft) -> Outcome:
    steps = draft.steps
    try:
        return DECISIONS[type(entry)](entry, draft)
    except ChatError as error:
        if draft.steps != steps:
            raise _RefusedHalfway from error
        return Refused(error)


def _refusal(entry: AnyEntry, error: Exception) -> Refused:
    if isinstance(error, ChatError):
        return Refused(error)
    log_id = secrets.token_hex(4)
    _log.error("%s failed, log id %s", type(entry).__name__, log_id, exc_info=error)
    return Refused(InternalError(f"Something went wrong on the server; its log names it as {log_id}."), log_id)
