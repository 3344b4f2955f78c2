import numpy as np
import pytest

from oddqso.validation.logistic import fit_logistic


def planted(n, half, width, eps=1.0, seed=0, low=1.0, high=100.0):
    rng = np.random.default_rng(seed)
    amplitude = np.exp(rng.uniform(np.log(low), np.log(high), n))
    p = eps / (1 + np.exp(-(np.log(amplitude) - np.log(half)) / width))
    return amplitude, rng.uniform(size=n) < p


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
