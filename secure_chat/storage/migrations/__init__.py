"""Bring the tables of a database to the newest revision, by Alembic, in one transaction for each revision.

A new revision is one file in `versions`; it never imports `tables`, which change after it. A test holds that all
revisions together make exactly the tables of `tables`.
"""

import sqlite3
from pathlib import Path
from typing import Final

import sqlalchemy
from sqlalchemy import event, pool

from secure_chat.errors import StorageTooNew

NEWEST: Final = "0001"
"""The revision that this program works with."""


def is_newest(connection: sqlite3.Connection) -> bool:
    """Whether the database needs no migration; then Alembic need not be imported."""
    try:
        return connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(NEWEST,)]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
        return False  # no such table: a new database


def engine_for(database: Path) -> sqlalchemy.Engine:
    """An engine whose transactions hold changes of tables as well, which the driver's own way of beginning does not."""
    url = sqlalchemy.URL.create("sqlite", database=str(database))
    engine = sqlalchemy.create_engine(url, poolclass=pool.NullPool, connect_args={"isolation_level": None})

    def begin(connection: sqlalchemy.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "begin", begin)
    return engine


def migrate(engine: sqlalchemy.Engine) -> None:
    """Bring the database to `NEWEST`. The caller holds the database's lock.

    Raises `StorageTooNew` for a database of a later version of this program.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    with engine.begin() as connection:
        settings.attributes["connection"] = connection
        try:
            command.upgrade(settings, "head")
        except CommandError as error:
            raise StorageTooNew from error
