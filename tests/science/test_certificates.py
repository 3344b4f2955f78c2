"""Vetted certificates on simulated scores with known truth: what each tier promises, with vetters who err or do not.

Scores are what the normalization gives: alike for ordinary spectra everywhere, with two groups. An oracle goes down
each group's calibration until the stop rule.
"""

from functools import cache

import numpy as np
import pytest

from oddqso.significance.certificate import certify
from oddqso.significance.params import SignificanceParams
from oddqso.significance.progress import progress
from oddqso.significance.standing import calibrated, standings

pytestmark = pytest.mark.slow

PARAMS = SignificanceParams()
N_REPLICATES, N_TEST, N_CALIBRATION = 100, 12_000, 20_000


def simulate(rng, n, odd_share, strength):
    """Scores, groups and truth of n spectra; odd ones are stronger on average, and many of them hidden."""
    odd = rng.random(n) < odd_share
    score = rng.exponential(0.434, n) + odd * rng.gamma(3, strength / 3, n)
    return score, rng.choice(["strict", "permissive"], n, p=[0.85, 0.15]), odd


def vet(test, calibration, rng, miss, false_alarm):
    """Groups after an oracle has looked, twenty at a time, until the stop rule."""
    score, group, _ = test
    held, held_group, truth = calibration
    verdict = np.where(truth, rng.random(len(truth)) >= miss, rng.random(len(truth)) < false_alarm)
    seen = np.zeros(len(held), bool)
    order = {name: np.flatnonzero(held_group == name)[np.argsort(-held[held_group == name])] for name in set(group)}
    depth = dict.fromkeys(order, 0)
    while True:
        groups = standings(score, group, held, held_group, seen & verdict, seen)
        left = [g.name for g in groups if not progress(g, PARAMS).may_stop]
        if not left:
            return groups
        for name in left:
            depth[name] += 40 if name == "strict" else 10
            seen[order[name][: depth[name]]] = True


@cache
def replicates(odd_share, strength, miss=0.0, false_alarm=0.0, promised=0.0):
    """False share, its 95 % limit (NaN for an empty list) and power, (n_replicates, 3) each."""
    rng = np.random.default_rng(round(1e6 * odd_share) + round(100 * strength))
    share, limit, power = (np.full((N_REPLICATES, 3), np.nan) for _ in range(3))
    for k in range(N_REPLICATES):
        test = simulate(rng, N_TEST, odd_share, strength)
        groups = vet(test, simulate(rng, N_CALIBRATION, odd_share, strength), rng, miss, false_alarm)
        _, q = calibrated(groups, N_TEST, PARAMS)
        for j, tier in enumerate(certify(groups, q, PARAMS, promised)):
            listed = q <= tier.alpha_applied
            share[k, j] = (listed & ~test[2]).sum() / max(listed.sum(), 1)
            power[k, j] = (listed & test[2]).sum() / max(test[2].sum(), 1)
            limit[k, j] = np.nan if tier.fdp_95 is None else tier.fdp_95
    return share, limit, power


SURVEYS = [(0.02, 3.0), (0.02, 5.0)]
PEOPLE = [(0.0, 0.0, 0.0), (0.05, 0.02, 0.02)]


@pytest.mark.parametrize("people", PEOPLE)
@pytest.mark.parametrize("survey", SURVEYS)
def test_the_mean_false_share_of_each_tier_is_what_it_promises(survey, people):
    share, _, _ = replicates(*survey, *people)
    error = share.std(axis=0, ddof=1) / np.sqrt(N_REPLICATES)
    assert np.all(share.mean(axis=0) <= np.array(PARAMS.alphas) + 2 * error)


@pytest.mark.parametrize("people", PEOPLE)
@pytest.mark.parametrize("survey", SURVEYS)
def test_the_limit_of_a_list_holds_for_19_in_20(survey, people):
    share, limit, _ = replicates(*survey, *people)
    for j in range(3):
        found = np.isfinite(limit[:, j])
        if found.sum() >= 20:
            held = (share[found, j] <= limit[found, j] + 1e-12).mean()
            assert held >= 0.95 - 2 * np.sqrt(0.95 * 0.05 / found.sum())


def test_every_tier_exists():
    _, limit, power = replicates(*SURVEYS[1])
    assert np.all(np.isfinite(limit).mean(axis=0) > 0.9)
    assert np.all(power.mean(axis=0) > 0.2)
