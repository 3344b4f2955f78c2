"""Who is to look at what."""

from collections.abc import Callable, Sequence
from datetime import datetime

import sqlalchemy as sa

from oddqso.errors import DataError
from oddqso.review.store.accounts import _known
from oddqso.review.store.audit import note
from oddqso.review.store.database import Database
from oddqso.review.store.records import Assignment
from oddqso.review.store.tables import assignments, current_verdicts, reviewers
from oddqso.review.store.text import checked_target_id, checked_text
from oddqso.review.store.times import stamp

MOST_AT_ONCE = 100_000


class Assignments:
    """The part of the store that deals objects out."""

    database: Database
    now: Callable[[], datetime]

    def assign(self, target_ids: Sequence[int], reviewer_id: int, queue: str, by: str) -> int:
        """Deal objects to a reviewer; those dealt already stay as they are. How many are new."""
        wanted, queue = _wanted(target_ids), checked_text(queue, "the queue")
        with self.database.writing() as connection:
            found = _known(connection, reviewer_id)
            mine = (assignments.c.reviewer_id == reviewer_id) & (assignments.c.queue == queue)
            there = set(connection.execute(sa.select(assignments.c.target_id).where(mine)).scalars())
            new = [one for one in wanted if one not in there]
            row = {"reviewer_id": reviewer_id, "queue": queue, "by": by, "time": stamp(self.now())}
            if new:
                connection.execute(assignments.insert(), [row | {"target_id": one} for one in new])
                note(connection, self.now(), by, "assign", f"{found.name}: {len(new)} of {queue or 'no queue'}")
        return len(new)

    def unassign(self, target_ids: Sequence[int], reviewer_id: int, queue: str, by: str) -> int:
        """Take objects back. How many there were."""
        wanted = _wanted(target_ids)
        with self.database.writing() as connection:
            found = _known(connection, reviewer_id)
            gone = 0
            for first in range(0, len(wanted), 500):
                some = wanted[first : first + 500]
                mine = (assignments.c.reviewer_id == reviewer_id) & (assignments.c.queue == queue)
                which = mine & assignments.c.target_id.in_(some)
                gone += connection.execute(assignments.delete().where(which)).rowcount
            if gone:
                note(connection, self.now(), by, "unassign", f"{found.name}: {gone} of {queue or 'no queue'}")
        return gone

    def assignments(self, reviewer_id: int | None = None) -> list[Assignment]:
        """What is dealt, to one or to all, in the order in which it was."""
        view = current_verdicts
        own = (view.c.target_id == assignments.c.target_id) & (view.c.reviewer_id == assignments.c.reviewer_id)
        done = sa.exists().where(own).label("done")
        query = (
            sa.select(
                assignments.c.target_id, reviewers.c.name.label("reviewer"), assignments.c.queue, assignments.c.by,
                assignments.c.time, done,
            )
            .join(reviewers, reviewers.c.id == assignments.c.reviewer_id)
            .order_by(assignments.c.time, assignments.c.target_id)
        )  # fmt: skip
        if reviewer_id is not None:
            query = query.where(assignments.c.reviewer_id == reviewer_id)
        with self.database.reading() as connection:
            return [Assignment(**row) for row in connection.execute(query).mappings()]

    def assigned(self, reviewer_id: int) -> list[int]:
        """TARGETIDs of what is dealt to a reviewer, in any queue."""
        query = sa.select(assignments.c.target_id).where(assignments.c.reviewer_id == reviewer_id).distinct()
        with self.database.reading() as connection:
            return list(connection.execute(query).scalars())


def _wanted(target_ids: Sequence[int]) -> list[int]:
    if len(target_ids) > MOST_AT_ONCE:
        raise DataError(f"{len(target_ids):,} objects at once; at most {MOST_AT_ONCE:,}")
    return list(dict.fromkeys(checked_target_id(one) for one in target_ids))
