"""The gate on pools with known truth: it lets our method through, stops naive ones, and notices a boast."""

import numpy as np
import pytest

from oddqso.significance.params import SignificanceParams
from oddqso.validation.audit import coverage
from oddqso.validation.entrapment import agreement
from oddqso.validation.gate import judge, widened, within_groups
from oddqso.validation.naive import NAIVE
from oddqso.validation.pool import COMPOSITIONS, NULL, Composition, Pool, draws
from oddqso.validation.vetted import Vetters, vetted

pytestmark = pytest.mark.slow

ALPHAS = (0.01, 0.05, 0.10)
AS_IT_IS = Composition("as it is")
CAREFUL = Vetters(miss=0.02, false_alarm=0.01, control_share=0.3)


def make_pool(n_spec=24_000, odd_share=0.06, strength=6.0, seed=1):
    """Scores as the merge gives them, exponential for the ordinary; odd ones lie far out, some of them."""
    rng = np.random.default_rng(seed)
    odd = rng.random(n_spec) < odd_share
    score = rng.exponential(1 / np.log(10), n_spec) + odd * rng.exponential(strength, n_spec)
    group = rng.choice(["S/N 0-2", "S/N 2-inf"], n_spec, p=[0.6, 0.4])
    return Pool(np.arange(n_spec), score + 0.3 * (group == "S/N 2-inf"), group, odd)


@pytest.fixture(scope="module")
def pool():
    return make_pool()


def through(method, pool, composition, n=100, *, by_group=False, share=0.45):
    replicates = draws(pool, composition, share, n, np.random.default_rng(2))
    return judge(method, replicates, ALPHAS, composition.name, np.random.default_rng(3), by_group=by_group)


@pytest.mark.parametrize("composition", [*COMPOSITIONS, NULL], ids=lambda c: c.name)
def test_our_lists_keep_their_promise_whatever_the_survey_is_made_of(pool, composition):
    assert all(rate.holds for rate in through(vetted(SignificanceParams(), CAREFUL), pool, composition))


def test_and_they_find_much_at_every_rate(pool):
    rates = through(vetted(SignificanceParams(), Vetters(0.0, 0.01, control_share=0.3)), pool, AS_IT_IS)
    assert [rate.power > least for rate, least in zip(rates, (0.2, 0.5, 0.5), strict=True)] == [True] * 3


def test_a_claim_in_each_group_holds_in_each(pool):
    method = vetted(SignificanceParams(group_snr=(2.0,), q_within_groups=True), CAREFUL)
    rates = through(method, pool, AS_IT_IS, by_group=True)
    assert {rate.group for rate in rates} == {"all", "S/N 0-2", "S/N 2-inf"}
    assert all(rate.holds for rate in rates)


@pytest.mark.parametrize("vetters", [Vetters(0.0, 0.0), Vetters(0.3, 0.0), Vetters(0.0, 0.2)])
def test_vetters_who_err_cost_discoveries_and_not_the_promise(pool, vetters):
    assert all(rate.holds for rate in through(vetted(SignificanceParams(), vetters), pool, AS_IT_IS))


@pytest.mark.parametrize("name", NAIVE)
def test_naive_methods_fail_or_are_silent(pool, name):
    rates = [rate for made_of in (*COMPOSITIONS, NULL) for rate in through(NAIVE[name], pool, made_of, 20)]
    silent = not any(rate.power > 0 for rate in rates)
    assert silent == (name == "self_rank_adjusted")
    assert silent or not all(rate.holds for rate in rates)


def test_naive_methods_do_not_pass_group_by_group_either(pool):
    rates = through(within_groups(NAIVE["same_score_trimming"]), pool, COMPOSITIONS[2], 20, by_group=True)
    assert not any(rate.holds for rate in rates if rate.alpha == 0.05 and rate.n_lists > 10)


@pytest.mark.parametrize("factor", [2.0, 3.0])
def test_the_gate_notices_p_values_that_are_too_small(factor):
    pool = make_pool(odd_share=0.1)
    boast = widened(vetted(SignificanceParams(), Vetters(0.0, 0.0, control_share=3.0)), factor)
    assert not all(rate.holds for rate in through(boast, pool, AS_IT_IS))


def test_entrapment_is_no_lower_than_the_truth(pool):
    method = vetted(SignificanceParams(), CAREFUL)
    for found in agreement(pool, method, ALPHAS, 0.45, 0.2, 150, np.random.default_rng(4)):
        assert found.bounds
        assert found.estimated < 1.5 * found.realized + 0.01  # nor wastefully high


@pytest.mark.parametrize("n_false", [0, 3, 12, 60])
def test_audit_bounds_cover_19_of_20_times(n_false):
    held = coverage(600, n_false, 120, 4000, np.random.default_rng(5))
    assert min(held.values()) >= 0.95 - 2 * np.sqrt(0.95 * 0.05 / 4000)
