"""What each revision of the tables makes, as a recorded digest: `python -m tests.storage.frozen_revisions` writes it.

A database says only which revision made it. Until the first release a revision may be changed in place, and whoever
made a database before is refused by the check at the start; the record makes that a decision. The first release sets
`RELEASED`: from then on what a revision makes never changes, and what is new comes as a new revision.
"""

import hashlib
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final, TypeAlias

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from secure_chat.storage import migrations
from secure_chat.storage.migrations import engine_for

RELEASED: Final = False
RECORD: Final = Path(__file__).with_name("frozen_revisions.txt")

Made: TypeAlias = set[tuple[str, str, str]]


def made_in(path: Path) -> Made:
    """Everything in a database: kind, name, and SQL without its spacing; constraints in whatever order."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {(kind, name, _normalised(sql)) for kind, name, sql in rows if name != "alembic_version"}


def _normalised(sql: str) -> str:
    for mark in "(),":
        sql = sql.replace(mark, f" {mark} ")
    return " ".join(sorted(sql.split()))


def digests() -> list[str]:
    """Of each revision, from the first: its number and what the database looks like once it is made."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(migrations.__file__).parent))
    revisions = [script.revision for script in ScriptDirectory.from_config(settings).walk_revisions()]
    with tempfile.TemporaryDirectory() as place:
        return [f"{revision} {_digest(settings, revision, Path(place))}" for revision in reversed(revisions)]


def _digest(settings: Config, revision: str, place: Path) -> str:
    path = place / "made.db"
    with engine_for(path).begin() as connection:
        settings.attributes["connection"] = connection
        command.upgrade(settings, revision)
    return hashlib.sha256(repr(sorted(made_in(path))).encode()).hexdigest()


def recorded() -> list[str]:
    """The record, line by line."""
    return RECORD.read_text(encoding="utf-8").splitlines()


def main() -> int:
    """Write the record. Once there was a release, only revisions that it does not have are added."""
    made = digests()
    if RELEASED and made[: len(recorded())] != recorded():
        sys.stderr.write("A released revision has changed. Put it back, and write a new revision.\n")
        return 1
    RECORD.write_text("\n".join(made) + "\n", encoding="utf-8")
    sys.stdout.write(f"{RECORD.name}: {len(made)} revisions written.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
