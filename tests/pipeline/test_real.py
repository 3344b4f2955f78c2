import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from conftest import oddqso_command, quick

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.xdist_group("pipeline")]


def test_real_sdss_spectra_go_through(real_data, tmp_path):
    run = tmp_path / "run"
    oddqso_command("run", real_data / "sdss-desi-layout", "--run", run, "--workers", 1, *quick())
    catalog = pq.read_table(run / "release/catalog.parquet")
    assert catalog.num_rows == 387
    scores = catalog["SCORE"].drop_null().to_numpy()
    assert len(scores) >= 380
    assert np.isfinite(scores).all()
    assert (run / "report/index.html").stat().st_size > 100_000
