"""Bring the tables of a database to the newest revision, by Alembic, in one transaction for each revision.

A new revision is one file in `versions`; it never imports `tables`, which change after it. A test holds that all
revisions together make exactly the tables of `tables`.
"""

import sqlite3
from pathlib import Path
from typing import Final

import sqlalchemy
from sqlalchemy import event, pool

NEWEST: Final = "0001"
"""The revision that this program works with."""

OLDER: Final[frozenset[str]] = frozenset()
"""The revisions from which it brings a database to the newest."""


def revision_of(connection: sqlite3.Connection) -> str | None:
    """The revision that the database says it is of; None where nothing says so, empty where it is said wrongly."""
    try:
        rows = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
        return None  # no such table
    return str(rows[0][0]) if len(rows) == 1 else ""


def engine_for(database: Path) -> sqlalchemy.Engine:
    """An engine whose transactions hold changes of tables as well, which the driver's own way of beginning does not."""
    url = sqlalchemy.URL.create("sqlite", database=str(database))
    engine = sqlalchemy.create_engine(url, poolclass=pool.NullPool, connect_args={"isolation_level": None})

    def begin(connection: sqlalchemy.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "begin", begin)
    return engine


def migrate(engine: sqlalchemy.Engine) -> None:
    """Bring the database to `NEWEST`, from a revision that this program knows or from nothing.

    The caller holds the database's lock. Raises `sqlite3.Error`: nothing has changed.
    """
    from alembic import command
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    try:
        with engine.begin() as connection:
            settings.attributes["connection"] = connection
            command.upgrade(settings, "head")
    except sqlalchemy.exc.DBAPIError as error:
        if not isinstance(error.orig, sqlite3.Error):
            raise
        raise error.orig from error
