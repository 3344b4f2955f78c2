"""How SQLite looks things up, which it decides without knowing how many rows there are."""

import pytest
import sqlalchemy as sa

from oddqso.review.store import open_store


@pytest.mark.parametrize("view", ["current_verdicts", "labels"])
def test_no_verdict_is_compared_with_all_others(tmp_path, view):
    """The other verdicts on an object are found by its TARGETID, not among all that undo nothing."""
    store = open_store(tmp_path / "review.sqlite")
    with store.database.reading() as connection:
        steps = [str(row[3]) for row in connection.execute(sa.text(f"EXPLAIN QUERY PLAN SELECT * FROM {view}"))]
    store.close()
    assert any("verdicts_of_object (target_id=?" in step for step in steps)
    assert not [step for step in steps if step.startswith("SEARCH v ") and "undoes" in step]
