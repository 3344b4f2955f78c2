"""What is done before a database is used, and what can be told of one without changing it."""

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from oddqso.errors import ConfigError, StoreError
from oddqso.review.store import schema
from oddqso.review.store.database import Database, connect
from oddqso.review.store.tables import metadata

_TRIES, _PAUSE_SECONDS = 300, 0.1


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What a database is.

    Parameters
    ----------
    where : str
        Path or URL, without a password.
    kind : str
        SQLite or PostgreSQL, and its version.
    schema : str or None
        Its schema; None if it has none yet.
    newest : str
        The schema that this oddqso writes.
    rows : dict
        By table; empty unless the schema is the newest.
    """

    where: str
    kind: str
    schema: str | None
    newest: str
    rows: dict[str, int]


def describe(url: str | Path) -> StoreInfo:
    """What a database is; nothing is made and nothing is changed.

    Raises
    ------
    ConfigError
        If the URL names no database for reviews.
    StoreError
        If there is none, or it is damaged.
    """
    database = connect(url)
    try:
        if database.is_sqlite and not Path(database.where).is_file():
            raise StoreError(
                f"there is no store {database.where} yet; `oddqso review` or `oddqso store migrate` makes it"
            )
        check(database)
        with database.reading() as connection:
            found = schema.schema_of(connection)
            rows = {}
            if found == schema.newest():
                for table in metadata.sorted_tables:
                    rows[table.name] = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            version = ".".join(str(part) for part in connection.dialect.server_version_info or ())
        kind = f"{'SQLite' if database.is_sqlite else 'PostgreSQL'} {version}"
        return StoreInfo(database.where, kind, found, schema.newest(), rows)
    finally:
        database.engine.dispose()


def make_file(database: Database) -> None:
    """A new file is for its owner alone: it will hold hashes of passwords, and what blind reviewers must not see.

    Raises
    ------
    StoreError
        If it cannot be made.
    """
    path = Path(database.where)
    if database.is_sqlite and not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
        except OSError as error:
            raise StoreError(f"cannot make {path}: {error.strerror or error}; choose another place") from error


def check(database: Database) -> None:
    """See that a file is sound, and that a server keeps any text.

    Raises
    ------
    ConfigError
        If a PostgreSQL database does not keep UTF-8.
    StoreError
        If a file is damaged.
    """
    with database.reading() as connection:
        if database.is_sqlite:
            found = connection.execute(sa.text("PRAGMA quick_check(1)")).scalar()
            if found != "ok":
                raise StoreError(
                    f"{database.where} is damaged ({' '.join(str(found).split())}); restore a backup into another file "
                    "(oddqso store restore)"
                )
            return
        encoding = connection.execute(sa.text("SHOW server_encoding")).scalar()
        if encoding != "UTF8":
            raise ConfigError(f"{database.where} keeps {encoding}, not UTF8; create the database with encoding UTF8")


def bring_up_to_date(database: Database) -> None:
    """The newest schema; and for a file a write-ahead log, with which readers do not wait for writers.

    Raises
    ------
    StoreError
        If the database was written by a newer oddqso, or holds something else.
    """
    with database.writing() as connection:
        schema.upgrade(connection, database.where)
    if database.is_sqlite:
        _write_ahead(database)


def _write_ahead(database: Database) -> None:
    """Switch the log on; needs a moment at which nobody else uses the file, and lasts."""
    for one in range(_TRIES):
        raw = database.engine.raw_connection()
        try:
            raw.cursor().execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or one == _TRIES - 1:
                raise StoreError(f"{database.where}: {error}; close what else uses it, then try again") from error
            time.sleep(_PAUSE_SECONDS)
        finally:
            raw.close()
