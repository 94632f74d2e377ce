"""What fails: one entry, the disk, another writer; and that nothing of it leaks into what is decided later."""

import errno
import logging
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secure_chat.errors import ChatError, InternalError, PermissionDenied, RoomUnknown, StorageFailed, StorageFull
from secure_chat.limits import DATABASE_BUSY_SECONDS
from secure_chat.storage.database import DATABASE_NAME, Database
from secure_chat.storage.decisions import table
from secure_chat.storage.draft import Draft
from secure_chat.storage.entries import CreateRoom, Entry, JoinRoom, PostMessage
from secure_chat.storage.faults import disk_fault
from secure_chat.storage.outcomes import Numbered, Refused, Settled
from tests.storage.opened import HOUR_MS, Opened, appended, post


class FailingConnection(sqlite3.Connection):
    """A connection that fails at the statement it is told to."""

    fails: Callable[[str], BaseException | None] | None = None

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        self._perhaps_fail(sql)
        return super().execute(sql, *values)

    def executemany(self, sql: str, rows: Any) -> sqlite3.Cursor:
        self._perhaps_fail(sql)
        return super().executemany(sql, rows)

    def _perhaps_fail(self, sql: str) -> None:
        error = self.fails(sql) if self.fails else None
        if error is not None:
            raise error


class FailingStore(Opened):
    """A store over such a connection."""

    def __init__(self, directory: Path) -> None:
        self.connections: list[FailingConnection] = []
        super().__init__(directory, self._make)

    def _make(self, database: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            database,
            isolation_level=None,
            timeout=DATABASE_BUSY_SECONDS,
            factory=FailingConnection,
            check_same_thread=False,
        )
        self.connections.append(connection)
        return connection

    def fail_at(self, words: str, error: BaseException | None) -> None:
        """From now on a statement that begins with these words fails; `error` None: none does."""
        self.connections[-1].fails = lambda sql: error if sql.startswith(words) else None


def sqlite_error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("planted")
    error.sqlite_errorcode = code
    return error


@pytest.fixture
def failing(tmp_path: Path) -> Any:
    made = FailingStore(tmp_path / "data")
    yield made
    made.store.close()


# --- one entry -----------------------------------------------------------------------------------


def test_a_planted_failing_entry_amid_200_good_ones_harms_no_other(
    opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    alice = opened.register("alice")
    entries: list[PostMessage] = [post(alice, "lobby", f"good {number}") for number in range(199)]
    entries.insert(77, post(alice, "lobby", "a lone surrogate cannot be encoded: \ud800"))

    committed = opened.commit(*entries)

    good = [outcome for outcome in committed.outcomes if isinstance(outcome, Numbered)]
    [bad] = [outcome for outcome in committed.outcomes if isinstance(outcome, Refused)]
    assert [outcome.number for outcome in good] == list(range(2, 201))
    assert isinstance(bad.error, InternalError)
    assert committed.outcomes.index(bad) == 77
    assert bad.log_id
    assert bad.log_id in bad.error.sentence
    assert bad.log_id in caplog.text
    assert "surrogate" not in caplog.text.replace("surrogates not allowed", "")  # no text of a message in the log
    assert opened.events("lobby")[1:] == appended(committed, "lobby")


def test_an_entry_that_fails_only_when_it_is_written_harms_no_other(opened: Opened) -> None:
    alice = opened.register("alice")
    too_large_for_sqlite = PostMessage(alice.account, 2**70, "lobby", b"i" * 16, "hello")

    committed = opened.commit(
        post(alice, "lobby", "first"), too_large_for_sqlite, post(alice, "lobby", "second"), JoinRoom(1, "nowhere")
    )

    kinds = [type(o.error) if isinstance(o, Refused) else type(o) for o in committed.outcomes]
    assert kinds == [Numbered, InternalError, Numbered, RoomUnknown]
    assert [event.number for event in opened.events("lobby")] == [1, 2, 3]


class _Halfway(Entry, frozen=True):
    """Writes, then is refused."""

    error: str


def _halfway(entry: _Halfway, draft: Draft) -> Settled:
    draft.add_room("half", None)
    if entry.error == "refused":
        raise PermissionDenied
    raise ZeroDivisionError


@pytest.mark.parametrize(("error", "kind"), [("refused", PermissionDenied), ("broken", InternalError)])
def test_an_entry_that_fails_halfway_leaves_nothing(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, error: str, kind: type[ChatError]
) -> None:
    decisions: dict[Any, Any] = table.DECISIONS
    monkeypatch.setitem(decisions, _Halfway, _halfway)
    alice = opened.register("alice")
    planted: Any = _Halfway(error)

    committed = opened.commit(
        post(alice, "lobby", "before"), planted, JoinRoom(alice.account, "half"), post(alice, "lobby", "after")
    )

    kinds = [type(o.error) if isinstance(o, Refused) else type(o) for o in committed.outcomes]
    assert kinds == [Numbered, kind, RoomUnknown, Numbered]
    assert isinstance(opened.outcome(CreateRoom(None, "half")), Settled)


def test_an_entry_of_an_unknown_kind_is_an_internal_error(opened: Opened) -> None:
    planted: Any = Entry()

    assert isinstance(opened.refusal(planted), InternalError)


# --- the disk ------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["COMMIT", "INSERT INTO room_log", "BEGIN"])
@pytest.mark.parametrize(
    "code", [sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_READONLY]
)
def test_a_failed_disk_ends_writing_for_good_and_the_acknowledged_stays(
    failing: FailingStore, words: str, code: int
) -> None:
    alice = failing.register("alice")
    failing.post(alice, "lobby", "safe")
    failing.fail_at(words, sqlite_error(code))

    with pytest.raises(StorageFailed):
        failing.commit(post(alice, "lobby", "lost"))

    failing.fail_at("", None)
    for _ in range(2):
        with pytest.raises(StorageFailed):
            failing.commit(post(alice, "lobby", "never again"))
    with pytest.raises(StorageFailed):
        failing.store.maintain(failing.now, idle=True)
    assert failing.store.failed
    failing.reopen()
    assert len(failing.events("lobby")) == 2
    assert failing.post(alice, "lobby", "after").number == 3


@pytest.mark.parametrize("words", ["COMMIT", "INSERT INTO room_log", "INSERT INTO room_text", "BEGIN"])
@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY])
def test_a_full_disk_refuses_the_batch_as_a_whole_and_ends_with_the_first_room_there_is(
    failing: FailingStore, words: str, code: int
) -> None:
    alice = failing.register("alice")
    entry = post(alice, "lobby", "hello")
    failing.fail_at(words, sqlite_error(code))

    for _ in range(3):
        with pytest.raises(StorageFull) as caught:
            failing.commit(entry, CreateRoom(alice.account, "dev"))
        assert caught.value.retry_after == 5.0
    failing.fail_at("", None)
    failing.store.probe()

    committed = failing.commit(entry, CreateRoom(alice.account, "dev"))
    assert [event.number for event in appended(committed, "lobby")] == [2]
    assert [event.number for event in appended(committed, "dev")] == [1]
    assert not failing.store.failed


def settle(opened: Opened) -> None:
    """An idle hour."""
    opened.now += HOUR_MS
    while opened.store.maintain(opened.now, idle=True):
        pass


@pytest.mark.parametrize("words", ["INSERT INTO sent_ids", "INSERT OR REPLACE INTO marks", "COMMIT"])
def test_maintenance_on_a_full_disk_changes_nothing_and_is_done_later(failing: FailingStore, words: str) -> None:
    alice = failing.register("alice")
    entry = post(alice, "lobby", "hello")
    first = failing.outcome(entry)
    failing.fail_at(words, sqlite_error(sqlite3.SQLITE_FULL))

    with pytest.raises(StorageFull):
        settle(failing)

    failing.fail_at("", None)
    assert failing.outcome(entry) == first
    settle(failing)
    assert failing.store._sent_ids.waiting == 0
    assert failing.outcome(entry) == first
    failing.reopen()
    assert failing.outcome(entry) == first


def test_a_database_that_really_is_full_says_so_and_goes_on_later(failing: FailingStore) -> None:
    alice = failing.register("alice")
    [connection] = failing.connections
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    large = [post(alice, "lobby", "x" * 8000) for _ in range(50)]

    with pytest.raises(StorageFull):
        failing.commit(*large)
    assert failing.settled(JoinRoom(alice.account, "lobby", fill=False), object)  # reading on is possible

    connection.execute("PRAGMA max_page_count = 1000000")
    assert len(appended(failing.commit(*large), "lobby")) == 50


def test_nothing_of_a_batch_that_failed_is_seen_by_the_next(failing: FailingStore) -> None:
    alice = failing.register("alice")
    failing.fail_at("COMMIT", sqlite_error(sqlite3.SQLITE_FULL))
    with pytest.raises(StorageFull):
        failing.commit(CreateRoom(alice.account, "dev"), post(alice, "lobby", "one"), post(alice, "lobby", "two"))
    failing.fail_at("", None)

    assert isinstance(failing.refusal(post(alice, "dev", "hello")), RoomUnknown)
    assert failing.post(alice, "lobby", "three").number == 2


def test_after_a_failure_not_a_byte_is_written_any_more_and_the_next_start_checks_the_file(
    failing: FailingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = failing.register("alice")
    failing.post(alice, "lobby", "safe")
    failing.fail_at("COMMIT", sqlite_error(sqlite3.SQLITE_IOERR_FSYNC))
    with pytest.raises(StorageFailed):
        failing.commit(post(alice, "lobby", "lost"))
    failing.fail_at("", None)
    files = (failing.directory / DATABASE_NAME, failing.directory / (DATABASE_NAME + "-wal"))
    before = [digest_by_another_process(file) for file in files]

    failing.store.close()

    assert [digest_by_another_process(file) for file in files] == before
    assert files[1].stat().st_size > 0
    checked: list[Path] = []
    monkeypatch.setattr(Database, "_check_whole_file", lambda database: checked.append(database.path))
    failing.open()
    assert checked == [files[0]]


def digest_by_another_process(file: Path) -> str:
    """This process must not open the file: closing it would drop SQLite's locks."""
    return subprocess.run(["sha256sum", str(file)], capture_output=True, text=True, check=True, timeout=60).stdout


def test_an_unforeseen_failure_of_the_whole_transaction_ends_writing(failing: FailingStore) -> None:
    alice = failing.register("alice")
    failing.fail_at("COMMIT", ZeroDivisionError())

    with pytest.raises(StorageFailed):
        failing.commit(post(alice, "lobby", "hello"))
    failing.fail_at("", None)
    with pytest.raises(StorageFailed):
        failing.commit(post(alice, "lobby", "hello"))


def test_a_second_writer_is_a_broken_rule_that_the_log_names(opened: Opened, caplog: pytest.LogCaptureFixture) -> None:
    alice = opened.register("alice")
    intruder = sqlite3.connect(opened.directory / DATABASE_NAME, isolation_level=None)
    intruder.execute("BEGIN IMMEDIATE")
    try:
        with caplog.at_level(logging.ERROR), pytest.raises(StorageFull):
            opened.commit(post(alice, "lobby", "hello"))
    finally:
        intruder.execute("ROLLBACK")
        intruder.close()

    assert "which only the journal may do" in caplog.text
    assert opened.post(alice, "lobby", "hello").number == 2


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (OSError(errno.ENOSPC, "full"), StorageFull),
        (OSError(errno.EDQUOT, "quota"), StorageFull),
        (OSError(errno.EIO, "broken"), StorageFailed),
        (sqlite_error(sqlite3.SQLITE_CONSTRAINT), type(None)),
        (sqlite3.ProgrammingError("no code"), type(None)),
        (ValueError(), type(None)),
    ],
)
def test_what_an_error_means_for_the_disk(error: Exception, fault: type[object]) -> None:
    assert type(disk_fault(error)) is fault
