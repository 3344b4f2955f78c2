"""The injection laboratory on a finished run."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import oddqso
from oddqso.errors import ConfigError, StageError
from oddqso.runs.directory import RunDirectory
from oddqso.runs.files import read_json
from oddqso.runs.stage import Context
from oddqso.simulation.truth import true_classes
from oddqso.stages import inject as stage
from oddqso.stages.published import Published
from oddqso.validation.params import InjectParams
from oddqso.validation.plan import TWIN

sys.path.insert(0, str(Path(__file__).parent))
from conftest import oddqso_command

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("pipeline")]

FEW = (
    "inject.n_twins=20",
    "inject.max_reuse=3",
    "efficiency.n_ceiling=100",
    "efficiency.min_cell=1",
    "inject.snr_edges=[2.0]",
)
CLASSES = "peaked_line,coronal_lines,wrong_redshift,cosmic_ray,offset_broad,narrow_feature"


def few() -> list[str]:
    return [word for setting in FEW for word in ("--set", setting)]


@pytest.fixture(scope="module")
def measured(finished, tmp_path_factory):
    """A copy of the finished run with its laboratory, by the command line; and what was printed."""
    import shutil

    run = Path(shutil.copytree(finished, tmp_path_factory.mktemp("laboratory") / "run", symlinks=True))
    before = {name: (run / name / "manifest.json").read_bytes() for name in oddqso.STAGE_NAMES}
    told = oddqso_command("inject", "--run", run, "--classes", CLASSES, "--per-bin", 8, "--workers", 1, *few())
    after = {name: (run / name / "manifest.json").read_bytes() for name in oddqso.STAGE_NAMES}
    assert before == after, "the laboratory made a stage of the run again"
    return run, told.stdout


def planted(run: Path) -> pa.Table:
    return pa.concat_tables([table.replace_schema_metadata(None) for table in RunDirectory(run).shards("inject")])


def test_the_frozen_pipeline_says_what_the_run_said(finished):
    published = Published.open(finished)
    known = {row["TARGETID"]: row for row in pq.read_table(finished / "significance/table.parquet").to_pylist()}
    n = 0
    for ingested in RunDirectory(finished).shards("ingest"):
        held_out = ingested.filter(pc.not_equal(ingested["SPLIT"], "FIT"))
        backwards = held_out.take(np.arange(held_out.num_rows)[::-1])
        for row in published(backwards).to_pylist():
            mine = known[row["TARGETID"]]
            n += 1
            for name in mine.keys() & row.keys() - {"GROUP", "P_VALUE"}:
                assert row[name] == mine[name], name
            if mine["P_VALUE"] is not None:
                assert (row["P_VALUE"], row["GROUP"]) == (mine["P_VALUE"], mine["GROUP"])
    assert n > 50


def test_a_run_that_is_not_finished_has_no_frozen_pipeline(tmp_path):
    with pytest.raises(StageError, match="is not complete; run `oddqso run"):
        Published.open(tmp_path)


def test_hosts_are_held_out_strict_and_truly_ordinary(measured, survey):
    run, _ = measured
    catalog = {row["TARGETID"]: row for row in pq.read_table(run / "release/catalog.parquet").to_pylist()}
    table = planted(run)
    rows = table.filter(pc.not_equal(table["CLASS"], TWIN)).to_pylist()
    assert rows
    for row in rows:
        mine = catalog[row["TARGETID"]]
        assert mine["SPLIT"] != "FIT"
        assert mine["STRICT"]
    hosts, z = np.array([row["TARGETID"] for row in rows]), np.array([catalog[r["TARGETID"]]["Z"] for r in rows])
    assert set(true_classes(hosts, z, pq.read_table(survey / "truth.parquet"))) == {""}


def test_figures_add_up_and_everything_lies_there(measured):
    run, words = measured
    folder = run / "efficiency"
    figures = read_json(folder / "efficiency.json")
    table = planted(run)
    assert figures["n_injected"] == pc.sum(pc.not_equal(table["CLASS"], TWIN)).as_py()
    assert set(figures["classes"]) == set(CLASSES.split(","))
    for name, told in figures["classes"].items():
        assert told["n"] == pc.sum(pc.equal(table["CLASS"], name)).as_py()
        for counted in told["by_cut"].values():
            assert (
                counted["n"] == sum(cell["n"] for cell in counted["snr"]) == sum(c["n"] for c in counted["amplitude"])
            )
            assert counted["n_found"] == sum(cell["n_found"] for cell in counted["z"])
    for name in ("index.html", "selection.parquet", "plots/heat.png", "plots/curves.png", "plots/probes.png"):
        assert (folder / name).stat().st_size > 1000
    for word in ("peaked line", "offset broad *", "page:", "mean over the classes at FPR 1%"):
        assert word in words


def test_strong_anomalies_are_found_more_often_than_weak_ones(measured):
    figures = read_json(measured[0] / "efficiency/efficiency.json")
    assert figures["classes"]["peaked_line"]["by_cut"]["FPR 1%"]["share"] > 0.3
    cells = [told["by_cut"]["FPR 1%"]["amplitude"] for told in figures["classes"].values()]
    weak = sum(cell["n_found"] for amplitude in cells for cell in amplitude[:3])
    strong = sum(cell["n_found"] for amplitude in cells for cell in amplitude[3:])
    assert strong > 1.2 * weak


def test_bins_without_hosts_are_named(measured):
    """Coronal lines need z < 0.75, which few of 260 have."""
    run, words = measured
    short = read_json(run / "efficiency/efficiency.json")["short"]
    assert {"coronal_lines"} <= {entry["class"] for entry in short}
    assert all(entry["n"] < entry["wanted"] for entry in short)
    assert f"{len(short)} bins had too few hosts" in words


def test_the_selection_function_is_of_this_run(measured):
    selection = oddqso.read_selection(measured[0] / "efficiency/selection.parquet")
    made = read_json(measured[0] / "inject/manifest.json")["fingerprint"]
    assert selection.header["provenance"]["fingerprints"]["inject"] == made
    value, low, high = selection.efficiency("peaked_line", np.geomspace(2.0, 6.0, 5), 1.0)
    known = np.isfinite(value)
    assert known.any()
    assert ((low <= value) & (value <= high))[known].all()


def test_an_amplitude_of_zero_gives_the_hosts_own_score(finished, survey):
    """Up to the last digit of float32 that planting nothing costs; and both signs of nothing are the same."""
    directory = RunDirectory(finished)
    ingested = next(iter(directory.shards("ingest")))
    published = Published.open(finished)
    held_out = ingested.filter(pc.not_equal(ingested["SPLIT"], "FIT"))
    own = dict(zip(held_out["TARGETID"].to_pylist(), published(held_out)["SCORE"].to_pylist(), strict=True))
    n = held_out.num_rows
    plan = pa.table({
        "TARGETID": held_out["TARGETID"], "CLASS": ["broad_feature"] * n, "AMPLITUDE": np.zeros(n),
        "SNR_BIN": np.zeros(n, np.int64), "KEY": np.arange(n),
    })  # fmt: skip
    judged = stage._judge(ingested, plan, published)
    for target, score in zip(judged["TARGETID"].to_pylist(), judged["SCORE"].to_pylist(), strict=True):
        assert score == own[target]


def test_the_plan_does_not_feel_the_order_of_shards(finished, survey):
    """Each shard alone, in whichever order, plants what it plants in company."""
    directory = RunDirectory(finished)
    params = InjectParams(classes=("cosmic_ray",), per_bin=3, n_twins=4, max_reuse=2)
    folders = [directory.stage(name) for name in ("train", "fit", "significance", "release")]
    shards = directory.shards("ingest")

    def one(name: str) -> pa.Table:
        stage._plan.cache_clear()
        return stage.inject(Context(survey, finished, 1, "inject", name), shards.read(name), *folders, params=params)

    there, back = [one(name) for name in shards.names], [one(name) for name in shards.names[::-1]]
    assert [table.to_pylist() for table in there] == [table.to_pylist() for table in back[::-1]]
    assert sum(table.num_rows for table in there) > 4


def test_wrong_words_are_refused(finished):
    done = oddqso_command("inject", "--run", finished, "--classes", "bal,blazar", check=False)
    assert done.returncode == 1
    assert "no injection class 'blazar'; choose from bal, lobal" in done.stderr.replace("\n", " ")
    with pytest.raises(ConfigError, match="only settings of inject and efficiency"):
        oddqso.inject(finished, overrides=["train.max_epochs=3"])
    with pytest.raises(ConfigError, match=r"unknown setting inject\.per_binn; did you mean per_bin\?"):
        oddqso.inject(finished, overrides=["inject.per_binn=3"])


def test_what_is_no_finished_run_is_refused(finished, tmp_path, copy_of):
    with pytest.raises(ConfigError, match="is no run"):
        oddqso.inject(tmp_path / "none")
    run = copy_of(finished)
    (run / "score/manifest.json").unlink()
    with pytest.raises(StageError, match=r"stage score of .* is not complete"):
        oddqso.inject(run)


def test_a_killed_laboratory_goes_on_where_it_was(measured, copy_of):
    run = copy_of(measured[0])
    before = [table.to_pydict() for table in RunDirectory(run).shards("inject")]
    first = RunDirectory(run).manifest("inject")
    shards = sorted(path.name for path in (run / "inject").glob("*.arrow"))
    for name in ("inject", "efficiency"):
        for path in (run / name).glob("manifest.json"):
            path.unlink()
    command = [sys.executable, "-m", "oddqso.cli", "inject", "--run", str(run), "--workers", "1"]
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if list((run / ".partial").glob("inject-*/*.arrow")):
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path.name: path.stat().st_mtime_ns for path in (run / ".partial").glob("inject-*/*.arrow")}
    assert kept
    oddqso_command("inject", "--run", run, "--workers", 1)
    assert sorted(path.name for path in (run / "inject").glob("*.arrow")) == shards
    assert {name: (run / "inject" / name).stat().st_mtime_ns for name in kept} == kept, (
        "finished shards were made again"
    )
    assert [table.to_pydict() for table in RunDirectory(run).shards("inject")] == before
    assert json.dumps(RunDirectory(run).manifest("inject")["fingerprint"]) == json.dumps(first["fingerprint"])


def test_the_run_itself_does_not_feel_the_laboratory(measured):
    done = oddqso_command("run", "--run", measured[0], "--workers", 1)
    assert "significance: up to date" in done.stderr + done.stdout
