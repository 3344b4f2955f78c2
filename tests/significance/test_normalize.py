import numpy as np
import pytest

from oddqso.significance.flatness import flatness
from oddqso.significance.normalize import TailMap, fit_tail_map
from oddqso.significance.params import NormalizeParams

PARAMS = NormalizeParams()


def population(n, seed):
    """log S/N, z and a score that grows and widens with S/N and depends on z."""
    rng = np.random.default_rng(seed)
    log_snr, z = rng.normal(0.3, 0.35, n), rng.uniform(0.8, 3.5, n)
    return rng.gumbel(0, 1, n) * 10**log_snr + 3 * 10**log_snr + (z > 2.2) * z, log_snr, z


@pytest.mark.parametrize(("n", "worst"), [(200, 0.25), (2000, 0.12), (40_000, 0.04)])
def test_brightness_and_redshift_drop_out(n, worst):
    tail_map = fit_tail_map(*population(n, 1), PARAMS)
    score, log_snr, z = population(20_000, 2)
    axes = {"snr": log_snr, "z": z}
    raw, flat = flatness(score, axes), flatness(-np.log10(tail_map(score, log_snr, z)), axes)
    assert raw["spearman_snr"] > 0.4
    assert abs(flat["spearman_snr"]) < worst
    assert abs(flat["spearman_z"]) < worst


def test_it_is_nearly_uniform_where_it_was_not_fitted():
    tail_map = fit_tail_map(*population(40_000, 1), PARAMS)
    p_hat = tail_map(*population(40_000, 2))
    for level in (0.5, 0.1, 0.01):
        assert (p_hat <= level).mean() == pytest.approx(level, rel=0.25)


def test_odder_is_less_probable_everywhere():
    tail_map = fit_tail_map(*population(3000, 1), PARAMS)
    score = np.linspace(-20, 1e4, 5000)
    for log_snr, z in [(0.3, 1.5), (-2.0, 0.1), (3.0, 6.0)]:
        p_hat = tail_map(score, np.full(5000, log_snr), np.full(5000, z))
        assert (np.diff(p_hat) <= 0).all()
        assert ((p_hat > 0) & (p_hat <= 1)).all()
        assert p_hat[-1] < p_hat[-2]  # no ceiling: the oddest can still be told apart


def test_a_power_law_is_continued():
    rng = np.random.default_rng(0)
    n, log_snr, z = 100_000, rng.normal(0, 0.01, 100_000), rng.uniform(1, 1.01, 100_000)
    tail_map = fit_tail_map(rng.pareto(2, n), log_snr, z, PARAMS)
    truth = np.array([1e-2, 1e-3, 1e-5, 1e-7])  # the last a hundred times rarer than anything that was seen
    places = np.tile(log_snr[:200], (4, 1)), np.tile(z[:200], (4, 1))
    p_hat = tail_map(np.repeat(truth**-0.5 - 1, 200), *(x.ravel() for x in places)).reshape(4, 200)
    p_hat = np.exp(np.log(p_hat).mean(axis=1))
    assert (np.abs(np.log10(p_hat / truth)) < [0.1, 0.4, 1.2, 2.1]).all()
    assert (p_hat >= truth / 1.3).all()  # and on the careful side


def test_a_lighter_tail_is_not_trusted():
    rng = np.random.default_rng(0)
    n, log_snr, z = 100_000, rng.normal(0, 0.01, 100_000), rng.uniform(1, 1.01, 100_000)
    p_hat = fit_tail_map(rng.exponential(1, n), log_snr, z, PARAMS)(np.array([7.0, 14.0]), np.zeros(2), np.ones(2))
    assert (p_hat > np.exp([-7.0, -14.0])).all()


def test_rescaling_a_score_changes_nothing():
    score, log_snr, z = population(1000, 3)
    other = fit_tail_map(1000 * score + 77, log_snr, z, PARAMS)(1000 * score + 77, log_snr, z)
    np.testing.assert_allclose(other, fit_tail_map(score, log_snr, z, PARAMS)(score, log_snr, z), rtol=1e-6)


def test_order_and_company_change_nothing():
    score, log_snr, z = population(1000, 3)
    order = np.random.default_rng(0).permutation(1000)
    tail_map, shuffled = (
        fit_tail_map(score, log_snr, z, PARAMS),
        fit_tail_map(score[order], log_snr[order], z[order], PARAMS),
    )
    np.testing.assert_allclose(shuffled(score, log_snr, z), tail_map(score, log_snr, z), rtol=1e-6)
    np.testing.assert_array_equal(tail_map(score[:7], log_snr[:7], z[:7]), tail_map(score, log_snr, z)[:7])


def test_what_is_not_known_has_no_probability():
    tail_map = fit_tail_map(*population(500, 1), PARAMS)
    p_hat = tail_map(np.array([np.nan, 1, 1, 1]), np.array([0, np.nan, 0, -np.inf]), np.array([1, 1, np.nan, 1]))
    assert np.isnan(p_hat).all()


def test_a_score_that_never_varies_is_no_division_by_zero():
    tail_map = fit_tail_map(np.ones(300), *population(300, 1)[1:], PARAMS)
    p_hat = tail_map(np.array([0.0, 1.0, 2.0]), np.zeros(3), np.full(3, 2.0))
    assert np.isfinite(p_hat).all()
    assert p_hat[0] >= p_hat[1] > p_hat[2]


@pytest.mark.parametrize("n", [2, 3, 20])
def test_very_few_spectra_still_give_an_order(n):
    score, log_snr, z = population(n, 5)
    p_hat = fit_tail_map(score, log_snr, z, PARAMS)(np.array([-1e3, 1e6]), np.full(2, 0.3), np.full(2, 2.0))
    assert p_hat[1] < p_hat[0]


def test_one_redshift_for_all_is_allowed():
    score, log_snr, _ = population(500, 1)
    assert np.isfinite(fit_tail_map(score, log_snr, np.full(500, 2.0), PARAMS)(score, log_snr, np.full(500, 2.0))).all()


def test_a_few_odd_ones_do_not_move_the_bulk():
    score, log_snr, z = population(5000, 1)
    spoiled = score.copy()
    spoiled[:25] += 1e4
    clean, other = (fit_tail_map(s, log_snr, z, PARAMS)(score[25:], log_snr[25:], z[25:]) for s in (score, spoiled))
    assert np.quantile(np.abs(other - clean), 0.99) < 0.05


def test_arrays_and_back():
    score, log_snr, z = population(800, 1)
    tail_map = fit_tail_map(score, log_snr, z, PARAMS)
    again = TailMap.from_arrays(tail_map.to_arrays())
    np.testing.assert_array_equal(again(score, log_snr, z), tail_map(score, log_snr, z))


def test_a_lone_spectrum_at_the_edge_is_not_its_own_measure():
    """One quasar far from all others in redshift, and far odder, stays odd: the map is not bent to meet it."""
    rng = np.random.default_rng(3)
    z, log_snr = np.append(rng.uniform(0.8, 3.0, 400), 5.4), np.append(rng.normal(0.3, 0.3, 400), 0.9)
    score = np.append(rng.normal(0, 1, 400) + z[:-1] ** 2, 300.0)
    tail = fit_tail_map(score, log_snr, z, NormalizeParams())(score, log_snr, z)
    assert np.argmin(tail) == 400
    assert tail[400] < 0.01
