import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import oddqso

sys.path.insert(0, str(Path(__file__).parent))
from conftest import oddqso_command, quick

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.xdist_group("pipeline")]


@pytest.fixture(scope="module")
def run(real_data, tmp_path_factory):
    """A quick run on the real SDSS spectra."""
    run = tmp_path_factory.mktemp("real") / "run"
    oddqso_command("run", real_data / "sdss-desi-layout", "--run", run, "--workers", 1, *quick())
    return run


def test_real_sdss_spectra_go_through(run):
    catalog = pq.read_table(run / "release/catalog.parquet")
    assert catalog.num_rows == 387
    scores = catalog["SCORE"].drop_null().to_numpy()
    assert len(scores) >= 380
    assert np.isfinite(scores).all()
    assert (run / "report/index.html").stat().st_size > 100_000


def test_what_is_planted_into_real_spectra_is_found_the_more_the_stronger(run):
    """Without a truth table hosts are the least odd ones, and the cut is set on all held-out spectra."""
    laboratory = oddqso.inject(
        run,
        classes=["peaked_line", "cosmic_ray", "wrong_redshift"],
        per_bin=40,
        overrides=["inject.snr_edges=[]", "inject.n_twins=10", "efficiency.amplitude_bins=2"],
    )
    figures = laboratory.figures()
    assert figures["provenance"]["hosts"] == "the 95% least odd of the held-out spectra"
    assert figures["n_unscored"] == 0
    weak, strong = (
        sum(told["by_cut"]["FPR 1%"]["amplitude"][k]["n_found"] for told in figures["classes"].values()) for k in (0, 1)
    )
    assert weak < strong
    assert figures["classes"]["peaked_line"]["by_cut"]["FPR 1%"]["share"] > 0.1
