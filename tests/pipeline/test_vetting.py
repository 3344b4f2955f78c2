import csv

import pyarrow.parquet as pq
import pytest

import oddqso
from oddqso.errors import ConfigError, StageError
from oddqso.review.journal import Journal
from oddqso.runs.directory import RunDirectory
from oddqso.vetting.ledger import Entry
from oddqso.vetting.verdicts import Verdict

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("pipeline")]  # a report is made after each import


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_blind_queue_from_export_to_claim(finished, copy_of, tmp_path):
    run = copy_of(finished)
    batch = oddqso.vet_export(run, n=20)
    key = pq.read_table(run / "vetting" / "keys" / f"{batch.name}.parquet")
    assert batch.n_items == batch.n_waiting == key.num_rows

    # nothing in the folder tells what an item is
    files = contents(batch.path)
    assert {str(path) for path in files} == {
        "index.html",
        "queue.csv",
        *(f"plots/{i}.png" for i in key["ITEM"].to_pylist()),
    }
    for path, content in files.items():
        assert b"tEXt" not in content, f"{path} holds metadata"
        if path.suffix != ".png":
            words = {str(t) for t in key["TARGETID"].to_pylist()} | {
                "planted</",
                *filter(None, key["CLASS"].to_pylist()),
            }
            assert not [word for word in words if word.encode() in content], path
            assert b"http" not in content.replace(b"http-equiv", b""), "works without a network"

    # what killed processes left behind is in nobody's way
    left = run / ".partial" / f"vetting-{batch.name}" / "plots"
    left.mkdir(parents=True)
    (left / "half.png").write_bytes(b"half")
    (run / "vetting" / ".verdicts.csv.writing").write_text("BATCH,ITEM,VERD")

    # an open batch is written again, the same to the byte, wherever it goes
    again = oddqso.vet_export(run, out=tmp_path / "again")
    assert (again.name, again.is_new) == (batch.name, False)
    assert contents(again.path) == files
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(ConfigError, match="other things"):
        oddqso.vet_export(run, out=tmp_path / "mine")
    assert (tmp_path / "mine" / "notes.txt").read_text() == "keep"

    # somebody else uses the run: nothing is taken in
    filled = oddqso.vet_oracle(run)
    with RunDirectory(run).locked(), pytest.raises(StageError, match="in use"):
        oddqso.vet_import(filled, run, vetter="ada")
    assert not (run / "vetting" / "verdicts.csv").exists()

    # taken in once, and the claims follow
    assert oddqso.vet_import(filled, run, vetter="ada") == key.num_rows
    assert all(stage.state == "complete" for stage in oddqso.status(run))
    told = oddqso.vet_status(run)
    n_asked = key["KIND"].to_pylist().count("calibration")
    assert told.certificate["vetting"]["n_looked"] == n_asked
    assert told.vetters[0].n_missed == told.vetters[0].n_false == 0
    text = (run / "vetting" / "verdicts.csv").read_bytes()
    assert oddqso.vet_import(filled, run, vetter="ada") == 0
    assert (run / "vetting" / "verdicts.csv").read_bytes() == text


def test_answers_that_waited_for_the_run_are_counted_at_once_and_claimed_by_the_next_run(finished, copy_of):
    run = copy_of(finished)
    batch = oddqso.vet_export(run, n=20)
    filled = list(csv.DictReader(oddqso.vet_oracle(run).read_text().splitlines()))
    journal = Journal(run / "vetting")
    for row in filled:
        journal.add(
            row["ITEM"],
            Entry(batch.name, row["ITEM"], Verdict(row["VERDICT"]), "ada", "2026-01-01T00:00:00+00:00", "", ""),
        )
    assert oddqso.vet_status(run).n_judged == len(filled)
    assert not (run / "vetting" / "verdicts.csv").exists()
    oddqso.run(None, run)
    key = pq.read_table(run / "vetting" / "keys" / f"{batch.name}.parquet")
    n_asked = key["KIND"].to_pylist().count("calibration")
    assert oddqso.vet_status(run).certificate["vetting"]["n_looked"] == n_asked
