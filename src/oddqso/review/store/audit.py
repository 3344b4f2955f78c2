"""The audit trail: who changed what, other than by a verdict."""

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from oddqso.review.store.database import Database
from oddqso.review.store.records import AuditEntry
from oddqso.review.store.tables import audit
from oddqso.review.store.times import stamp


def note(connection: sa.Connection, now: datetime, by: str, action: str, subject: str) -> None:
    """Add an entry, in the transaction of what it tells of."""
    connection.execute(audit.insert().values(time=stamp(now), by=by, action=action, subject=subject))


class Audit:
    """The part of the store that tells what was done."""

    database: Database
    now: Callable[[], datetime]

    def audit_trail(self, since_id: int = 0, limit: int | None = None) -> list[AuditEntry]:
        """What was done after an entry, the oldest first."""
        query = sa.select(audit).where(audit.c.id > since_id).order_by(audit.c.id).limit(limit)
        with self.database.reading() as connection:
            return [AuditEntry(**row) for row in connection.execute(query).mappings()]
