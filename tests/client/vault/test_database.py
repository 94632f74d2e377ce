"""What the disk says comes up as a typed error, and nothing is called saved that is not."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from secure_chat.client.vault.database import Database, connect
from secure_chat.client.vault.vault import Vault
from secure_chat.errors import ChatError, ProfileBusy, VaultDamaged, VaultFailed, VaultFull
from tests.client.vault.faults import SqliteFailure, around_commits, failing_commit
from tests.client.vault.vaults import NOTES, Note, alter, open_vault


@pytest.fixture
def database_path(vault_directory: Path) -> Path:
    return vault_directory / "keystore.db"


def test_the_settings_are_those_that_keep_what_was_committed(database_path: Path) -> None:
    database = Database(database_path)
    try:
        found = {
            name: database.execute(f"PRAGMA {name}")[0][0]
            for name in ("journal_mode", "synchronous", "secure_delete", "locking_mode", "trusted_schema")
        }
    finally:
        database.close()
    full = 2
    assert found == {
        "journal_mode": "wal",
        "synchronous": full,
        "secure_delete": 1,
        "locking_mode": "exclusive",
        "trusted_schema": 0,
    }


def test_a_database_is_never_made_by_opening_it(tmp_path: Path) -> None:
    with pytest.raises(VaultFailed):
        Database(tmp_path / "keystore.db")
    assert not (tmp_path / "keystore.db").exists()


def test_a_path_with_signs_that_addresses_use_is_opened_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "a b?c=d#e%41" / "keystore.db"
    path.parent.mkdir()
    path.touch()
    connect(path).close()
    database = Database(path)
    database.execute("CREATE TABLE t (x)")
    database.close()
    assert path.stat().st_size > 0


@pytest.mark.negative(27)
def test_a_full_disk_saves_nothing_and_the_vault_can_be_used_on(vault_directory: Path) -> None:
    with open_vault(vault_directory) as vault:
        pages = vault._database.execute("PRAGMA page_count")[0][0]
        vault._database.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own way to say: no room left
        with pytest.raises(VaultFull) as refusal:
            write_a_lot(vault)
        assert refusal.value.code == "vault.full"
        assert [row_id for row_id, _ in vault.scan(NOTES)] == ["first"]
        vault._database.execute("PRAGMA max_page_count = 100000")
        with vault.transaction() as transaction:
            transaction.put(NOTES, "second", Note("saved"))
    with open_vault(vault_directory) as vault:
        assert [row_id for row_id, _ in vault.scan(NOTES)] == ["first", "second"]


def write_a_lot(vault: Vault) -> None:
    with vault.transaction() as transaction:
        for number in range(1000):
            transaction.put(NOTES, f"more{number}", Note("x" * 1000))


def test_a_commit_that_finds_the_disk_full_is_rolled_back(vault_directory: Path) -> None:
    with open_vault(vault_directory, factory=failing_commit(sqlite3.SQLITE_FULL)) as vault:
        with pytest.raises(VaultFull), vault.transaction() as transaction:
            transaction.put(NOTES, "second", Note("lost"))
        assert vault.get(NOTES, "second") is None
        with vault.transaction() as transaction:
            transaction.put(NOTES, "third", Note("saved"))
        assert vault.get(NOTES, "third") == Note("saved")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (sqlite3.SQLITE_IOERR, VaultFailed),
        (sqlite3.SQLITE_IOERR_FSYNC, VaultFailed),
        (sqlite3.SQLITE_READONLY, VaultFailed),
        (sqlite3.SQLITE_CORRUPT, VaultDamaged),
    ],
)
@pytest.mark.negative(27)
def test_after_a_failed_disk_nothing_is_written_any_more(
    vault_directory: Path, code: int, error: type[ChatError]
) -> None:
    with open_vault(vault_directory, factory=failing_commit(code)) as vault:
        with pytest.raises(error), vault.transaction() as transaction:
            transaction.put(NOTES, "second", Note("lost"))
        with pytest.raises(error), vault.transaction():
            pytest.fail("a transaction began on a failed disk")
        with pytest.raises(error):
            vault.get(NOTES, "first")
    with open_vault(vault_directory) as vault:
        assert vault.scan(NOTES) == [("first", Note("buy milk"))]


WRITE_BEYOND_THE_LIMIT = """
import resource, sys
from pathlib import Path
from secure_chat.errors import ChatError
from tests.client.vault.vaults import NOTES, Note, open_vault
vault = open_vault(Path(sys.argv[1]))
before = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), before[1]))
try:
    with vault.transaction() as transaction:
        for number in range(200):
            transaction.put(NOTES, f"more{number}", Note("x" * 1000))
except ChatError as error:
    print(error.code)
else:
    print("saved")
try:
    vault.get(NOTES, "first")
except ChatError as error:
    print(error.code)
resource.setrlimit(resource.RLIMIT_FSIZE, before)
vault.close()
"""


def test_a_disk_that_really_refuses_to_write_is_told(vault_directory: Path) -> None:
    """The kernel itself refuses here: the process may write no file beyond 64 KiB."""
    command = [sys.executable, "-W", "error", "-c", WRITE_BEYOND_THE_LIMIT, str(vault_directory), str(64 * 1024)]
    child = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        restore_signals=False,  # SIGXFSZ stays ignored, as Python has it
    )
    assert child.stdout.split() == ["vault.failed", "vault.failed"], child.stderr
    with open_vault(vault_directory) as vault:
        assert vault.scan(NOTES) == [("first", Note("buy milk"))]


def test_a_file_that_is_no_database_is_damaged(vault_directory: Path) -> None:
    (vault_directory / "keystore.db").write_bytes(b"no database" * 1000)
    with pytest.raises(VaultDamaged):
        open_vault(vault_directory)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER INSERT ON rows BEGIN DELETE FROM header; END",
        "CREATE VIEW v AS SELECT * FROM rows",
        "CREATE TABLE more (x)",
        "DROP TABLE rows",
        "ALTER TABLE rows ADD COLUMN y",
    ],
)
def test_a_file_with_other_tables_is_damaged(vault_directory: Path, statement: str) -> None:
    alter(vault_directory, statement)
    with pytest.raises(VaultDamaged) as refusal:
        open_vault(vault_directory)
    assert refusal.value.code == "vault.damaged"


def test_a_database_held_by_a_program_that_knows_no_lock_file_is_busy(vault_directory: Path) -> None:
    other = sqlite3.connect(vault_directory / "keystore.db", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ProfileBusy):
            open_vault(vault_directory, factory=impatient)
    finally:
        other.close()


def impatient(path: Path) -> sqlite3.Connection:
    connection = connect(path)
    connection.execute("PRAGMA busy_timeout = 0")
    return connection


def test_a_mistake_of_the_program_is_not_called_a_failure_of_the_disk(vault_directory: Path) -> None:
    with open_vault(vault_directory) as vault:
        with pytest.raises(sqlite3.OperationalError):
            vault._database.execute("SELECT nothing FROM nowhere")
        assert vault.get(NOTES, "first") == Note("buy milk")


def test_an_error_of_the_driver_without_a_number_passes_unchanged(database_path: Path) -> None:
    database = Database(database_path)
    database.close()
    with pytest.raises(sqlite3.ProgrammingError):
        database.execute("SELECT 1")


def test_a_rollback_that_fails_hides_no_earlier_error(vault_directory: Path) -> None:
    def fail(_: int) -> None:
        raise SqliteFailure(sqlite3.SQLITE_IOERR)

    with (
        open_vault(vault_directory, factory=around_commits(fail)) as vault,
        pytest.raises(VaultFailed),
        vault.transaction(),
    ):
        vault._database._connection.execute("ROLLBACK")  # as SQLite does by itself after some errors
