"""Statements compiled once from SQLAlchemy Core to SQL and the order of their values, executed by the driver."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import sqlalchemy
from sqlalchemy.dialects import sqlite

Value: TypeAlias = int | str | bytes | None  # what SQLite stores

_DIALECT: Final = sqlite.dialect(paramstyle="qmark")


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with `?` for each value, and the values' names in that order."""

    sql: str
    parameters: tuple[str, ...]
    constants: Mapping[str, Value]  # values that never vary

    def bind(self, values: Mapping[str, Value]) -> tuple[Value, ...]:
        """The values in the order of the statement. Raises `KeyError` for one that is missing."""
        constants = self.constants
        return tuple([constants[name] if name in constants else values[name] for name in self.parameters])


def compiled(statement: sqlalchemy.sql.ClauseElement) -> Statement:
    """Compile a statement; what varies in it is a `parameter`."""
    text = statement.compile(dialect=_DIALECT)
    order: tuple[str, ...] = tuple(getattr(text, "positiontup", None) or ())
    return Statement(str(text), order, {name: value for name, value in text.params.items() if value is not None})


def parameter(
    name: str, kind: type[sqlalchemy.types.TypeEngine[Any]] = sqlalchemy.Integer
) -> sqlalchemy.BindParameter[Any]:
    """A value that is given when the statement runs."""
    return sqlalchemy.bindparam(name, type_=kind())


def insertion(table: sqlalchemy.Table, *, without: str = "") -> Statement:
    """Insert one row, its values in the order of the table's columns (`without` one that SQLite fills)."""
    names = [column.name for column in table.columns if column.name != without]
    statement = compiled(sqlalchemy.insert(table).values({name: sqlalchemy.bindparam(name) for name in names}))
    if list(statement.parameters) != names:
        raise ValueError(f"The values of {table.name} stand in another order than its columns.")
    return statement
