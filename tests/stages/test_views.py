"""Single spectra out of a run's shards."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from oddqso.errors import DataError
from oddqso.runs.directory import RunDirectory
from oddqso.runs.files import write_table
from oddqso.spectra import Embedding, Spectra
from oddqso.spectra.grid import N_MODEL, N_NATIVE, model_grid, native_grid
from oddqso.stages.views import spectrum_views
from oddqso.testing import make_spectra

IDS = np.array([40, -7, 2**60, 11, 3, -(2**60), 8])
SHARDS = {"one": [2, 0, 5], "two": [6, 1, 3, 4]}


@pytest.fixture
def spectra() -> Spectra:
    """Seven spectra on the native grid."""
    made = make_spectra(len(IDS), seed=1)
    flux, ivar = (np.resize(row, (len(IDS), N_NATIVE)) for row in (made.flux, made.ivar))
    return replace(made, wave=native_grid(), flux=flux, ivar=ivar)


@pytest.fixture
def directory(tmp_path, spectra) -> RunDirectory:
    """Seven spectra in two shards, rows in no order; the model of each is its place."""
    table = spectra.to_table().set_column(0, "TARGETID", pa.array(IDS))
    level = np.arange(len(IDS), dtype=np.float32)[:, None]
    embedding = Embedding(
        IDS, np.zeros((len(IDS), 2), np.float32), np.ones((len(IDS), 2), np.float32), np.zeros(len(IDS), np.float32),
        model_grid(), level + np.zeros((1, N_MODEL), np.float32), np.full((len(IDS), N_MODEL), 0.1, np.float16),
    )  # fmt: skip
    for name, rows in SHARDS.items():
        for stage, whole in (("ingest", table), ("prepare", table), ("embed", embedding.to_table())):
            write_table(tmp_path / stage / f"{name}.arrow", whole.take(rows))
    shard = ["one" if i in SHARDS["one"] else "two" for i in range(len(IDS))]
    (tmp_path / "sample").mkdir()
    pq.write_table(pa.table({"TARGETID": IDS, "SHARD": shard}), tmp_path / "sample/sample.parquet")
    return RunDirectory(tmp_path)


def test_spectra_come_in_the_order_asked_for(directory, spectra):
    for wanted in ([3], [6, 0, 1], [5, 4, 3, 2, 1, 0, 6], []):
        views = spectrum_views(directory, [int(IDS[i]) for i in wanted])
        assert [view.target_id for view in views] == [int(IDS[i]) for i in wanted]
        for i, view in zip(wanted, views, strict=True):
            np.testing.assert_array_equal(view.flux, spectra.flux[i])
            assert view.z == spectra.z[i]
            assert (np.median(view.model) > 0) == (i > 0)


@pytest.mark.parametrize("unknown", [0, -40, 2**60 + 1, 2**63 - 1])
def test_a_target_that_is_not_in_the_run_is_said(directory, unknown):
    with pytest.raises(DataError, match=f"TARGETID {unknown} is not in the sample"):
        spectrum_views(directory, [40, unknown])


def test_a_number_that_is_too_large_is_said(directory):
    with pytest.raises(DataError, match="64 bits"):
        spectrum_views(directory, [2**63])
