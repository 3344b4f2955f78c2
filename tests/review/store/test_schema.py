"""Steps of the schema, tried with a step that does not exist yet."""

import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from oddqso.errors import StoreError
from oddqso.review.store import describe, open_store, schema

STEP = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.add_column("gold", sa.Column("why", sa.Text))
    {more}
"""


@pytest.fixture
def next_step(tmp_path, monkeypatch):
    """Installs a step 0002 that adds a column, and then does what it is told."""
    folder = tmp_path / "migrations"
    shutil.copytree(Path(schema.__file__).parent / "migrations", folder)

    def install(more: str) -> None:
        (folder / "versions" / "v0002_next.py").write_text(STEP.format(more=more))
        monkeypatch.setattr(schema, "_script", lambda: ScriptDirectory(str(folder)))

    return install


def test_an_older_store_takes_the_steps_it_lacks_and_keeps_its_rows(url, say, next_step):
    store = open_store(url)
    stored, _ = store.add_verdict(store.add_reviewer("ada").id, say(7, "KNOWN"))
    store.close()
    next_step("pass")
    store = open_store(url)
    assert store.verdicts() == [stored]
    with store.database.reading() as connection:
        assert "why" in {column["name"] for column in sa.inspect(connection).get_columns("gold")}
    store.close()
    assert describe(url).schema == "0002"


def test_a_step_that_fails_leaves_everything_as_it_was(url, say, next_step, monkeypatch):
    store = open_store(url)
    stored, _ = store.add_verdict(store.add_reviewer("ada").id, say(7, "KNOWN"))
    store.close()
    next_step('op.execute("INSERT INTO nowhere VALUES (1)")')
    with pytest.raises(StoreError, match="nowhere"):
        open_store(url)
    assert describe(url).schema == "0001"
    monkeypatch.undo()
    store = open_store(url)
    assert store.verdicts() == [stored]
    with store.database.reading() as connection:
        assert "why" not in {column["name"] for column in sa.inspect(connection).get_columns("gold")}
    store.close()


def test_an_older_backup_is_restored_into_a_newer_store(url, say, tmp_path, next_step):
    old = open_store(tmp_path / "old.sqlite")
    old.set_gold(5, "KNOWN", None, "ada")
    old.backup(tmp_path / "saved.sqlite")
    before = (tmp_path / "saved.sqlite").read_bytes()
    old.close()
    next_step("pass")
    new = open_store(url)
    new.restore(tmp_path / "saved.sqlite")
    assert [item.target_id for item in new.gold()] == [5]
    assert (tmp_path / "saved.sqlite").read_bytes() == before
    new.close()


def test_a_newer_backup_is_refused(store, say, tmp_path, next_step, monkeypatch):
    store.add_reviewer("ada")
    next_step("pass")
    newer = open_store(tmp_path / "newer.sqlite")
    newer.backup(tmp_path / "saved.sqlite")
    newer.close()
    monkeypatch.undo()
    with pytest.raises(StoreError, match=r"saved\.sqlite has schema 0002, and this oddqso knows schemas up to 0001"):
        store.restore(tmp_path / "saved.sqlite")
    assert len(store.reviewers()) == 1
