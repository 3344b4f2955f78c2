import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from oddqso.errors import ConfigError, DataError
from oddqso.significance.apply import apply_maps, flat_maps
from oddqso.significance.assess import assess
from oddqso.significance.params import NormalizeParams, SignificanceParams

sys.path.insert(0, str(Path(__file__).parent))
from made_scores import NAMES, make_table

PARAMS = SignificanceParams()


FACTS = ["TARGETID", "Z", "SNR", "COVERAGE", "STRICT", "QUALITY", *(f"SCORE_{name}" for name in NAMES)]


def apply(table, made, params=PARAMS):
    return apply_maps(table.select(FACTS), flat_maps(made.tail_maps), params)


def held_out(table):
    return np.flatnonzero(table["SPLIT"].to_numpy(zero_copy_only=False) != "FIT")


@pytest.fixture(scope="module")
def table():
    return make_table()


@pytest.fixture(scope="module")
def made(table):
    return assess(table, PARAMS)


@pytest.mark.parametrize("learn_from", ["held_out", "fit"])
def test_a_runs_own_spectra_get_the_runs_own_scores_exactly(table, learn_from):
    params = SignificanceParams(normalize=NormalizeParams(learn_from=learn_from))
    made, rows = assess(table, params), held_out(table)
    applied = apply(table.take(rows), made, params)
    assert applied.equals(made.table.take(rows).select(applied.column_names))


def test_a_row_alone_gets_the_score_that_it_gets_in_company(table, made):
    for row in held_out(table)[:5]:
        assert apply(table.slice(row, 1), made)["SCORE"].equals(made.table["SCORE"].slice(row, 1))


def test_a_new_kind_of_spectrum_borrows_the_map_of_all(table):
    strict = table.filter(table["STRICT"])
    made = assess(strict, PARAMS)
    others = table.filter(np.logical_not(table["STRICT"].to_numpy(zero_copy_only=False)))
    known = others["QUALITY"].to_numpy() == 0
    np.testing.assert_array_equal(~apply(others, made)["SCORE"].is_null().to_numpy(), known)


def test_what_cannot_be_scored_is_null(table, made):
    blank = table.slice(0, 4)
    flagged = blank.set_column(6, "QUALITY", pa.array(np.full(4, 1 << 31, np.uint32)))
    assert blank.column_names[6] == "QUALITY"
    applied = apply(blank, made)
    assert applied["SCORE"].null_count == 0
    assert apply(flagged, made).num_rows == 4
    assert apply(table.slice(0, 0), made).num_rows == 0


def test_missing_columns_maps_and_detectors_are_refused(table, made):
    few = table.select(FACTS)
    with pytest.raises(DataError, match="without SNR"):
        apply_maps(few.drop_columns(["SNR"]), flat_maps(made.tail_maps), PARAMS)
    with pytest.raises(ConfigError, match="merged names GMM"):
        apply_maps(few.drop_columns(["SCORE_GMM"]), flat_maps(made.tail_maps), PARAMS)
    without = {name: maps for name, maps in made.tail_maps.items() if name != "KL"}
    with pytest.raises(DataError, match="no normalization for KL"):
        apply_maps(few, flat_maps(without), PARAMS)
