"""The database file: settings, lock, permissions, the check after a crash, the bounds of its log."""

import logging
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from secure_chat.errors import StorageExposed, StorageFailed, StorageLocked, StorageUnsupported
from secure_chat.limits import CHECKPOINT_PAGES, CHECKPOINT_PAGES_IDLE, MAX_WRITE_AHEAD_LOG_BYTES
from secure_chat.storage import database as database_module
from secure_chat.storage.data_lock import LOCK_NAME, DataLock
from secure_chat.storage.database import DATABASE_NAME, connect
from secure_chat.storage.store import Store
from tests.storage.opened import Member, Opened, post

LOG_NAME = DATABASE_NAME + "-wal"
PAGE_BYTES = 4096 + 24  # of the log


class WatchedStore(Opened):
    """A store whose connection the test can ask."""

    def __init__(self, directory: Path) -> None:
        self.connections: list[sqlite3.Connection] = []
        super().__init__(directory, self._make)

    def _make(self, database: str) -> sqlite3.Connection:
        self.connections.append(connect(database))
        return self.connections[-1]

    def pragma(self, statement: str) -> Any:
        return self.connections[-1].execute(statement).fetchone()[0]


def log_size(opened: Opened) -> int:
    path = opened.directory / LOG_NAME
    return path.stat().st_size if path.exists() else 0


def test_the_settings_that_durability_rests_on(tmp_path: Path) -> None:
    watched = WatchedStore(tmp_path / "data")

    assert watched.pragma("PRAGMA journal_mode") == "wal"
    assert watched.pragma("PRAGMA synchronous") == 2  # FULL
    assert watched.pragma("PRAGMA wal_autocheckpoint") == 0
    assert watched.pragma("PRAGMA journal_size_limit") == MAX_WRITE_AHEAD_LOG_BYTES
    assert watched.pragma("PRAGMA foreign_keys") == 1
    assert watched.pragma("PRAGMA busy_timeout") == 500
    connection = watched.connections[-1]
    options = dict(connection.execute("SELECT k, v FROM room_text_config").fetchall())
    assert options["automerge"] == 0
    watched.store.close()


def test_files_are_the_servers_own(opened: Opened) -> None:
    opened.register("alice")

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in opened.directory.iterdir()}

    assert set(modes) >= {DATABASE_NAME, LOG_NAME, LOCK_NAME}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(opened.directory.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["", DATABASE_NAME])
def test_what_others_could_read_is_refused(opened: Opened, name: str) -> None:
    opened.store.close()
    exposed = opened.directory / name
    mode = stat.S_IMODE(exposed.stat().st_mode)
    exposed.chmod(mode | 0o040)
    try:
        with pytest.raises(StorageExposed):
            Store.open(opened.directory, now_ms=opened.now)
    finally:
        exposed.chmod(mode)
        opened.open()


def test_what_belongs_to_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o700)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)

    with pytest.raises(StorageExposed):
        Store.open(tmp_path, now_ms=0)


def test_one_process_works_on_a_database(opened: Opened) -> None:
    program = (
        "import sys, pathlib; from secure_chat.storage.store import Store;"
        "Store.open(pathlib.Path(sys.argv[1]), now_ms=0)"
    )
    second = subprocess.run(
        [sys.executable, "-c", program, str(opened.directory)], capture_output=True, text=True, timeout=60, check=False
    )

    assert "StorageLocked" in second.stderr
    with pytest.raises(StorageLocked):
        DataLock(opened.directory)
    opened.store.close()
    DataLock(opened.directory).release()
    opened.open()


def test_a_directory_that_cannot_be_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StorageFailed):
        Store.open(tmp_path / "file" / "data", now_ms=0)


def test_a_clean_stop_leaves_no_log_and_frees_the_lock(opened: Opened) -> None:
    alice = opened.register("alice")
    opened.post(alice, "lobby", "hello")
    assert log_size(opened) > 0

    opened.store.close()

    assert log_size(opened) == 0
    opened.open()


def _copy_as_after_a_crash(opened: Opened, target: Path) -> Path:
    target.mkdir(mode=0o700)
    for name in (DATABASE_NAME, LOG_NAME):
        copy_by_another_process(opened.directory / name, target / name)
    return target


def copy_by_another_process(source: Path, target: Path) -> None:
    """This process must not open the file: closing it would drop SQLite's locks."""
    subprocess.run(["cp", "--preserve=mode", str(source), str(target)], check=True, timeout=60)


def test_after_an_unclean_stop_the_whole_file_is_checked(
    tmp_path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = opened.register("alice")
    opened.post(alice, "lobby", "hello")
    crashed = _copy_as_after_a_crash(opened, tmp_path / "crashed")
    checks: list[str] = []
    check = database_module.Database._check_whole_file

    def counted(database: database_module.Database) -> None:
        checks.append(database.path.name)
        check(database)

    monkeypatch.setattr(database_module.Database, "_check_whole_file", counted)
    Store.open(crashed, now_ms=opened.now).close()
    assert checks == [DATABASE_NAME]
    Store.open(crashed, now_ms=opened.now).close()
    assert checks == [DATABASE_NAME]


def test_a_damaged_file_is_refused_after_an_unclean_stop(tmp_path: Path, opened: Opened) -> None:
    alice = opened.register("alice")
    opened.commit(*(post(alice, "lobby", "x" * 500) for _ in range(200)))
    opened.reopen()
    opened.post(alice, "lobby", "so that there is a log")
    crashed = _copy_as_after_a_crash(opened, tmp_path / "crashed")
    with (crashed / DATABASE_NAME).open("r+b") as file:
        file.seek(8 * 4096)
        file.write(b"\xa5" * 4096)

    with pytest.raises(StorageFailed, match="damaged"):
        Store.open(crashed, now_ms=opened.now)
    DataLock(crashed).release()  # the lock was let go


def test_an_old_sqlite_and_one_without_full_text_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(database_module, "OLDEST_SQLITE", (99, 0, 0))
        with pytest.raises(StorageUnsupported, match="too old"):
            Store.open(tmp_path / "old", now_ms=0)

    class NoFullText(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if "fts5" in sql:
                raise sqlite3.OperationalError("no such module: fts5")
            return super().execute(sql, *values)

    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, **options: real(path, **options, factory=NoFullText))
    with pytest.raises(StorageUnsupported, match="FTS5"):
        Store.open(tmp_path / "bare", now_ms=0)


# --- the write-ahead log -------------------------------------------------------------------------


def flood(opened: Opened, alice: Member, batches: int) -> int:
    """Post much, as a busy journal does; the largest size of the log."""
    largest = 0
    for _ in range(batches):
        opened.commit(*(post(alice, "lobby", "x" * 2000) for _ in range(100)))
        opened.store.maintain(opened.now, idle=False)
        largest = max(largest, log_size(opened))
    return largest


def test_the_log_is_bounded_while_there_is_no_idle_turn(opened: Opened) -> None:
    assert flood(opened, opened.register("alice"), 150) < 2 * CHECKPOINT_PAGES * PAGE_BYTES
    assert (opened.directory / DATABASE_NAME).stat().st_size > 2 * CHECKPOINT_PAGES * PAGE_BYTES


def test_idle_turns_move_the_log_into_the_database(opened: Opened, tmp_path: Path) -> None:
    flood(opened, opened.register("alice"), CHECKPOINT_PAGES_IDLE // 50)

    while opened.store.maintain(opened.now, idle=True):
        pass

    alone = tmp_path / "without-the-log.db"
    copy_by_another_process(opened.directory / DATABASE_NAME, alone)
    copy = sqlite3.connect(alone)
    try:
        (rows,) = copy.execute("SELECT count(*) FROM room_log").fetchone()
    finally:
        copy.close()
    assert rows == 1 + CHECKPOINT_PAGES_IDLE // 50 * 100


def test_a_checkpoint_waits_for_no_reader_and_goes_on_when_the_reader_has_ended(
    opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    alice = opened.register("alice")
    flood(opened, alice, 2)
    reading = sqlite3.connect(f"file:{opened.directory / DATABASE_NAME}?mode=ro", uri=True, isolation_level=None)
    reading.execute("BEGIN")
    reading.execute("SELECT count(*) FROM room_log").fetchone()
    try:
        with caplog.at_level(logging.ERROR):
            grown = flood(opened, alice, 80)
    finally:
        reading.close()

    assert caplog.text == ""
    assert flood(opened, alice, 80) < grown + CHECKPOINT_PAGES * PAGE_BYTES
