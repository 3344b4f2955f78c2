"""A connection to SQLite or PostgreSQL, with the same promises on both.

A write is one transaction, and writes come one after another: entries become visible in the order of their ids.
What a write has answered is on the disk.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DataError as DatabaseDataError
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from oddqso.errors import ConfigError, ConflictError, DataError, StoreError

_ONE_WRITER = 0x6F64_6471  # "oddq": the advisory lock of PostgreSQL that makes writes come one after another
_WAIT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Database:
    """An engine, and the name by which people know it.

    Parameters
    ----------
    engine : sqlalchemy.Engine
    where : str
        Path or URL, without a password.
    """

    engine: sa.Engine
    where: str

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that sees one moment.

        Raises
        ------
        DataError
            If the database cannot keep a number or a text.
        StoreError
            If the database refuses.
        """
        options: dict[str, Any] = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        with self._told(), self.engine.connect() as connection, connection.execution_options(**options).begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that nobody else writes beside; kept when the block ends well.

        Raises
        ------
        DataError
            If the database cannot keep a number or a text.
        ConflictError
            If it contradicts what is stored.
        StoreError
            If the database refuses for another reason.
        """
        with self._told(), self.engine.connect() as connection, connection.execution_options(writes=True).begin():
            if not self.is_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ONE_WRITER)))
            yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (DatabaseDataError, OverflowError, UnicodeEncodeError) as error:
            raise DataError(f"{self.where} cannot keep that: {_reason(error)}") from error
        except IntegrityError as error:
            raise ConflictError(f"{self.where} refused: {_reason(error)}") from error
        except SQLAlchemyError as error:
            raise StoreError(f"{self.where}: {_reason(error)}; {_advice(_reason(error))}") from error


def connect(url: str | Path) -> Database:
    """A database by URL, or an SQLite file by path; nothing is opened yet.

    Raises
    ------
    ConfigError
        For a URL that is none, a database of another kind, or a missing driver.

    Examples
    --------
    >>> connect("mysql://localhost/x")
    Traceback (most recent call last):
        ...
    oddqso.errors.ConfigError: mysql://localhost/x is no database for reviews; name a file, or postgresql+psycopg://...
    """
    if isinstance(url, Path) or "://" not in url:
        return _sqlite(Path(url))
    try:
        address = sa.make_url(url)
    except (SQLAlchemyError, ValueError):  # their words may hold the password
        raise ConfigError("the database's URL cannot be read; write postgresql+psycopg://USER@HOST:PORT/NAME") from None
    if address.get_backend_name() == "sqlite":
        if not address.database or address.database == ":memory:":
            raise ConfigError("reviews in memory would be lost; name a file, as sqlite:///reviews.sqlite")
        return _sqlite(Path(address.database))
    if address.get_backend_name() in ("postgresql", "postgres"):
        return _postgres(address.set(drivername="postgresql+psycopg"))
    raise ConfigError(
        f"{address.render_as_string()} is no database for reviews; name a file, or postgresql+psycopg://..."
    )


def _sqlite(path: Path) -> Database:
    engine = sa.create_engine(
        sa.URL.create("sqlite+pysqlite", database=str(path)),
        connect_args={"timeout": _WAIT_SECONDS, "check_same_thread": False},
        pool_size=8, max_overflow=56, pool_timeout=_WAIT_SECONDS,
    )  # fmt: skip

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        connection.execute("PRAGMA synchronous = FULL")  # answered means on the disk, even if the power fails
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return Database(engine, str(path))


def _postgres(address: sa.URL) -> Database:
    try:
        engine = sa.create_engine(
            address,
            connect_args={"connect_timeout": 10, "application_name": "oddqso", "client_encoding": "utf8"},
            pool_pre_ping=True, pool_size=8, max_overflow=24, pool_timeout=_WAIT_SECONDS,
        )  # fmt: skip
    except ModuleNotFoundError:
        raise ConfigError("PostgreSQL needs its driver; install it with: pip install 'oddqso[postgres]'") from None

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = '{2 * _WAIT_SECONDS}s'")
            cursor.execute(f"SET lock_timeout = '{_WAIT_SECONDS}s'")
        connection.commit()

    return Database(engine, address.render_as_string())


def _reason(error: Exception) -> str:
    """The database's own words, without the statement."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0] if said else type(error).__name__


def _advice(reason: str) -> str:
    for word, advice in (
        ("not a database", "it is no SQLite file, or is damaged: restore a backup (oddqso store restore)"),
        ("malformed", "the file is damaged: restore a backup (oddqso store restore)"),
        ("is full", "make room on the disk, then try again; what was answered is kept"),
        ("readonly", "the file cannot be written: change its permissions"),
        ("unable to open", "check that it is a file that may be read and written, in a folder that may be written"),
        ("locked", "another program holds it; close that, then try again"),
        ("connect", "check that the server runs, and its host, name and password"),
    ):
        if word in reason:
            return advice
    return "check the database, then try again; what was answered is kept"
