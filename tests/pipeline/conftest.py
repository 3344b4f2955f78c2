import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

QUICK = (
    "sample.fit_fraction=0.45",
    "sample.calibration_fraction=0.25",
    "train.max_epochs=2",
    "train.n_thread=1",
    "report.n_candidates=3",
    "report.n_bootstrap=20",
    "report.pdf=false",
)
"""Settings that make a run of a few hundred spectra quick."""

RELEASED = ("release/catalog.parquet", "release/catalog.fits", "release/catalog.vot", "report/metrics.json")


def oddqso_command(*words: object, check: bool = True, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user would, in a process of its own."""
    command = [sys.executable, "-m", "oddqso.cli", *map(str, words)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=cwd, check=False)
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def quick(*more: str) -> list[str]:
    """The quick settings as command-line words."""
    return [word for setting in (*QUICK, *more) for word in ("--set", setting)]


@pytest.fixture(scope="session")
def survey(tmp_path_factory) -> Path:
    """A simulated survey of 260 targets, some of them anomalies."""
    out = tmp_path_factory.mktemp("survey") / "sky"
    oddqso_command("simulate", out, "--n", 260, "--seed", 3, "--workers", 1, "--set", "resolution=false",
                   "--set", "anomaly_fraction=0.1")  # fmt: skip
    return out


@pytest.fixture(scope="session")
def finished(survey, tmp_path_factory) -> Path:
    """A finished run on that survey, with one worker."""
    run = tmp_path_factory.mktemp("finished") / "run"
    oddqso_command("run", survey, "--run", run, "--workers", 1, *quick())
    return run


@pytest.fixture
def copy_of(tmp_path):
    """Copy a folder to where it may be changed."""

    def copy(folder: Path) -> Path:
        return Path(shutil.copytree(folder, tmp_path / folder.name, symlinks=True))

    return copy
