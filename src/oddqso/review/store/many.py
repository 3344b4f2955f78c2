"""Many verdicts at once: all of them, or none."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from oddqso.review.store.audit import note
from oddqso.review.store.records import NewVerdict
from oddqso.review.store.store import Store


def add_many(store: Store, rows: Sequence[tuple[int, NewVerdict, bool]], by: str) -> int:
    """Append verdicts in one transaction; how many were new.

    Parameters
    ----------
    rows : sequence of (int, NewVerdict, bool)
        Reviewer's id, verdict, and whether it settles; the caller has seen that this may be.
    by : str
        Who brings them, for the audit trail.

    Raises
    ------
    ConflictError
        If a reviewer gave another verdict the same ``client_id``; then none is kept.
    DataError
        If a reviewer is unknown or disabled; then none is kept.
    """
    n_new = 0
    with store.database.writing() as connection:
        for reviewer_id in {row[0] for row in rows}:
            store._check_reviewer(connection, reviewer_id)
        for reviewer_id, verdict, settles in rows:
            values = asdict(verdict) | {"tags": json.dumps(verdict.tags, ensure_ascii=False), "settles": settles}
            n_new += store._append(connection, reviewer_id, values)[1]
        if n_new:
            note(connection, store.now(), by, "import", f"{n_new} verdicts")
    return n_new
