import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from oddqso.catalog.assemble import ARROW_TYPES, assemble, desi_name
from oddqso.catalog.columns import COLUMNS, DETECTORS
from oddqso.errors import DataError


def put_together(tables):
    return assemble(tables["sample"], tables["prepare"], tables["score"], tables["significance"])


def test_columns_and_types_are_those_declared(tables):
    catalog = put_together(tables)
    assert catalog.column_names == [column.name for column in COLUMNS]
    assert catalog.schema.types == [ARROW_TYPES[column.dtype] for column in COLUMNS]


def test_the_oddest_come_first_and_the_unscored_last_by_target_id(tables):
    catalog = put_together(tables)
    rank, target_id = catalog["RANK"].to_pylist(), catalog["TARGETID"].to_numpy()
    n_scored = sum(r is not None for r in rank)
    assert rank[:n_scored] == list(range(1, n_scored + 1))
    assert set(rank[n_scored:]) == {None}
    assert (np.diff(target_id[n_scored:]) > 0).all()


def test_the_order_of_the_inputs_does_not_matter(tables):
    backward = {name: table.take(np.arange(table.num_rows)[::-1]) for name, table in tables.items()}
    assert put_together(backward).equals(put_together(tables))


def test_rows_are_joined_by_target_id(tables):
    catalog = put_together(tables)
    for name, column in (("prepare", "SCALE"), ("sample", "RA"), ("significance", "SCORE")):
        table = tables[name]
        expected = dict(zip(table["TARGETID"].to_pylist(), table[column].to_pylist(), strict=True))
        found = dict(zip(catalog["TARGETID"].to_pylist(), catalog[column].to_pylist(), strict=True))
        assert found == expected


def test_who_found_a_spectrum_follows_from_the_tails(tables):
    few, many = (
        assemble(*(tables[n] for n in ("sample", "prepare", "score", "significance")), at) for at in (9.0, 0.5)
    )
    assert few["FOUND_BY"].null_count == few.num_rows
    for row in many.to_pylist():
        fired = [name for name in DETECTORS if row[f"TAIL_{name}"] is not None and row[f"TAIL_{name}"] >= 0.5]
        assert row["FOUND_BY"] == (",".join(fired) or None)


def test_unknown_is_null_and_never_nan(tables):
    catalog = put_together(tables)
    for name in catalog.column_names:
        if pa.types.is_floating(catalog[name].type):
            assert not pc.any(pc.is_nan(catalog[name])).as_py()
    assert catalog["SCORE_CHI2"].null_count == catalog["RANK"].null_count > 0
    assert pc.all(pc.equal(catalog["SPLIT"].filter(pc.is_valid(catalog["P_VALUE"])), "TEST")).as_py()


def test_quality_bits_of_all_stages_are_kept(tables):
    assert set(put_together(tables)["QUALITY"].to_pylist()) == {1024 | 2}


def test_what_ingest_found_wins_over_the_sample(tables):
    assert put_together(tables)["EBV"].null_count == 0


def test_a_detector_of_another_has_its_columns_after_ours(tables):
    tables["score"] = tables["score"].append_column("SCORE_ZZ", tables["score"]["SCORE_KL"])
    for name in ("RANK", "TAIL"):
        table = tables["significance"]
        tables["significance"] = table.append_column(f"{name}_ZZ", table[f"{name}_KL"])
    names = put_together(tables).column_names
    assert names.index(f"TAIL_{list(DETECTORS)[-1]}") + 1 == names.index("SCORE_ZZ")


@pytest.mark.parametrize("name", ["prepare", "score", "significance"])
def test_a_missing_row_is_refused_by_the_name_of_its_table(tables, name):
    tables[name] = tables[name][1:]
    with pytest.raises(DataError, match=f"the table of {name} lacks 1 TARGETIDs"):
        put_together(tables)


@pytest.mark.parametrize("name", ["sample", "score"])
def test_a_row_that_stands_twice_is_refused(tables, name):
    tables[name] = pa.concat_tables([tables[name], tables[name][:1]])
    with pytest.raises(DataError, match=f"the table of {name} holds TARGETID .* 2 times"):
        put_together(tables)


def test_a_missing_column_is_refused_with_the_stage_that_owes_it(tables):
    tables["significance"] = tables["significance"].drop_columns(["P_VALUE"])
    with pytest.raises(DataError, match="P_VALUE; the stage significance"):
        put_together(tables)


def test_an_empty_sample_gives_an_empty_catalog(tables):
    catalog = put_together({name: table[:0] for name, table in tables.items()})
    assert catalog.num_rows == 0
    assert catalog.column_names == [column.name for column in COLUMNS]


def test_names_are_cut_not_rounded():
    names = desi_name(np.array([0.99999, 123.4567, 359.00009]), np.array([-1e-5, 5.67899, -89.9999]))
    assert names.tolist() == ["DESI J000.9999-00.0000", "DESI J123.4567+05.6789", "DESI J359.0000-89.9999"]
