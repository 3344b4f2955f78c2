from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from oddqso.errors import ConflictError, StoreError
from oddqso.review.journal import Journal, take_over, try_take_over, with_received
from oddqso.runs.directory import RunDirectory
from oddqso.vetting.ledger import KEY_SCHEMA, Entry, read_ledger
from oddqso.vetting.verdicts import Verdict

ENTRY = Entry("batch-001", "001-AAAA", Verdict.ANOMALY, "ada", "2026-01-01T00:00:00+00:00", "1.5", 'a, "b"')


@pytest.fixture
def run(tmp_path):
    """A run with one batch of two items."""
    keys = tmp_path / "vetting" / "keys"
    keys.mkdir(parents=True)
    rows = [{"ITEM": item, "TARGETID": k, "KIND": "calibration"} for k, item in enumerate(("001-AAAA", "001-BBBB"))]
    pq.write_table(pa.Table.from_pylist(rows, KEY_SCHEMA), keys / "batch-001.parquet")
    return RunDirectory(tmp_path)


@pytest.fixture
def journal(run):
    return Journal(run.root / "vetting")


def test_an_answer_is_kept_once_and_goes_once_into_the_ledger(run, journal):
    assert journal.add("one", ENTRY)
    assert not journal.add("one", replace(ENTRY, time="2026-01-01T00:00:09+00:00")), "sent again"
    assert take_over(run) == 1
    assert take_over(run) == 0
    assert read_ledger(journal.folder).entries == (ENTRY,)


def test_the_same_name_with_another_answer_is_a_conflict(journal):
    journal.add("one", ENTRY)
    with pytest.raises(ConflictError):
        journal.add("one", replace(ENTRY, verdict=Verdict.ORDINARY))
    assert journal.add("one", replace(ENTRY, vetter="ben")), "another vetter's names are others"


def test_answers_wait_while_another_process_holds_the_run(run, journal):
    journal.add("one", ENTRY)
    with RunDirectory(run.root).locked():
        assert not try_take_over(run)
    assert read_ledger(journal.folder).entries == ()
    assert with_received(read_ledger(journal.folder), journal.entries().values()).entries == (ENTRY,)
    assert try_take_over(run)
    assert read_ledger(journal.folder).entries == (ENTRY,)


def test_what_a_killed_process_left_half_written_is_no_answer(journal):
    journal.add("one", ENTRY)
    with journal.path.open("ab") as file:
        file.write(b"two,batch-001,001-BBBB,ANOM")
    assert list(journal.entries()) == [("ada", "one")]
    assert journal.add("two", replace(ENTRY, item="001-BBBB"))
    assert [entry.item for entry in journal.entries().values()] == ["001-AAAA", "001-BBBB"]


def test_a_damaged_journal_is_told(journal):
    journal.path.write_bytes(b"one,what is this\n")
    with pytest.raises(StoreError, match=r"received\.csv"):
        journal.entries()


def test_many_at_once_keep_every_answer(journal):
    with ThreadPoolExecutor(8) as pool:
        new = list(pool.map(lambda k: journal.add(f"name-{k // 2}", replace(ENTRY, comment=str(k // 2))), range(40)))
    assert sum(new) == 20
    assert len(journal.entries()) == 20
