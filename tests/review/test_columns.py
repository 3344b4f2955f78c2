"""Columns in memory are those of the file."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from oddqso.errors import DataError
from oddqso.review.columns import CatalogColumns


@pytest.fixture
def table() -> pa.Table:
    return pa.table({
        "TARGETID": pa.array([-5, 2**60, 7], pa.int64()),
        "DESINAME": ["DESI J1", "DESI J2", "DESI J3"],
        "SCORE": pa.array([3.5, None, 1.0], pa.float32()),
        "RANK": pa.array([1, None, 2], pa.int32()),
        "QUALITY": pa.array([0, 1, 2], pa.int32()),
        "STRICT": [True, False, True],
        "TIER": ["gold", None, "silver"],
    })  # fmt: skip


@pytest.fixture
def columns(table, tmp_path) -> CatalogColumns:
    pq.write_table(table, tmp_path / "catalog.parquet", row_group_size=2)
    return CatalogColumns(tmp_path / "catalog.parquet")


def test_numbers_are_kept_and_the_unknown_is_nan(columns):
    assert columns["TARGETID"].tolist() == [-5, 2**60, 7]
    np.testing.assert_array_equal(columns["SCORE"], np.array([3.5, np.nan, 1], np.float32))
    np.testing.assert_array_equal(columns["RANK"], [1, np.nan, 2])
    assert columns["SCORE"].dtype == np.float32
    assert columns["QUALITY"].dtype == np.int32
    assert columns["STRICT"].tolist() == [True, False, True]


def test_text_is_codes(columns):
    codes, words = columns["TIER"], columns.categories("TIER")
    assert [None if code < 0 else words[code] for code in codes] == ["gold", None, "silver"]
    assert [columns.text("TIER", row) for row in range(3)] == ["gold", None, "silver"]


def test_a_row_has_everything(columns, table):
    for row in range(3):
        assert columns.row(row) == table.slice(row, 1).to_pylist()[0]


def test_what_would_be_unique_text_is_no_column_and_arrays_cannot_be_changed(columns):
    assert "DESINAME" not in columns
    with pytest.raises(KeyError):
        columns["DESINAME"]
    for name in columns:
        with pytest.raises(ValueError, match="read-only"):
            columns[name][0] = 1
    assert len(list(columns)) == len(columns) == 6


def test_a_catalog_may_be_empty(table, tmp_path):
    pq.write_table(table.slice(0, 0), tmp_path / "catalog.parquet")
    columns = CatalogColumns(tmp_path / "catalog.parquet")
    assert columns.n_rows == 0
    assert all(len(columns[name]) == 0 for name in columns)


def test_a_missing_or_damaged_file_is_named(tmp_path):
    with pytest.raises(DataError, match="finish the run"):
        CatalogColumns(tmp_path / "catalog.parquet")
    (tmp_path / "catalog.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match="damaged"):
        CatalogColumns(tmp_path / "catalog.parquet")
