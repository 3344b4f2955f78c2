import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Table

import oddqso
from oddqso.runs.directory import RunDirectory

sys.path.insert(0, str(Path(__file__).parent))
from conftest import QUICK, RELEASED, oddqso_command, quick

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("pipeline")]


def released(run: Path) -> dict[str, bytes]:
    return {name: (run / name).read_bytes() for name in RELEASED if not name.endswith("metrics.json")}


def test_every_object_of_the_sample_stands_in_the_catalog_once(finished):
    sample = pq.read_table(finished / "sample/sample.parquet")
    catalog = pq.read_table(finished / "release/catalog.parquet")
    assert sorted(catalog["TARGETID"].to_pylist()) == sorted(sample["TARGETID"].to_pylist())
    assert len(set(catalog["TARGETID"].to_pylist())) == catalog.num_rows


def test_the_catalog_agrees_with_the_files_it_came_from(finished, survey):
    """TARGETID by TARGETID, flux by flux: nothing was shifted by a row."""
    sample = pq.read_table(finished / "sample/sample.parquet").to_pylist()
    ingested = RunDirectory(finished).shards("ingest")
    for row in sample[::20]:
        table = ingested.read(row["SHARD"])
        mine = table.filter(pc.equal(table["TARGETID"], row["TARGETID"]))
        with fits.open(survey / row["FILE"]) as hdus:
            place = int(np.flatnonzero(hdus["FIBERMAP"].data["TARGETID"] == row["TARGETID"])[0])
            flux, ivar = hdus["B_FLUX"].data[place], hdus["B_IVAR"].data[place]
        good = ivar[:2700] > 0
        got = np.array(mine["FLUX"][0].as_py(), np.float32)[:2700]
        np.testing.assert_array_equal(got[good], flux[:2700][good].astype(np.float32))


def test_only_test_objects_have_p_and_q(finished):
    catalog = pq.read_table(finished / "release/catalog.parquet")
    for row in catalog.select(["SPLIT", "SCORE", "RANK", "P_VALUE", "Q_VALUE"]).to_pylist():
        assert (row["SCORE"] is None) == (row["RANK"] is None)
        tested = row["SPLIT"] == "TEST" and row["SCORE"] is not None
        assert (row["P_VALUE"] is not None) == tested
        assert (row["Q_VALUE"] is not None) == tested


def test_ranks_count_from_one_and_follow_the_score(finished):
    catalog = pq.read_table(finished / "release/catalog.parquet")
    scores = [s for s in catalog["SCORE"].to_pylist() if s is not None]
    assert scores == sorted(scores, reverse=True)
    assert [r for r in catalog["RANK"].to_pylist() if r is not None] == list(range(1, len(scores) + 1))


@pytest.mark.filterwarnings(
    "ignore::astropy.units.UnitsWarning"
)  # Angstrom and erg are deprecated in VOUnits, not forbidden
def test_the_three_files_hold_the_same_catalog(finished):
    parquet = pq.read_table(finished / "release/catalog.parquet")
    for name in ("catalog.fits", "catalog.vot"):
        table = Table.read(finished / "release" / name)
        assert table["TARGETID"].tolist() == parquet["TARGETID"].to_pylist()
        np.testing.assert_array_equal(np.asarray(table["Z"]), parquet["Z"].to_numpy())


def test_planted_anomalies_come_before_ordinary_quasars(finished, survey):
    truth = {row["TARGETID"]: row for row in pq.read_table(survey / "truth.parquet").to_pylist()}
    catalog = pq.read_table(finished / "release/catalog.parquet")
    ranks: dict[bool, list[int]] = {True: [], False: []}
    for target_id, rank in zip(catalog["TARGETID"].to_pylist(), catalog["RANK"].to_pylist(), strict=True):
        if rank is not None and truth[target_id]["KIND"] == "quasar":
            ranks[bool(truth[target_id]["CLASS"])].append(rank)
    assert np.median(ranks[True]) < 0.75 * np.median(ranks[False])


def test_two_workers_give_the_same_bytes(finished, survey, tmp_path):
    oddqso_command("run", survey, "--run", tmp_path / "run", "--workers", 2, *quick())
    assert released(tmp_path / "run") == released(finished)


@pytest.mark.parametrize("moment", ["ingest", "train", "score", "release"])
def test_killed_at_any_moment_it_resumes_to_the_same_bytes(finished, survey, tmp_path, moment):
    run = tmp_path / "run"
    command = [sys.executable, "-m", "oddqso.cli", "run", survey, "--run", run, "--workers", "2", *quick()]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not list(run.glob(f".partial/{moment}-*")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (run / "report/manifest.json").exists()
    oddqso_command("run", "--run", run, "--workers", 1)
    assert released(run) == released(finished)


def test_a_second_run_has_nothing_to_do(finished, survey, copy_of):
    run = copy_of(finished)
    done = oddqso_command("run", survey, "--run", run)
    assert done.stdout.count("up to date") == len(oddqso.STAGE_NAMES)


def test_stop_after_a_stage_and_do_one_alone(survey, finished, copy_of):
    run = copy_of(finished)
    again = oddqso_command("run", "--run", run, "--only", "significance", "--workers", 1)
    assert "significance: done" in again.stdout
    assert "release: done" not in again.stdout
    assert released(run) == released(finished)


def test_a_new_salt_after_looking_is_refused(finished, copy_of):
    done = oddqso_command("run", "--run", copy_of(finished), "--set", "sample.salt=another", check=False)
    assert done.returncode == 1
    assert "the split cannot change" in done.stderr


def test_another_input_in_the_same_run_is_refused(finished, copy_of, tmp_path):
    (tmp_path / "other").mkdir()
    done = oddqso_command("run", tmp_path / "other", "--run", copy_of(finished), check=False)
    assert done.returncode == 1
    assert "is a run on" in done.stderr


def test_a_truncated_coadd_is_named_and_the_rest_is_kept(survey, copy_of, tmp_path):
    tree = copy_of(survey)
    victim = sorted(tree.rglob("coadd-*.fits"))[0]
    whole = victim.read_bytes()
    victim.write_bytes(whole[: len(whole) // 2])
    run = tmp_path / "run"
    done = oddqso_command("run", tree, "--run", run, "--until", "ingest", "--workers", 2, *quick(), check=False)
    assert done.returncode == 1
    assert victim.name in done.stderr
    n_bad = len(list((run / ".partial").glob("ingest-*/*.arrow")))
    assert n_bad >= 1
    victim.write_bytes(whole)
    oddqso_command("run", "--run", run, "--until", "ingest", "--workers", 1)
    assert (run / "ingest/manifest.json").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "{tmp}/none", "--run", "{tmp}/r"], "is not a folder"),
        (["run", "{tmp}", "--run", "{tmp}/r"], "no"),
        (["run", "--run", "{tmp}/r"], "is no run yet"),
        (["run", "{survey}", "--run", "{tmp}/r", "--set", "train.max_epoch=3"], "did you mean max_epochs?"),
        (["run", "{survey}", "--run", "{tmp}/r", "--until", "publish"], "there is no stage 'publish'"),
        (["run", "{survey}", "--run", "{tmp}/r", "--config", "{tmp}/no.toml"], "cannot read the settings"),
        (["run", "{survey}", "--run", "/proc/oddqso"], "cannot write /proc/oddqso"),
        (["status", "--run", "{tmp}"], "is no run"),
        (["show", "1", "--run", "{run}"], "TARGETID 1 is not in"),
        (["show", "99999999999999999999999", "--run", "{run}"], "is no TARGETID"),
        (["report", "--run", "{tmp}/r"], "is no run yet"),
        (["simulate", "{survey}", "--n", "100"], "holds a survey with other parameters"),
        (["simulate", "{tmp}/s", "--set", "colour=red"], "give name=value; the names are"),
        (["run", "{survey}", "--run", "{tmp}/r", "--set", "sample.zwarn_allowed=[77]"], "no quasar"),
        (["run", "{survey}", "--run", "{tmp}/r", "--until", "train", "--set", "prepare.strict_snr_min=999"],
         "too few to train on"),
    ],
)  # fmt: skip
def test_a_mistake_ends_in_one_clear_message(survey, finished, tmp_path, words, message):
    places = {"tmp": tmp_path, "survey": survey, "run": finished}
    done = oddqso_command(*(word.format(**places) for word in words), check=False)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) <= 12


def test_status_tells_what_is_complete_and_what_is_outdated(finished, copy_of):
    run = copy_of(finished)
    assert {s.state for s in oddqso.status(run)} == {"complete"}
    record = json.loads((run / "run.json").read_text())
    record["settings"]["score"]["chi_clip"] = 7.0
    (run / "run.json").write_text(json.dumps(record))
    states = {s.name: s.state for s in oddqso.status(run)}
    assert states["embed"] == "complete"
    assert states["fit"] == states["score"] == states["report"] == "outdated"  # detectors are made with both sections
    assert "outdated" in oddqso_command("status", "--run", run).stdout


def test_show_gives_words_and_a_plot(finished, tmp_path):
    target_id = pq.read_table(finished / "release/catalog.parquet")["TARGETID"][0].as_py()
    done = oddqso_command("show", target_id, "--run", finished, "--plot", tmp_path / "a.png")
    assert str(target_id) in done.stdout
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_the_verbs_in_python_are_those_of_the_command_line(survey, finished):
    run = oddqso.run(survey, finished, overrides=QUICK)
    assert run.catalog().num_rows == len(pq.read_table(finished / "sample/sample.parquet"))
    target_id = run.catalog()["TARGETID"][0].as_py()
    assert run.spectrum(target_id).flux.shape == (7781,)
    assert run.row(target_id)["RANK"] == 1
    assert run.report().exists()
    assert "sentence" in run.claim()


def test_a_sample_of_galaxies_only_is_said(survey, copy_of, tmp_path):
    tree = copy_of(survey)
    path = next(tree.rglob("zall-pix-*.fits"))
    with fits.open(path, mode="update") as hdus:
        hdus["ZCATALOG"].data["SPECTYPE"][:] = "GALAXY"
    done = oddqso_command("run", tree, "--run", tmp_path / "run", check=False)
    assert done.returncode == 1
    assert "quasar" in done.stderr
