import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

from oddqso.errors import ConflictError, StoreError
from oddqso.review.store import open_store
from oddqso.review.store.backup import TABLES


def fill(store, say):
    """Something in each table that a backup keeps."""
    ada, bob = store.add_reviewer("Zoë", "lead", "correct horse battery"), store.add_reviewer("bob")
    first, _ = store.add_verdict(ada.id, say(-(2**63), "ANOMALY", subtype="felobal", z=2.345678901234567, tags=("Å",)))
    store.add_verdict(bob.id, say(2**63 - 1, "KNOWN", interest=0, seconds=0.1))
    undoing = store.undo(ada.id, first.id, "undoing-1")
    store.undo(ada.id, undoing.id, "undoing-2")
    store.api_token(bob.id, "script")
    store.save_filter(ada.id, "mine", {"z": [1, 2], "word": "Å"}, shared=True)
    store.assign([1, -2], bob.id, "score", "Zoë")
    store.set_gold(5, "KNOWN", "bal", "Zoë")
    return ada, bob


def rows(store):
    with store.database.reading() as connection:
        return {
            table.name: [
                tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns))
            ]
            for table in TABLES
        }


def test_a_restored_backup_has_the_same_rows_and_goes_on(store, new_url, say, tmp_path, clock):
    fill(store, say)
    counted = store.backup(tmp_path / "saved.sqlite")
    assert counted["verdicts"] == 4
    other = open_store(new_url(), now=clock)
    assert other.restore(tmp_path / "saved.sqlite") == counted
    assert rows(other) == rows(store)
    assert other.verdicts() == store.verdicts()
    assert other.check_password("zoë", "correct horse battery") is not None
    bob = other.reviewer("bob")
    stored, _ = other.add_verdict(bob.id, say(7, "KNOWN"))
    assert stored.id == 5
    assert other.add_reviewer("cleo").id == 3
    other.close()


def test_a_backup_moves_a_store_from_a_file_to_a_server_and_back(new_postgres, say, tmp_path):
    laptop = open_store(tmp_path / "laptop.sqlite")
    fill(laptop, say)
    laptop.backup(tmp_path / "there.sqlite")
    server = open_store(new_postgres())
    server.restore(tmp_path / "there.sqlite")
    server.backup(tmp_path / "back.sqlite")
    again = open_store(tmp_path / "again.sqlite")
    again.restore(tmp_path / "back.sqlite")
    assert rows(laptop) == rows(server) == rows(again)
    for one in (laptop, server, again):
        one.close()


def test_a_backup_is_one_file_and_is_a_store_itself(store, say, tmp_path):
    fill(store, say)
    store.backup(tmp_path / "folder" / "saved.sqlite")
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["saved.sqlite"]
    opened = open_store(tmp_path / "folder" / "saved.sqlite")
    assert rows(opened) == rows(store)
    opened.close()


def test_sessions_are_not_backed_up(store, say, tmp_path):
    from datetime import timedelta

    ada, _ = fill(store, say)
    token, _ = store.open_session(ada.id, timedelta(hours=1))
    store.backup(tmp_path / "saved.sqlite")
    opened = open_store(tmp_path / "saved.sqlite")
    assert opened.session(token) is None
    opened.close()


def test_a_backup_never_overwrites(store, tmp_path):
    (tmp_path / "saved.sqlite").write_text("precious")
    with pytest.raises(ConflictError, match=r"saved.sqlite is there already; name another file"):
        store.backup(tmp_path / "saved.sqlite")
    assert (tmp_path / "saved.sqlite").read_text() == "precious"


def test_a_store_with_something_in_it_is_not_restored_into(store, say, tmp_path):
    fill(store, say)
    store.backup(tmp_path / "saved.sqlite")
    before = rows(store)
    with pytest.raises(ConflictError, match=r"holds something already \(reviewers: 2\); restore into a new file"):
        store.restore(tmp_path / "saved.sqlite")
    assert rows(store) == before


@pytest.mark.parametrize("content", [b"", b"TARGETID,VERDICT\n1,KNOWN\n", b"SQLite format 3\0 and then not"])
def test_what_is_no_backup_is_refused(store, tmp_path, content):
    (tmp_path / "saved.sqlite").write_bytes(content)
    with pytest.raises(StoreError, match=r"saved\.sqlite"):
        store.restore(tmp_path / "saved.sqlite")
    assert store.reviewers() == []
    assert (tmp_path / "saved.sqlite").read_bytes() == content


def test_a_missing_or_damaged_backup_is_refused_whole(store, say, new_url, tmp_path):
    fill(store, say)
    store.backup(tmp_path / "saved.sqlite")
    content = bytearray((tmp_path / "saved.sqlite").read_bytes())
    (tmp_path / "short.sqlite").write_bytes(content[: len(content) // 2])
    content[5000:9000] = bytes(4000)
    (tmp_path / "holes.sqlite").write_bytes(content)
    other = open_store(new_url())
    for name in ("short.sqlite", "holes.sqlite", "nowhere.sqlite"):
        with pytest.raises(StoreError, match=rf"{name}.*(damaged|is not there)"):
            other.restore(tmp_path / name)
        assert all(n == [] for n in rows(other).values())
    other.close()


def test_what_a_crash_left_beside_a_copied_file_is_restored_too(say, tmp_path):
    """A file that was copied with its write-ahead log, without `backup`."""
    store = open_store(tmp_path / "review.sqlite")
    fill(store, say)
    (tmp_path / "copy").mkdir()
    for path in tmp_path.glob("review.sqlite*"):
        shutil.copy(path, tmp_path / "copy" / path.name)
    other = open_store(tmp_path / "other.sqlite")
    other.restore(Path(tmp_path / "copy" / "review.sqlite"))
    assert rows(other) == rows(store)
    store.close()
    other.close()
