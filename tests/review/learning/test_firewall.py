"""Labels of the review never calibrate: enforced by imports, shown by bytes."""

import os
import shutil
import subprocess
import sys
import tomllib
import uuid
from pathlib import Path

import pytest

from oddqso.errors import DataError
from oddqso.review.learning.learner import Learner
from oddqso.review.source import open_source
from oddqso.review.store import NewVerdict, open_store
from oddqso.runs.directory import RunDirectory
from oddqso.vetting.verdicts import read_answers

SRC = Path(__file__).parents[3] / "src" / "oddqso"
CALIBRATING = ("vetting", "significance", "stages", "score", "validation")


@pytest.mark.parametrize("room", CALIBRATING)
def test_what_calibrates_never_names_the_review(room):
    for path in (SRC / room).rglob("*.py"):
        text = path.read_text()
        assert "oddqso.review" not in text, path
        assert '"review"' not in text, path
        assert "review.sqlite" not in text, path


def test_learning_names_nothing_that_calibrates():
    for path in (SRC / "review" / "learning").rglob("*.py"):
        imports = [line for line in path.read_text().splitlines() if line.strip().startswith(("import ", "from "))]
        for room in ("vetting", "significance", "stages"):
            assert not any(f"oddqso.{room}" in line for line in imports), path


def test_the_import_rules_stand():
    rules = tomllib.loads((SRC.parents[1] / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    forbidden = {(source, target) for rule in rules for source in rule.get("source_modules", ())
                 for target in rule.get("forbidden_modules", ()) if not rule.get("allow_indirect_imports")}  # fmt: skip
    assert {("oddqso.review.learning", f"oddqso.{room}") for room in ("vetting", "significance", "stages")} <= forbidden
    assert {(f"oddqso.{room}", "oddqso.review") for room in CALIBRATING} <= forbidden


def test_a_file_of_review_labels_is_refused_by_the_vetting(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("TARGETID,VERDICT\n39627000000000001,ANOMALY\n")
    with pytest.raises(DataError, match="never do"):
        read_answers(path)


@pytest.mark.slow
@pytest.mark.xdist_group("pipeline")
def test_hundreds_of_labels_leave_the_significance_byte_for_byte(finished_run, made_views, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    before, made = _bytes(run), RunDirectory(run).manifest("significance")["made"]
    source, store = open_source(run, made_views), open_store(run / "review" / "review.sqlite")
    who = [store.add_reviewer(name, "reviewer", "correct horse battery") for name in ("ada", "ben", "eve")]
    n = 0
    for reviewer in who:
        for k, target_id in enumerate(source.target_id.tolist()):
            verdict = ("ANOMALY", "ARTIFACT", "ORDINARY")[k % 3]
            store.add_verdict(
                reviewer.id, NewVerdict(client_id=str(uuid.uuid4()), target_id=target_id, verdict=verdict)
            )
            n += 1
    assert n >= 200
    learner = Learner(source, store)
    learner.start()
    assert learner.wait_for_features()
    learner.refresh()
    assert learner.wait(finished=True).report is not None
    learner.close()
    store.close()
    command = [sys.executable, "-m", "oddqso.cli", "run", str(finished_run.parent / "sky"), "--run", str(run)]
    command += ["--only", "significance", "--workers", "1"]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert RunDirectory(run).manifest("significance")["made"] != made  # it was made again
    assert _bytes(run) == before
    assert not (run / "vetting").exists()


def _bytes(run):
    """The files of the stage by name, without the manifest, which tells the time."""
    return {
        path.name: path.read_bytes()
        for path in sorted((run / "significance").iterdir())
        if path.name != "manifest.json"
    }
