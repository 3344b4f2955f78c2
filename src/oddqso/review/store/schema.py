"""Bringing a database to the newest schema, in one transaction."""

from pathlib import Path

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from oddqso.errors import StoreError


def newest() -> str:
    """The schema that this version of oddqso writes.

    Examples
    --------
    >>> newest()
    '0001'
    """
    head = _script().get_current_head()
    if head is None:
        raise StoreError("this installation has no schema steps; install oddqso again")
    return head


def schema_of(connection: sa.Connection) -> str | None:
    """The schema of a database; None if it has none yet."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(connection: sa.Connection, where: str) -> None:
    """Take every step that the database has not taken yet; the caller's transaction makes it all or nothing.

    Raises
    ------
    StoreError
        If the database was written by a newer oddqso, or holds something else.
    """
    script, context = _script(), MigrationContext.configure(connection)
    current = context.get_current_revision()
    known = {step.revision for step in script.walk_revisions()}
    if current is not None and current not in known:
        raise StoreError(
            f"{where} has schema {current}, and this oddqso knows schemas up to {newest()}; install the newer oddqso "
            "that wrote it"
        )
    if current == newest():
        return
    if current is None:
        _check_empty(connection, where)
    with Operations.context(context):
        for step in reversed(list(script.iterate_revisions("head", current or "base"))):
            step.module.upgrade()
            context.stamp(script, step.revision)


def _check_empty(connection: sa.Connection, where: str) -> None:
    found = sa.inspect(connection).get_table_names()
    if found:
        raise StoreError(
            f"{where} is no store of reviews: it holds {', '.join(found[:3])}; name another file, or an empty database"
        )


def _script() -> ScriptDirectory:
    return ScriptDirectory(str(Path(__file__).parent / "migrations"))
