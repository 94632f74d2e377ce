"""The tables that a database has, held against those that this version works with; what differs is told in words.

They are looked at as SQLite sees them, not as texts: another release of the library that writes the statements may
write them differently.
"""

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import CheckConstraint, Table, UniqueConstraint
from sqlalchemy.dialects import sqlite

from secure_chat.errors import StorageForeign, StorageTooNew
from secure_chat.storage.migrations import NEWEST, OLDER, revision_of
from secure_chat.storage.tables import EXTRA_DDL, metadata

_TEXTS: Final = "SELECT type, tbl_name, name, sql FROM sqlite_master WHERE sql IS NOT NULL"
# `sqlite_stat1` and its like are SQLite's own.
_ANY_TABLE: Final = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' LIMIT 1"
)
_COLUMNS: Final = 'SELECT name, type, "notnull", pk FROM pragma_table_info(?)'
_INDEXES: Final = 'SELECT name, "unique", origin FROM pragma_index_list(?)'
_INDEXED: Final = "SELECT name FROM pragma_index_info(?) ORDER BY seqno"
_REFERENCES: Final = 'SELECT "from", "table", "to", on_delete FROM pragma_foreign_key_list(?)'
_LITERAL: Final = re.compile(r"'[^']*'")
_FULL_TEXT: Final = frozenset({"room_text"})
_DIALECT: Final = sqlite.dialect()


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """Something that a database is made of: by which words it is told, and what it is like."""

    name: str
    form: str = ""


def recognise(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the database is of the newest revision; False: it is new, or older, and to be migrated. Only reads.

    Raises `StorageForeign` for tables that no version of this program has, or another one under the same revision;
    `StorageTooNew` for those of a later version.
    """
    revision = revision_of(connection)
    if revision == NEWEST:
        check(connection, path)
        return True
    if revision in OLDER or (revision is None and connection.execute(_ANY_TABLE).fetchone() is None):
        return False
    if revision is not None and revision.isdecimal() and int(revision) > int(NEWEST):
        raise StorageTooNew(f"The database {path} was written by a newer version.")
    raise StorageForeign(f"{path} is not a database of this program: nothing in it says for which version it is.")


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Raises `StorageForeign` when what this version needs is missing, is too much or is another.

    Tables that it does not name are nobody's business here: full text has some of its own.
    """
    expected, found = frozenset(_expected()), frozenset(_found(connection))
    if expected == found:
        return
    name = min(expected ^ found).name
    if all(part.name != name for part in found):
        differs = f"it has no {name}"
    elif all(part.name != name for part in expected):
        differs = f"it has a {name}"
    else:
        differs = f"its {name} is another"
    raise StorageForeign(f"The tables in {path} are not those of this version: {differs}.")


# --- what this version works with ----------------------------------------------------------------


def _expected() -> Iterator[Part]:
    for table in metadata.tables.values():
        yield from _expected_of(table)
    for statement in EXTRA_DDL:
        yield from _own_statement(statement)


def _expected_of(table: Table) -> Iterator[Part]:
    name = table.name
    checks = " ".join(str(check.sqltext) for check in table.constraints if isinstance(check, CheckConstraint))
    yield _table(name, checks, has_row_numbers=table.dialect_options["sqlite"]["with_rowid"])
    key = list(table.primary_key.columns)
    for column in table.columns:
        kind = column.type.compile(_DIALECT)
        yield _column(name, column.name, kind, not column.nullable, key.index(column) + 1 if column in key else 0)
        for reference in column.foreign_keys:
            target = reference.column
            yield _reference(name, column.name, target.table.name, target.name, reference.ondelete or "NO ACTION")
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            yield _unique(name, [column.name for column in constraint.columns])
    for index in table.indexes:
        yield _index(str(index.name), name, [column.name for column in index.columns], bool(index.unique))


# --- what there is -------------------------------------------------------------------------------


def _found(connection: sqlite3.Connection) -> Iterator[Part]:
    for kind, of_table, name, statement in connection.execute(_TEXTS).fetchall():
        if kind == "table" and name in metadata.tables:
            yield _table(name, statement, has_row_numbers="WITHOUT ROWID" not in statement.upper())
            yield from _found_of(connection, name)
        elif (kind == "table" and name in _FULL_TEXT) or (kind == "trigger" and of_table in metadata.tables):
            yield from _own_statement(statement)


def _found_of(connection: sqlite3.Connection, table: str) -> Iterator[Part]:
    for name, kind, is_needed, place in connection.execute(_COLUMNS, (table,)).fetchall():
        yield _column(table, name, kind, bool(is_needed), place)
    for name, of_table, of_column, on_delete in connection.execute(_REFERENCES, (table,)).fetchall():
        yield _reference(table, name, of_table, of_column, on_delete)
    for name, is_unique, origin in connection.execute(_INDEXES, (table,)).fetchall():
        columns = [column for (column,) in connection.execute(_INDEXED, (name,)).fetchall()]
        if origin == "u":
            yield _unique(table, columns)
        elif origin == "c":
            yield _index(name, table, columns, bool(is_unique))


# --- one form for both ---------------------------------------------------------------------------


def _table(name: str, checks: str, *, has_row_numbers: bool) -> Part:
    """`checks`: where the values stand that its columns may have; no other literals are in a table's statement."""
    return Part(f"table {name}", f"{sorted(_LITERAL.findall(checks))} {has_row_numbers}")


def _column(table: str, name: str, kind: str, is_needed: bool, place_in_key: int) -> Part:
    return Part(f"column {table}.{name}", f"{kind} {is_needed} {place_in_key}")


def _reference(table: str, name: str, of_table: str, of_column: str, on_delete: str) -> Part:
    return Part(f"reference from {table}.{name}", f"{of_table}.{of_column} {on_delete}")


def _unique(table: str, columns: list[str]) -> Part:
    return Part(f"unique set of {', '.join(f'{table}.{column}' for column in columns)}")


def _index(name: str, table: str, columns: list[str], is_unique: bool) -> Part:
    return Part(f"index {name}", f"{table} {columns} {is_unique}")


def _own_statement(statement: str) -> Iterator[Part]:
    """Full text and triggers, which are written by hand: the same words in the same order."""
    for mark in "(),":
        statement = statement.replace(mark, f" {mark} ")
    words = statement.split()
    if words[:3] == ["CREATE", "VIRTUAL", "TABLE"]:
        yield Part(f"table {words[3]}", " ".join(words))
    elif words[:2] == ["CREATE", "TRIGGER"]:
        yield Part(f"trigger {words[2]}", " ".join(words))
