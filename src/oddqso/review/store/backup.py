"""Backups: one SQLite file, whatever the store is; restored into whatever store, so it also moves one to another."""

import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from oddqso.errors import ConflictError, StoreError
from oddqso.review.store import schema
from oddqso.review.store.database import Database, connect
from oddqso.review.store.opening import bring_up_to_date, check, make_file
from oddqso.review.store.tables import api_tokens, assignments, audit, filters, gold, reviewers, verdicts
from oddqso.runs.files import store_error, writing

TABLES = (reviewers, api_tokens, verdicts, filters, assignments, gold, audit)
"""What is kept, parents first. Sessions and attempts to log in are not: who restores logs in anew."""

_ROWS_AT_ONCE = 5000


class Backup:
    """The part of the store that copies it."""

    database: Database
    now: Callable[[], datetime]

    def backup(self, path: Path | str) -> dict[str, int]:
        """Copy the store of this moment into a file, while others go on writing.

        Returns
        -------
        dict
            Rows by table.

        Raises
        ------
        ConflictError
            If the file is there already.
        StoreError
            If it cannot be written.
        """
        path = Path(path)
        if path.exists():
            raise ConflictError(f"{path} is there already; name another file")
        with writing(path) as aside:
            aside.unlink(missing_ok=True)
            target = connect(aside)
            try:
                make_file(target)
                with self.database.reading() as source, target.writing() as to:
                    schema.upgrade(to, str(aside))
                    copied = _copy(source, to)
            finally:
                target.engine.dispose()
        return copied

    def restore(self, path: Path | str) -> dict[str, int]:
        """Fill this store, which must be empty, from a backup; one of an older oddqso is brought up to date.

        Returns
        -------
        dict
            Rows by table.

        Raises
        ------
        ConflictError
            If this store holds something already.
        StoreError
            If the backup is not there, is damaged, is no backup, or was written by a newer oddqso.
        """
        path = Path(path)
        with tempfile.TemporaryDirectory() as folder:
            origin = connect(_copied(path, Path(folder) / path.name))
            try:
                with origin.reading() as source:
                    if schema.schema_of(source) is None:
                        raise StoreError(
                            f"{path} is no backup of reviews; name a file that `oddqso store backup` wrote"
                        )
                check(origin)
                bring_up_to_date(origin)
                with origin.reading() as source, self.database.writing() as to:
                    _check_empty(to, self.database.where)
                    copied = _copy(source, to)
                    if not self.database.is_sqlite:
                        _count_on(to)
            except StoreError as error:
                raise type(error)(str(error).replace(origin.where, str(path))) from error
            finally:
                origin.engine.dispose()
        return copied


def _copied(path: Path, to: Path) -> Path:
    """A copy of a backup to work on, with what a crash may have left beside it."""
    if not path.is_file():
        raise StoreError(f"{path} is not there; name a file that `oddqso store backup` wrote")
    try:
        shutil.copyfile(path, to)
        beside = path.with_name(path.name + "-wal")
        if beside.is_file():
            shutil.copyfile(beside, to.with_name(to.name + "-wal"))
    except OSError as error:
        raise store_error(error, path) from error
    return to


def _copy(source: sa.Connection, to: sa.Connection) -> dict[str, int]:
    copied = {}
    for table in TABLES:
        order = list(table.primary_key.columns)
        rows = source.execution_options(yield_per=_ROWS_AT_ONCE).execute(sa.select(table).order_by(*order))
        copied[table.name] = 0
        for some in rows.mappings().partitions():
            to.execute(table.insert(), [dict(row) for row in some])
            copied[table.name] += len(some)
    return copied


def _check_empty(connection: sa.Connection, where: str) -> None:
    for table in TABLES:
        n_rows = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        if n_rows:
            raise ConflictError(
                f"{where} holds something already ({table.name}: {n_rows:,}); restore into a new file or an empty "
                "database"
            )


def _count_on(connection: sa.Connection) -> None:
    """Let PostgreSQL count on after the ids that were copied, as SQLite does by itself."""
    for table in TABLES:
        if "id" in table.columns:
            last = sa.select(sa.func.max(table.c.id)).scalar_subquery()
            sequence = sa.func.pg_get_serial_sequence(table.name, "id")
            connection.execute(sa.select(sa.func.setval(sequence, last)).where(last.is_not(None)))
