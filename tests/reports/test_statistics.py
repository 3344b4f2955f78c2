import numpy as np
import pyarrow as pa
import pytest

from oddqso.reports import statistics
from oddqso.reports.statistics import agreement, counts, discoveries, flatness, p_value_figures, quality_counts


def test_counts_add_up(world):
    found = counts(world.catalog)
    assert found["n_fit"] + found["n_calibration"] + found["n_test"] == found["n"]
    assert found["n_tested"] <= found["n_test"]


def test_unknown_is_nan_and_never_zero(world):
    assert np.isnan(statistics.column(world.catalog, "P_VALUE")).sum() == world.catalog["P_VALUE"].null_count


def test_a_score_that_follows_snr_is_not_flat(world):
    scored = np.isfinite(statistics.column(world.catalog, "SCORE"))
    found = flatness(world.catalog, scored)
    assert found["SCORE_CHI2"]["snr"] > 0.5
    assert abs(found["TAIL_CHI2"]["snr"]) < 0.15
    assert set(found["SCORE"]) == {"snr", "z"}


def test_discoveries_grow_with_the_rate_and_the_shortest_list_shrinks(world):
    found = discoveries(world.catalog, [0.01, 0.1, 0.5])
    assert [row["n"] for row in found] == sorted(row["n"] for row in found)
    assert [row["r_min"] for row in found] == sorted((row["r_min"] for row in found), reverse=True)
    assert discoveries(world.catalog, [0.1], {0.1: 7})[0]["r_min"] == 7


def test_no_nonempty_list_is_shorter_than_the_shortest_possible(world):
    assert all(row["n"] == 0 or row["n"] >= row["r_min"] for row in discoveries(world.catalog, [0.05, 0.1, 0.3, 0.6]))


def test_every_list_agrees_with_itself(world):
    found = agreement(world.catalog, 20)
    assert all(found["overlap"][name][name] == 20 for name in found["overlap"])
    found_by = world.catalog["FOUND_BY"].to_pylist()
    assert found["alone"] == {name: found_by.count(name) for name in found["overlap"]}
    assert sum(found["alone"].values()) > 0


def test_no_p_values_give_no_figures():
    assert p_value_figures(np.empty(0)) == {"n": 0}


def test_bits_that_none_bears_are_left_out():
    assert quality_counts(pa.table({"QUALITY": pa.array([0, 2, 6], pa.int32())})) == {"MISSING_B": 2, "MISSING_R": 1}


def test_flatness_of_a_constant_is_unknown(world):
    n = world.catalog.num_rows
    flat = world.catalog.set_column(
        world.catalog.column_names.index("SCORE"), "SCORE", pa.array(np.ones(n, np.float32))
    )
    assert flatness(flat, np.ones(n, bool))["SCORE"]["snr"] is None
    assert flatness(flat, np.zeros(n, bool))["SCORE_GMM"]["z"] is None


def test_quantiles_of_nothing_are_nothing():
    x, y = statistics.running_quantiles(np.empty(0), np.empty(0), [0.5])
    assert len(x) == 0
    assert y.shape == (1, 0)
    assert statistics.p_value_figures(np.array([0.5]))["n"] == pytest.approx(1)
