import json

import numpy as np
import pytest

from oddqso.errors import DataError
from oddqso.validation.gate import judge, widened, within_groups
from oddqso.validation.naive import NAIVE
from oddqso.validation.pool import NULL, Composition, Lists, Pool, draw, draws


def make_pool(n=2000, n_odd=100, groups=("all",)):
    odd = np.arange(n) < n_odd
    rng = np.random.default_rng(0)
    return Pool(np.arange(n), rng.exponential(size=n) + 8 * odd, rng.choice(groups, n), odd)


def clairvoyant(calibration, test, alphas, rng):
    """Calls the odd ones, and one ordinary one more at the last rate."""
    called = np.tile(test.odd, (len(alphas), 1))
    called[-1, np.flatnonzero(~test.odd)[0]] = True
    return Lists(called, np.full(len(alphas), 0.5))


def through(method, pool, composition, *, alphas=(0.01, 0.1), n=20, by_group=False):
    replicates = draws(pool, composition, 0.3, n, np.random.default_rng(1))
    return judge(method, replicates, alphas, composition.name, np.random.default_rng(2), by_group=by_group)


def test_a_draw_parts_the_pool_and_names_none_twice():
    calibration, test = draw(make_pool(), Composition("all", ordinary_share=1.0), 0.3, np.random.default_rng(0))
    assert sorted([*calibration, *test]) == list(range(2000))
    assert len(calibration) == 600


def test_a_composition_has_the_share_of_odd_ones_that_it_names():
    pool = make_pool()
    for share in (0.02, 0.3):
        rows = np.concatenate(draw(pool, Composition("made", share), 0.3, np.random.default_rng(0)))
        assert pool.odd[rows].mean() == pytest.approx(share, abs=0.002)
    assert not pool.odd[np.concatenate(draw(pool, NULL, 0.3, np.random.default_rng(0)))].any()


def test_a_composition_may_have_its_own_share_of_calibration():
    calibration, test = draw(make_pool(), Composition("c", calibration_share=0.7), 0.3, np.random.default_rng(0))
    assert len(calibration) / (len(calibration) + len(test)) == pytest.approx(0.7, abs=0.01)


def test_truth_gives_full_power_and_no_false_discovery():
    first, last = through(clairvoyant, make_pool(), Composition("as it is"))
    assert (first.fdr, first.power, first.holds) == (0.0, 1.0, True)
    assert 0 < last.fdr < 0.1


def test_at_the_null_one_call_is_one_broken_promise():
    last = through(clairvoyant, make_pool(), NULL)[-1]
    assert (last.fdr, last.holds) == (1.0, False)


def test_a_limit_that_does_not_hold_is_noticed():
    def boasting(calibration, test, alphas, rng):
        return Lists(clairvoyant(calibration, test, alphas, rng).called, np.zeros(len(alphas)))

    first, last = through(boasting, make_pool(), Composition("as it is"))
    assert (first.fdp_95_held, first.holds) == (1.0, True)
    assert json.loads(json.dumps(last.as_dict()))["holds"] is False
    assert (last.fdp_95_held, last.holds) == (0.0, False)


def test_a_claim_by_group_is_judged_in_each():
    rates = through(clairvoyant, make_pool(groups=("faint", "bright")), Composition("as it is"), by_group=True)
    assert {rate.group for rate in rates} == {"all", "faint", "bright"}


@pytest.mark.parametrize("name", NAIVE)
def test_a_method_by_groups_needs_calibration_in_each(name):
    pool = make_pool(200, 10, ("faint", "bright"))
    test = pool[np.arange(200)]
    calibration = pool[pool.group == "faint"]
    called = within_groups(NAIVE[name])(calibration, test, (0.1,), np.random.default_rng(0)).called
    assert called.shape == (1, 200)
    assert not called[:, test.group == "bright"].any()


def test_a_boast_calls_at_a_rate_what_the_method_calls_at_twice_the_rate():
    pool = make_pool()
    plain = NAIVE["mad_z_score"](pool, pool, (0.1,), np.random.default_rng(0)).called
    boast = widened(NAIVE["mad_z_score"], 2.0)(pool, pool, (0.05,), np.random.default_rng(0)).called
    np.testing.assert_array_equal(plain, boast)


def test_a_pool_with_unknown_scores_or_ragged_columns_is_refused():
    with pytest.raises(DataError, match="not finite"):
        Pool(np.arange(2), np.array([1.0, np.nan]), np.array(["a", "a"]), np.zeros(2, bool))
    with pytest.raises(DataError, match="different lengths"):
        Pool(np.arange(2), np.ones(3), np.array(["a", "a"]), np.zeros(2, bool))
