"""A run that was never made, to review: a catalog of 120 objects and spectra on demand."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from oddqso.catalog.columns import catalog_columns
from oddqso.config import Settings
from oddqso.reports.results import SpectrumView
from oddqso.runs.directory import RunDirectory
from oddqso.runs.files import read_table, write_table
from oddqso.score.latents import ActiveUnits
from oddqso.spectra.columns import matrix_column, matrix_from
from oddqso.spectra.grid import native_grid

N = 120
FIRST = 39_627_000_000_000_001


@pytest.fixture(scope="session")
def made_run(tmp_path_factory) -> Path:
    """The folder of a run with a catalog, the oddest first; nothing else is in it."""
    run = tmp_path_factory.mktemp("made") / "made"
    rng = np.random.default_rng(1)
    score = np.sort(rng.exponential(1.5, N))[::-1]
    columns = {column.name: _values(column.name, column.dtype, rng) for column in catalog_columns()}
    columns |= {
        "TARGETID": np.arange(FIRST, FIRST + N), "SCORE": score, "RANK": np.arange(1, N + 1),
        "Z": rng.uniform(0.5, 3, N),
        "SNR": rng.uniform(0.5, 8, N), "QUALITY": np.zeros(N, np.int32), "ZWARN": np.zeros(N, np.int64),
        "TIER": np.where(np.arange(N) < 10, "gold", None), "FOUND_BY": np.where(np.arange(N) < 30, "CHI2,NARROW", ""),
        "SPLIT": np.full(N, "TEST"), "GROUP": np.full(N, "strict"),
    }  # fmt: skip
    for name in ("embed", "release", "significance"):
        (run / name).mkdir(parents=True)
        manifest = {"stage": name, "fingerprint": "0123456789abcdef", "shards": [], "reads": {}}
        (run / name / "manifest.json").write_text(json.dumps(manifest))
    pq.write_table(
        pa.table({name: pa.array(value) for name, value in columns.items()}), run / "release/catalog.parquet"
    )
    (run / "significance/claim.json").write_text(json.dumps({"sentence": "Nothing is claimed."}))
    record = {"oddqso": "0", "input": str(run), "settings": Settings().model_dump(mode="json")}
    (run / "run.json").write_text(json.dumps(record))
    return run


def _values(name, dtype, rng):
    kind = str(dtype)
    if "str" in kind or kind == "string":
        return np.full(N, "x", dtype=object)
    if "bool" in kind:
        return np.zeros(N, bool)
    if "int" in kind:
        return np.zeros(N, np.int32)
    return rng.uniform(0, 3, N).astype(np.float32)


@pytest.fixture(scope="session")
def made_views():
    """Makes spectra that depend on the TARGETID alone."""

    def views(target_ids) -> list[SpectrumView]:
        return [_view(target_id) for target_id in target_ids]

    return views


def _view(target_id: int) -> SpectrumView:
    wave = native_grid()
    rng = np.random.default_rng(target_id % 2**32)
    model = np.full(len(wave), 2.0, np.float32)
    ivar = np.full(len(wave), 4.0, np.float32)
    ivar[100:110] = 0
    flux = (model + 0.5 * rng.normal(size=len(wave))).astype(np.float32)
    return SpectrumView(target_id, 1.5, wave, flux, ivar, model, 0.1 * model)


@pytest.fixture(scope="session")
def mapped_run(made_run, tmp_path_factory) -> Path:
    """The made run with latent vectors in two shards, rows in an order of their own; 4 of 6 units are active."""
    run = tmp_path_factory.mktemp("mapped") / "mapped"
    shutil.copytree(made_run, run)
    rng = np.random.default_rng(2)
    target_id = rng.permutation(np.arange(FIRST, FIRST + N))
    latent = rng.normal(size=(N, 6)).astype(np.float32) * np.array([3, 2, 1, 1, 0.01, 0.01], np.float32)
    shards = {"a": slice(0, 50), "b": slice(50, N)}
    for name, rows in shards.items():
        table = pa.table({"TARGETID": target_id[rows], "LATENT": matrix_column(latent[rows])})
        write_table(run / f"embed/{name}.arrow", table)
    manifest = {"stage": "embed", "fingerprint": "fedcba9876543210", "reads": {}}
    manifest["shards"] = [{"name": name, "n_rows": rows.stop - rows.start} for name, rows in shards.items()]
    (run / "embed/manifest.json").write_text(json.dumps(manifest))
    (run / "fit").mkdir()
    (run / "fit/manifest.json").write_text(json.dumps({"stage": "fit", "fingerprint": "00", "shards": []}))
    units = ActiveUnits(np.arange(4), np.array([0.0, 1, 0, 0]), np.array([3.0, 2, 1, 1]), 6)
    np.savez(run / "fit/KNN.npz", **units.to_arrays())
    files = pa.table(
        {"TARGETID": target_id, "FILE": ["coadd-main-dark-1.fits"] * N, "SHARD": ["a"] * 50 + ["b"] * (N - 50)}
    )
    (run / "sample").mkdir()
    pq.write_table(files, run / "sample/sample.parquet")
    return run


@pytest.fixture(scope="session")
def latents_of(mapped_run):
    """Standardized active latents by TARGETID, straight from the files."""
    found = {}
    for name in ("a", "b"):
        table = read_table(mapped_run / f"embed/{name}.arrow")
        latent = matrix_from(table, "LATENT")[:, :4].astype(np.float64)
        values = (latent - [0, 1, 0, 0]) / [3, 2, 1, 1]
        found |= dict(zip(table["TARGETID"].to_pylist(), values, strict=True))
    return found


@pytest.fixture
def desk(made_run, made_views, tmp_path):
    """A vetting desk on a copy of the made run."""
    spec = importlib.util.spec_from_file_location("made_desk", Path(__file__).parent / "made_desk.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    run = RunDirectory(Path(shutil.copytree(made_run, tmp_path / "vetted")))
    opened = module.made_desk(run, lambda target_id: made_views([target_id])[0])
    yield opened
    opened.close()


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 1, tzinfo=UTC)

    def move(self, **by: float) -> None:
        self.moment += timedelta(**by)

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
def clock() -> Clock:
    return Clock()


_QUICK = (
    "sample.fit_fraction=0.45", "sample.calibration_fraction=0.25", "train.max_epochs=1", "train.n_thread=1",
    "report.n_candidates=3", "report.n_bootstrap=20", "report.pdf=false",
)  # fmt: skip


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory) -> Path:
    """A real run on 160 simulated targets; copy it before writing into it. Its tests are in the group ``pipeline``."""
    folder = tmp_path_factory.mktemp("finished")
    settings = [word for setting in _QUICK for word in ("--set", setting)]
    for words in (
        ["simulate", folder / "sky", "--n", 160, "--seed", 3, "--workers", 1, "--set", "resolution=false"],
        ["run", folder / "sky", "--run", folder / "run", "--workers", 1, *settings],
    ):
        command = [sys.executable, "-m", "oddqso.cli", *map(str, words)]
        done = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return folder / "run"
