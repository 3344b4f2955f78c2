import numpy as np
import pytest

from oddqso.shares import share_interval
from oddqso.validation.efficiency import binned, fit_logistic, fpr_cut, make_cut, mean_over_classes, share


def planted(n, half, width, eps=1.0, seed=0, low=1.0, high=100.0):
    rng = np.random.default_rng(seed)
    amplitude = np.exp(rng.uniform(np.log(low), np.log(high), n))
    p = eps / (1 + np.exp(-(np.log(amplitude) - np.log(half)) / width))
    return amplitude, rng.uniform(size=n) < p


@pytest.mark.parametrize("p", [0.02, 0.3, 0.75, 0.99])
def test_jeffreys_bands_hold_the_truth_as_often_as_they_say(p):
    """On average over nearby truths, which is what the interval promises (Brown, Cai & DasGupta 2001)."""
    rng = np.random.default_rng(1)
    truths = np.clip(p + rng.uniform(-0.02, 0.02, 3000), 0.002, 0.998)
    held = [low <= t <= high for t in truths for low, high in [share_interval(rng.binomial(60, t), 60)]]
    assert 0.93 < np.mean(held) < 0.985


def test_half_amplitude_is_recovered():
    fit = fit_logistic(*planted(2000, 9.0, 0.4), 1.0, 100.0)
    assert fit.a50.low < 9.0 < fit.a50.high
    assert fit.a50.value == pytest.approx(9.0, rel=0.12)
    assert fit.a90.value == pytest.approx(9.0 * np.exp(0.4 * np.log(9)), rel=0.2)
    assert fit.eps_max > 0.96


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    held = []
    for seed in range(120):
        a50 = fit_logistic(*planted(200, 9.0, 0.5, seed=seed), 1.0, 100.0).a50
        held.append((a50.low or 0.0) <= 9.0 <= (a50.high or np.inf))
    assert np.mean(held) > 0.88


def test_a_plateau_is_no_half_amplitude():
    fit = fit_logistic(*planted(1500, 5.0, 0.3, eps=0.4), 1.0, 100.0)
    assert fit.eps_max_low < 0.4 < fit.eps_max_high
    assert fit.a50.value is None
    assert "not reached in 1-100" in fit.a50.reason


def test_what_is_always_found_has_no_half_amplitude_in_range():
    amplitude, _ = planted(300, 1.0, 0.1)
    fit = fit_logistic(amplitude, np.ones(300, bool), 1.0, 100.0)
    assert fit.a50.value is None
    assert "above it in all" in fit.a50.reason


def test_where_small_is_odd_the_curve_falls():
    amplitude, found = planted(2000, 9.0, 0.4)
    fit = fit_logistic(100.0 / amplitude, found, 1.0, 100.0, falling=True)
    assert fit.width < 0
    assert fit.a50.value == pytest.approx(100.0 / 9.0, rel=0.12)
    assert fit.a50.low < 100.0 / 9.0 < fit.a50.high
    assert fit(np.array([2.0]))[0] > 0.9 > 0.1 > fit(np.array([80.0]))[0]


def test_the_unit_of_the_amplitude_does_not_matter():
    amplitude, found = planted(500, 9.0, 0.4)
    one, thousand = fit_logistic(amplitude, found, 1.0, 100.0), fit_logistic(1e3 * amplitude, found, 1e3, 1e5)
    assert thousand.a50.value == pytest.approx(1e3 * one.a50.value)
    assert thousand.width == pytest.approx(one.width)


def test_too_few_injections_have_no_fit():
    assert fit_logistic(np.full(9, 2.0), np.ones(9, bool), 1.0, 3.0) is None


@pytest.mark.parametrize("found", [np.zeros(40, bool), np.ones(40, bool)])
def test_none_found_and_all_found_are_no_trouble(found):
    fit = fit_logistic(np.geomspace(1, 10, 40), found, 1.0, 10.0)
    assert 0 <= fit.eps_max <= 1


def test_a_cut_lets_no_more_through_than_it_says():
    score = np.random.default_rng(2).standard_normal(3000)
    for rate in (0.01, 0.001, 0.1):
        cut = fpr_cut(score, rate)
        assert cut.n_above <= rate * 3000
        assert cut.low <= cut.rate <= cut.high <= 1
        assert cut.upper < cut.high


def test_ties_do_not_pass_the_cut():
    assert fpr_cut(np.ones(500), 0.01).n_above == 0


def test_without_ordinary_spectra_nothing_is_flagged():
    cut = fpr_cut(np.array([]), 0.01)
    assert cut.value == np.inf
    assert cut.as_dict()["value"] is None
    assert cut.upper == 1.0


def test_scores_that_are_not_known_do_not_set_a_cut():
    assert make_cut("x", 0.5, np.array([np.nan, 1.0, 0.0])).n_ordinary == 2


def test_bins_share_out_everything_inside_once():
    values = np.array([0.0, 0.5, 1.0, 2.0, 3.0, 3.1])
    cells = binned(np.ones(6, bool), values, np.array([0.0, 1.0, 3.0]))
    assert [cell["n"] for cell in cells] == [2, 3]
    assert binned(np.zeros(0, bool), np.zeros(0), np.array([0.0, 1.0]))[0]["share"] is None


def test_the_mean_counts_classes_alike():
    many, few = share(np.ones(1000, bool)), share(np.zeros(10, bool))
    assert mean_over_classes([many, few])["mean"] == 0.5
    assert mean_over_classes([many, few, share(np.zeros(0, bool))])["n_class"] == 2
    assert mean_over_classes([])["mean"] is None
