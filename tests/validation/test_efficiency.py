import numpy as np
import pytest

from oddqso.shares import share_interval
from oddqso.validation.efficiency import binned, fpr_cut, make_cut, mean_over_classes, share


@pytest.mark.parametrize("p", [0.02, 0.3, 0.75, 0.99])
def test_jeffreys_bands_hold_the_truth_as_often_as_they_say(p):
    """On average over nearby truths, which is what the interval promises (Brown, Cai & DasGupta 2001)."""
    rng = np.random.default_rng(1)
    truths = np.clip(p + rng.uniform(-0.02, 0.02, 3000), 0.002, 0.998)
    held = [low <= t <= high for t in truths for low, high in [share_interval(rng.binomial(60, t), 60)]]
    assert 0.93 < np.mean(held) < 0.985


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


def test_the_same_hosts_again_tell_little_more():
    """Ten injections in each of 40 hosts that are found or missed as a whole are worth 40."""
    found = np.repeat(np.random.default_rng(3).uniform(size=40) < 0.4, 10)
    host = np.repeat(np.arange(40), 10)
    alone, clustered = share(found), share(found, host)
    assert clustered["n_effective"] == pytest.approx(40, rel=0.05)
    assert clustered["high"] - clustered["low"] > 2.5 * (alone["high"] - alone["low"])
    assert clustered["share"] == alone["share"]


def test_hosts_that_do_not_matter_cost_nothing():
    rng = np.random.default_rng(4)
    found, host = rng.uniform(size=4000) < 0.3, np.repeat(np.arange(400), 10)
    assert share(found, host)["n_effective"] > 3000
    assert share(found, np.arange(4000)) == share(found)


def test_nothing_found_is_known_no_better_than_there_are_hosts():
    assert share(np.zeros(50, bool), np.repeat(np.arange(5), 10))["n_effective"] == 5


def test_bands_of_clustered_injections_hold_the_truth():
    rng, held = np.random.default_rng(6), []
    for _ in range(400):
        p = np.repeat(rng.beta(1.5, 3.0, 60), 8)  # each host has an efficiency of its own; the mean is 1 / 3
        told = share(rng.uniform(size=480) < p, np.repeat(np.arange(60), 8))
        held.append(told["low"] <= 1 / 3 <= told["high"])
    assert 0.91 < np.mean(held) < 0.985


def test_a_rate_below_what_the_spectra_resolve_is_said():
    assert fpr_cut(np.arange(1000.0), 0.001).resolved
    cut = fpr_cut(np.arange(900.0), 0.001)
    assert (cut.resolved, cut.value, cut.n_above) == (False, 899.0, 0)


def test_the_mean_counts_classes_alike():
    many, few = share(np.ones(1000, bool)), share(np.zeros(10, bool))
    assert mean_over_classes([many, few])["mean"] == 0.5
    assert mean_over_classes([many, few, share(np.zeros(0, bool))])["n_class"] == 2
    assert mean_over_classes([])["mean"] is None
