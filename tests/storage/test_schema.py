"""A database that is not of this program and version is refused with its name, and left as it is."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from secure_chat.errors import ChatError, StorageFailed, StorageForeign, StorageTooNew
from secure_chat.storage import schema
from secure_chat.storage.data_lock import DataLock
from secure_chat.storage.database import DATABASE_NAME
from secure_chat.storage.migrations import NEWEST, engine_for, migrate
from secure_chat.storage.store import Store

CHECK_SECONDS = 0.5  # two dozen times what it takes: this finds a check that opens or compiles something for each row


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """The file of a server that was stopped."""
    Store.open(tmp_path / "data", now_ms=0).close()
    return tmp_path / "data" / DATABASE_NAME


def changed(database: Path, *statements: str) -> None:
    """Done to the file by something else than this version."""
    with closing(sqlite3.connect(database)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def refusal(database: Path, kind: type[ChatError] = StorageForeign) -> ChatError:
    """How the file is refused; it names the file, says what to do, and nothing is written."""
    before = database.read_bytes()
    with pytest.raises(kind) as caught:
        Store.open(database.parent, now_ms=0)
    assert str(database) in caught.value.sentence
    assert caught.value.next_step.startswith("keep the file")
    assert database.read_bytes() == before
    DataLock(database.parent).release()  # the lock was let go
    return caught.value


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("ALTER TABLE invites DROP COLUMN settled", "it has no column invites.settled"),
        ("ALTER TABLE invites ADD COLUMN colour TEXT", "it has a column invites.colour"),
        ("DROP TABLE correspondents", "it has no column correspondents.recipient"),
        ("DROP INDEX ix_invites_inviter", "it has no index ix_invites_inviter"),
        ("CREATE UNIQUE INDEX one_name ON invites (name)", "it has a index one_name"),
        ("DROP TRIGGER directory_has_no_gap", "it has no trigger directory_has_no_gap"),
        ("DROP TABLE room_text", "it has no table room_text"),
    ],
)
def test_other_tables_under_the_same_revision_are_refused_by_the_first_difference(
    database: Path, statement: str, said: str
) -> None:
    changed(database, statement)

    assert said in refusal(database).sentence


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("topic TEXT NOT NULL", "topic TEXT", "its column rooms.topic is another"),
        ("head BIGINT", "head TEXT", "its column rooms.head is another"),
        ("UNIQUE (name)", "CHECK (name <> '')", "its table rooms is another"),
        ("FOREIGN KEY(created_by) REFERENCES accounts (id)", "CHECK (head > 0)", "reference from rooms.created_by"),
        ("UNIQUE (name)", "CHECK (head > 0)", "it has no unique set of rooms.name"),
    ],
)
def test_a_column_or_a_rule_that_is_another_is_seen(database: Path, before: str, after: str, said: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        (statement,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'rooms'").fetchone()
    words = " ".join(statement.split())
    assert before in words
    changed(database, "DROP TABLE rooms", words.replace(before, after))

    assert said in refusal(database).sentence


def test_tables_that_no_version_names_are_left_alone(database: Path) -> None:
    changed(database, "ANALYZE", "CREATE TABLE notes (text TEXT)", "CREATE INDEX ix_notes ON notes (text)")

    Store.open(database.parent, now_ms=0).close()


def test_a_database_of_a_later_revision_is_refused(database: Path) -> None:
    changed(database, "UPDATE alembic_version SET version_num = '9999'")

    assert "newer version" in refusal(database, StorageTooNew).sentence


@pytest.mark.parametrize(
    "statements",
    [
        ("DROP TABLE alembic_version",),
        ("DELETE FROM alembic_version",),
        ("INSERT INTO alembic_version VALUES ('0002')",),
        ("UPDATE alembic_version SET version_num = '0000'",),
        ("UPDATE alembic_version SET version_num = 'ae1027a6acf'",),
        ("DROP TABLE alembic_version", "CREATE TABLE alembic_version (colour TEXT)"),
    ],
)
def test_a_database_that_does_not_say_a_revision_of_this_program_is_refused(
    database: Path, statements: tuple[str, ...]
) -> None:
    changed(database, *statements)

    assert "not a database of this program" in refusal(database).sentence


def made_by_hand(path: Path, make: Callable[[Path], object]) -> Path:
    path.parent.mkdir(mode=0o700)
    make(path)
    path.chmod(0o600)
    return path


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    foreign = made_by_hand(tmp_path / "data" / DATABASE_NAME, lambda path: changed(path, "CREATE TABLE songs (title)"))

    assert "not a database of this program" in refusal(foreign).sentence


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    letter = made_by_hand(tmp_path / "data" / DATABASE_NAME, lambda path: path.write_bytes(b"\xa5" * 8192))

    assert "is not a database" in refusal(letter).sentence


@pytest.mark.parametrize("kept", [99, 4096, 5 * 4096 + 1])
def test_a_file_that_was_cut_off_is_refused(database: Path, kept: int) -> None:
    database.write_bytes(database.read_bytes()[:kept])

    assert "is damaged" in refusal(database, StorageFailed).sentence


def test_an_empty_file_is_a_first_start_that_was_cut_off(tmp_path: Path) -> None:
    empty = made_by_hand(tmp_path / "data" / DATABASE_NAME, lambda path: path.touch())

    Store.open(empty.parent, now_ms=0).close()

    with closing(sqlite3.connect(empty)) as connection:
        schema.check(connection, empty)


def test_the_tables_that_the_revisions_make_are_checked_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def migrate_and_forget(engine: object) -> None:
        del engine
        path = tmp_path / "data" / DATABASE_NAME
        migrate(engine_for(path))
        changed(path, "DROP INDEX ix_invites_inviter")

    monkeypatch.setattr("secure_chat.storage.database.migrate", migrate_and_forget)

    with pytest.raises(StorageForeign, match="ix_invites_inviter"):
        Store.open(tmp_path / "data", now_ms=0)


def test_the_check_is_short(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        began = time.process_time()
        assert schema.recognise(connection, database)
        assert time.process_time() - began < CHECK_SECONDS
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(NEWEST,)]
