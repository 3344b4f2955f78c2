import json

import numpy as np
import pytest
from scipy.stats import betabinom, nbinom

from oddqso.significance.certificate import UNIFORM, certify, false_positives, quantile
from oddqso.significance.params import SignificanceParams
from oddqso.significance.standing import calibrated, standings

PARAMS = SignificanceParams()


def tiers_of(score, calibration, odd=None, *, group=None, held=None, false_alarm=0.0, params=PARAMS):
    score, calibration = np.asarray(score, float), np.asarray(calibration, float)
    group = np.full(len(score), "all") if group is None else group
    held = np.full(len(calibration), "all") if held is None else held
    groups = standings(score, group, calibration, held, odd, odd)
    _, q = calibrated(groups, len(score), params)
    return certify(groups, q, params, false_alarm), q


@pytest.mark.parametrize(("m", "k", "n"), [(50, 0, 20), (1200, 3, 400), (7, 5, 6), (30_000, 40, 10_000)])
def test_the_law_of_false_positives_is_a_beta_binomial(m, k, n):
    law = false_positives(m, k, n)
    np.testing.assert_allclose(law, betabinom.pmf(np.arange(len(law)), m, k + 1, n - k), rtol=1e-4, atol=1e-12)
    for level in (0.95, UNIFORM):
        assert quantile(law, level) == betabinom.ppf(level, m, k + 1, n - k)


def test_a_list_says_what_it_was_made_from():
    (gold, silver, bronze), q = tiers_of(np.r_[np.arange(900), np.full(100, 1e6)], np.arange(999))
    assert [t.name for t in (gold, silver, bronze)] == ["gold", "silver", "bronze"]
    assert gold.n_listed == (q <= 0.01).sum() == 100
    (part,) = gold.groups
    assert (part.cut, part.n_above, part.n_calibration, part.n_test) == (1e6, 0, 999, 1000)
    assert gold.fdp_95 == betabinom.ppf(UNIFORM, 1000, 1, 999) / 100
    json.dumps([t.as_dict() for t in (gold, silver, bronze)], allow_nan=False)


def test_tiers_hold_the_stricter_ones_and_their_limits_are_above_the_rate_that_they_expect():
    rng = np.random.default_rng(0)
    made, _ = tiers_of(np.r_[rng.normal(size=20_000), rng.normal(5, 1, 600)], rng.normal(size=20_000))
    assert np.all(np.diff([t.n_listed for t in made]) >= 0)
    assert all(t.expected_false / t.n_listed <= min(t.fdp_95, t.alpha * (1 + 1e-9)) for t in made)


def test_what_vetters_err_makes_lists_shorter_and_limits_larger():
    rng = np.random.default_rng(1)
    score, calibration = np.r_[rng.normal(size=20_000), rng.normal(5, 1, 600)], rng.normal(size=20_000)
    calibration[:50] += 6
    odd = np.arange(20_000) < 50
    sure, _ = tiers_of(score, calibration, odd)
    unsure, _ = tiers_of(score, calibration, odd, false_alarm=0.3)
    assert unsure[2].alpha_applied == pytest.approx(0.07)
    assert unsure[2].n_listed < sure[2].n_listed
    assert unsure[2].fdp_95 * unsure[2].n_listed >= 1.1 * unsure[2].expected_false


def test_p_values_are_enlarged_only_where_something_was_taken_out():
    group, held = np.repeat(["a", "b"], 50), np.repeat(["a", "b"], 99)
    score, calibration = np.tile(np.arange(50.0), 2) + 200, np.tile(np.arange(99.0), 2)
    odd = np.arange(198) == 98
    groups = standings(score, group, calibration, held, odd, odd)
    p, _ = calibrated(groups, 100, PARAMS)
    assert p[0] == pytest.approx(1 / 99 / 0.99)
    assert p[-1] == pytest.approx(1 / 100)


def test_a_group_without_calibration_is_on_no_list():
    group = np.repeat(["a", "b"], [1000, 500])
    made, _ = tiers_of(
        np.r_[np.arange(900), np.full(600, 1e6)], np.arange(5000) / 10, group=group, held=np.full(5000, "a")
    )
    empty = made[2].groups[1]
    assert (empty.name, empty.cut, empty.n_listed, empty.fdp_95) == ("b", None, 0, None)
    assert made[2].n_listed >= 100


def test_without_calibration_or_tests_no_list_and_no_crash():
    for score, calibration in (([], [1, 2]), ([1, 2], []), ([], [])):
        made, _ = tiers_of(score, calibration)
        assert all(t.n_listed == 0 and t.fdp_95 is None for t in made)


def test_ties_count_against_the_list():
    made, _ = tiers_of(np.full(100, 5.0), np.full(1000, 5.0))
    assert made[2].n_listed == 0


def test_all_of_calibration_odd_is_no_promise():
    odd = np.ones(40, bool)
    made, _ = tiers_of(np.arange(40) + 10.0, np.arange(40), odd)
    assert made[2].n_listed == 0
    assert made[2].groups[0].n_calibration == 0


def test_several_groups_are_one_sum():
    group, held = np.repeat(["a", "b"], 1000), np.repeat(["a", "b"], 999)
    score = np.tile(np.r_[np.arange(900), np.full(100, 1e6)], 2)
    made, _ = tiers_of(score, np.tile(np.arange(999), 2), group=group, held=held)
    rng = np.random.default_rng(0)
    drawn = sum(rng.binomial(1000, rng.beta(1, 999, 200_000)) for _ in range(2))
    assert made[0].fdp_95 * made[0].n_listed == np.quantile(drawn, UNIFORM)


@pytest.mark.parametrize("ratio", [0.3, 1.0, 3.0, 30.0])
def test_the_limit_holds_at_whichever_cut_is_chosen(ratio):
    """The worst cut of each of many surveys: false positives between calibration scores are a Polya urn's."""
    rng = np.random.default_rng(0)
    counts = np.cumsum(rng.geometric(1 / (1 + ratio), (4000, 1001)) - 1, axis=1)  # above the (K+1)-th largest score
    limits = nbinom.ppf(UNIFORM, np.arange(1, 1002), 1 / (1 + ratio))
    held = (counts <= limits).all(axis=1).mean()
    assert 0.95 - 3 * np.sqrt(0.95 * 0.05 / 4000) <= held <= 0.98


def test_another_rate_has_its_own_name():
    made, _ = tiers_of([1.0], [2.0], params=SignificanceParams(alphas=(0.02, 0.1)))
    assert [t.name for t in made] == ["FDR 2%", "bronze"]
