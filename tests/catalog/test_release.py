import warnings

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy import units
from astropy.io import fits
from astropy.io.votable import parse_single_table

from oddqso.catalog.assemble import ARROW_TYPES, assemble
from oddqso.catalog.columns import COLUMNS
from oddqso.catalog.params import ReleaseParams
from oddqso.catalog.release import write_release
from oddqso.catalog.rows import null_integer
from oddqso.errors import DataError, StoreError

METADATA = {"oddqso.version": "0.1.0", "oddqso.claim": 'Nothing <can> be claimed & that is "fine".'}


@pytest.fixture
def catalog(tables):
    return assemble(tables["sample"], tables["prepare"], tables["score"], tables["significance"])


def from_fits(path):
    with fits.open(path, memmap=False) as hdus:
        hdu = hdus["CATALOG"]
        rows = hdu.data
        columns = {}
        for column in COLUMNS:
            values = rows[column.name]
            if column.dtype == "str":
                columns[column.name] = [str(v) or None for v in values]
            elif column.dtype.startswith("float"):
                columns[column.name] = [None if np.isnan(v) else v.item() for v in values]
            else:
                columns[column.name] = [
                    None if column.nullable and v == null_integer(column) else v.item() for v in values
                ]
    return columns


def from_votable(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated units of astronomy: erg and Angstrom
        array = parse_single_table(path, verify="exception").array
    return {
        column.name: [
            None if masked else ((str(v) or None) if column.dtype == "str" else v.item())
            for v, masked in zip(array[column.name].data, array[column.name].mask, strict=True)
        ]
        for column in COLUMNS
    }


def assert_all_the_same(table, out):
    expected = table.to_pydict()
    assert pq.read_table(out / "catalog.parquet").to_pydict() == expected
    assert from_votable(out / "catalog.vot") == expected
    assert from_fits(out / "catalog.fits") == expected


def test_the_three_files_say_the_same(catalog, tmp_path):
    write_release(catalog, tmp_path, METADATA)
    assert_all_the_same(catalog, tmp_path)


ODD = {
    "bool": [True, False],
    "int32": [0, -1, 2**31 - 1, 1 - 2**31],
    "int64": [0, 39_627_568_982_000_001, 2**53 + 1, 2**63 - 1, 1 - 2**63],
    "float32": [None, 0.0, -0.0, 1e-45, 3.4028234663852886e38, 0.10000000149011612],
    "float64": [None, 0.0, -0.0, 5e-324, 1.7976931348623157e308, 0.1, 1 / 3],
    "str": [None, "x", "<&\"'>]]>", "two words", "~" * 40],
}


@pytest.mark.parametrize("n_rows", [0, 1, 200])
def test_odd_values_go_through_all_three(n_rows, tmp_path):
    rng = np.random.default_rng(n_rows)
    columns = {}
    for column in COLUMNS:
        values = ODD[column.dtype] + [None] * column.nullable
        columns[column.name] = pa.array(
            [values[i] for i in rng.integers(0, len(values), n_rows)], ARROW_TYPES[column.dtype]
        )
    table = pa.table(columns)
    write_release(table, tmp_path, METADATA)
    assert_all_the_same(table, tmp_path)


def test_same_catalog_same_bytes(catalog, tmp_path):
    for folder in ("first", "second"):
        write_release(catalog, tmp_path / folder, METADATA)
    for name in ("catalog.parquet", "catalog.fits", "catalog.vot"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_more_rows_than_a_chunk_are_packed_alike(catalog, tmp_path, monkeypatch):
    write_release(catalog, tmp_path / "whole", METADATA)
    monkeypatch.setattr("oddqso.catalog.rows.CHUNK_ROWS", 7)
    write_release(catalog, tmp_path / "parts", METADATA)
    for name in ("catalog.fits", "catalog.vot"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()


def test_units_ucds_and_descriptions_stand_in_every_file(catalog, tmp_path):
    write_release(catalog, tmp_path, METADATA)
    schema = pq.read_schema(tmp_path / "catalog.parquet")
    header = fits.getheader(tmp_path / "catalog.fits", "CATALOG")
    head = (tmp_path / "catalog.vot").read_bytes().split(b"<DATA>")[0].decode()
    for i, column in enumerate(COLUMNS, start=1):
        field = schema.field(column.name)
        assert field.metadata[b"ucd"].decode() == header[f"TUCD{i}"] == column.ucd
        assert field.metadata[b"description"].decode() == header[f"TCOMM{i}"] == column.description
        assert (f"TUNIT{i}" in header) == bool(column.unit)
        assert f'name="{column.name}"' in head
    assert schema.metadata[b"oddqso.version"] == b"0.1.0"
    assert "oddqso.version = 0.1.0" in str(fits.getheader(tmp_path / "catalog.fits")["HISTORY"])


def test_the_fits_file_follows_the_standard(catalog, tmp_path):
    write_release(catalog, tmp_path, METADATA)
    with fits.open(tmp_path / "catalog.fits") as hdus:
        hdus.verify("exception")
        assert hdus[1].columns["TARGETID"].format == "1K" or hdus[1].columns["TARGETID"].format == "K"
    assert (tmp_path / "catalog.fits").stat().st_size % 2880 == 0


def test_only_parquet_is_written_if_the_settings_say_so(catalog, tmp_path):
    write_release(catalog, tmp_path, METADATA, ReleaseParams(fits=False, votable=False))
    assert [path.name for path in tmp_path.iterdir()] == ["catalog.parquet"]


def test_an_undeclared_column_is_refused(catalog, tmp_path):
    with pytest.raises(DataError, match="undeclared columns: EXTRA"):
        write_release(catalog.append_column("EXTRA", catalog["Z"]), tmp_path, {})


def test_a_folder_that_cannot_be_made_is_said_so(catalog, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot write the catalog"):
        write_release(catalog, tmp_path / "file", {})


def test_units_mean_the_same_in_fits_and_votable(catalog, tmp_path):
    write_release(catalog, tmp_path, METADATA)
    header = fits.getheader(tmp_path / "catalog.fits", "CATALOG")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", units.UnitsWarning)
        for i, column in enumerate(COLUMNS, start=1):
            if column.unit:
                in_fits = units.Unit(header[f"TUNIT{i}"], format="fits")
                assert in_fits.is_equivalent(units.Unit(column.unit, format="vounit"))
                assert in_fits.to(units.Unit(column.unit, format="vounit")) == pytest.approx(1)
