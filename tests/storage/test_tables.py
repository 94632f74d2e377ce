"""The tables: what the migrations make is what the code names, and the directory is append-only."""

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy
from alembic.config import Config
from alembic.script import ScriptDirectory

from secure_chat.storage import migrations
from secure_chat.storage.database import DATABASE_NAME
from secure_chat.storage.migrations import NEWEST, OLDER, engine_for, migrate
from secure_chat.storage.tables import metadata
from tests.storage import frozen_revisions
from tests.storage.frozen_revisions import made_in
from tests.storage.opened import Opened


def test_no_revision_has_changed_since_it_was_recorded() -> None:
    """Before the first release: databases made until now are refused from now on. Afterwards: it must not happen."""
    made = frozen_revisions.digests()

    assert made == frozen_revisions.recorded(), (
        "a released revision never changes: put it back, and write a new one"
        if frozen_revisions.RELEASED
        else "databases of earlier checkouts will be refused; if so be it: python -m tests.storage.frozen_revisions"
    )


def test_all_revisions_together_make_exactly_the_tables_that_the_code_names(tmp_path: Path) -> None:
    migrated, created = tmp_path / "migrated.db", tmp_path / "created.db"

    migrate(engine_for(migrated))
    with engine_for(created).begin() as connection:
        metadata.create_all(connection)

    assert made_in(migrated) == made_in(created)
    assert len(made_in(migrated)) > len(metadata.tables)


def test_the_newest_revision_is_the_head_of_one_line_of_revisions() -> None:
    settings = Config()
    settings.set_main_option("script_location", str(Path(migrations.__file__).parent))
    scripts = ScriptDirectory.from_config(settings)

    assert scripts.get_heads() == [NEWEST]
    assert {script.revision for script in scripts.walk_revisions()} == {*OLDER, NEWEST}


def test_migrating_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "twice.db"
    migrate(engine_for(path))
    before = made_in(path)

    migrate(engine_for(path))

    assert made_in(path) == before


def test_a_migration_that_is_cut_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cut.db"
    create_index = "alembic.operations.Operations.create_index"
    with monkeypatch.context() as patched:
        patched.setattr(create_index, lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            migrate(engine_for(path))

    assert made_in(path) == set()
    migrate(engine_for(path))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE directory SET name = 'mallory'",
        "DELETE FROM directory",
        "INSERT INTO directory VALUES (5, 1, x'01', 'bob', 1, x'02', 0, NULL)",
    ],
)
def test_the_directory_cannot_be_changed_shortened_or_left_with_a_gap(opened: Opened, statement: str) -> None:
    """(negative test 42)"""
    opened.register("alice")
    opened.store.close()
    try:
        with (
            engine_for(opened.directory / DATABASE_NAME).begin() as connection,
            pytest.raises(sqlalchemy.exc.IntegrityError, match="the directory"),
        ):
            connection.exec_driver_sql(statement)
    finally:
        opened.open()


def test_the_wheel_has_the_revisions() -> None:
    """Alembic finds them as files beside the package, wherever it is installed."""
    versions = Path(migrations.__file__).parent / "versions"
    assert [path.name for path in sorted(versions.glob("*.py"))] == ["revision_0001.py"]


def test_a_start_that_needs_no_migration_imports_no_alembic(opened: Opened) -> None:
    opened.store.close()
    program = (
        "import sys, pathlib; from secure_chat.storage.store import Store;"
        "store = Store.open(pathlib.Path(sys.argv[1]), now_ms=0); store.close();"
        "print('alembic' in sys.modules)"
    )
    try:
        answer = subprocess.run(
            [sys.executable, "-c", program, str(opened.directory)],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    finally:
        opened.open()
    assert answer.stdout == "False\n"
