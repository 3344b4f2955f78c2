import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from oddqso.significance.crossfit import cross_fitted, cross_fitted_flatness
from oddqso.significance.flatness import flatness
from oddqso.significance.params import NormalizeParams, SignificanceParams

sys.path.insert(0, str(Path(__file__).parent))
from made_scores import NAMES, make_table

PARAMS = SignificanceParams(merged=NAMES[:6])


def columns(table, *names):
    return [table[name].to_numpy(zero_copy_only=False) for name in names]


def test_held_out_spectra_have_a_score_and_fit_spectra_have_none():
    table = make_table(600)
    split, quality = columns(table, "SPLIT", "QUALITY")
    np.testing.assert_array_equal(np.isfinite(cross_fitted(table, PARAMS)), (split != "FIT") & (quality == 0))


def test_no_spectrum_teaches_its_own_score():
    table = make_table(600)
    before = cross_fitted(table, PARAMS)
    row = int(np.flatnonzero(np.isfinite(before))[20])
    louder = table["SCORE_GMM"].to_numpy(zero_copy_only=False).copy()
    louder[row] += 1000
    after = cross_fitted(table.set_column(table.column_names.index("SCORE_GMM"), "SCORE_GMM", pa.array(louder)), PARAMS)
    same = before == after
    same[row] = False
    fit = np.isnan(before)
    assert after[row] > before[row]
    assert 0.3 < same[~fit].mean() < 0.7  # its own half was taught by the other


def test_order_does_not_matter():
    table = make_table(600)
    order = np.random.default_rng(0).permutation(600)
    np.testing.assert_allclose(
        cross_fitted(table.take(order), PARAMS), cross_fitted(table, PARAMS)[order], rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("learn_from", ["held_out", "fit"])
def test_scores_that_grow_with_brightness_come_out_flat(learn_from):
    table = make_table(4000, odd=0)
    params = PARAMS.model_copy(update={"normalize": NormalizeParams(learn_from=learn_from)})
    flat = cross_fitted_flatness(table, {"scale": columns(table, "SNR")[0]}, params)
    assert all(abs(flat[f"spearman_{name}"]) < 0.15 for name in ("snr", "z", "scale", "coverage"))
    assert sum(flat["top_snr"]) == pytest.approx(1)
    assert flat["n"] > 1500


def test_ties_of_an_axis_show_in_its_shares():
    flat = flatness(np.arange(1000.0), {"coverage": np.r_[np.full(900, 0.97), np.full(100, 0.5)]})
    assert flat["all_coverage"][0] == 0.1 or flat["all_coverage"] == [0.0, 0.1, 0.9]
    assert flatness(np.zeros(0), {"z": np.zeros(0)}) == {"n": 0, "spearman_z": None, "top_z": None, "all_z": None}


def test_without_held_out_spectra_nothing_is_measured():
    table = make_table(200)
    (split,) = columns(table, "SPLIT")
    assert cross_fitted_flatness(table.filter(split == "FIT"), {}, PARAMS)["n"] == 0
