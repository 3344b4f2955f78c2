"""Simulations with known truth, through `assess`: what the p-values and q-values promise, and who breaks the promise.

Scores are made as detectors make them: their level and spread grow with S/N and change with redshift, their tails are
heavier than Gaussian ones, and detectors agree in part. About 90 s in all on one core.
"""

from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import ndtr

from oddqso.significance.assess import assess
from oddqso.significance.conformal import q_values
from oddqso.significance.params import SignificanceParams

pytestmark = pytest.mark.slow

NAMES = SignificanceParams().merged
ALPHAS = (0.05, 0.10)
N_SPEC, N_ODD, N_REPLICATES = 4000, 160, 60


def simulate(seed, *, odd_in=("TEST",), n_odd=N_ODD):
    """One survey and which of its spectra are odd; odd ones stand in some splits only."""
    rng = np.random.default_rng(seed)
    strict = rng.random(N_SPEC) < 0.85
    log_snr = rng.normal(np.where(strict, 0.35, -0.1), 0.35)
    z = rng.uniform(0.8, 3.5, N_SPEC)
    split = rng.choice(["FIT", "CALIBRATION", "TEST"], N_SPEC, p=[0.2, 0.25, 0.55])
    candidates = rng.permutation(np.flatnonzero(np.isin(split, odd_in)))[:n_odd]
    odd = np.zeros(N_SPEC, bool)
    odd[candidates] = True
    shared = rng.normal(size=N_SPEC)
    which = rng.integers(0, len(NAMES), N_SPEC)  # most odd spectra move one detector and leave the others alone
    strength = rng.lognormal(2.3, 0.5, N_SPEC)
    columns = {}
    for k, name in enumerate(NAMES):
        noise = rng.standard_t(6, N_SPEC) + 0.7 * shared + 0.6 * (~strict) * rng.exponential(size=N_SPEC)
        noise = noise + np.where(odd & (which == k), strength, 0)
        columns[f"SCORE_{name}"] = ((noise + k * (z > 2.2)) * 10 ** (0.8 * log_snr) + 2 * 10**log_snr).astype(
            np.float32
        )
    return odd, pa.table(
        {
            "TARGETID": np.arange(N_SPEC), "Z": z, "SNR": 10**log_snr, "COVERAGE": np.full(N_SPEC, 0.97),
            "STRICT": strict, "SPLIT": split, "QUALITY": np.zeros(N_SPEC, np.uint32),
        }
        | columns
    )  # fmt: skip


def ours(table):
    """p and q of the TEST spectra, NaN elsewhere."""
    made = assess(table, SignificanceParams()).table
    return tuple(made[name].to_numpy(zero_copy_only=False) for name in ("P_VALUE", "Q_VALUE"))


def mad_z_score(table):
    """What is often done: robust z-scores of the sample against itself, Gaussian p-values, Benjamini-Hochberg."""
    test = np.array(table["SPLIT"].to_pylist()) == "TEST"
    z = []
    for name in NAMES:
        score = table[f"SCORE_{name}"].to_numpy()
        middle = np.median(score)
        z.append((score - middle) / (1.4826 * np.median(np.abs(score - middle))))
    p = np.full(len(test), np.nan)
    p[test] = np.minimum(len(NAMES) * ndtr(-np.max(z, axis=0)[test]), 1)
    q = np.full(len(test), np.nan)
    q[test] = q_values(p[test])
    return p, q


def self_rank(table):
    """Ranks within the sample itself, taken for p-values."""
    test = np.array(table["SPLIT"].to_pylist()) == "TEST"
    score = sum(np.argsort(np.argsort(table[f"SCORE_{name}"].to_numpy())) for name in NAMES)
    p = np.full(len(test), np.nan)
    p[test] = (1 + np.argsort(np.argsort(-score[test]))) / test.sum()
    return p, p  # "the top 5 % are anomalies"


@cache
def gate(method, **settings):
    """False discovery proportion and power, (n_replicates, n_alpha) each, and each replicate's ordinary p-values."""
    proportion, power, ordinary = [], [], []
    for seed in range(N_REPLICATES):
        odd, table = simulate(1000 + seed, **settings)
        p, q = method(table)
        called = [q <= alpha for alpha in ALPHAS]
        proportion.append([(c & ~odd).sum() / max(c.sum(), 1) for c in called])
        power.append([(c & odd).sum() / max((odd & np.isfinite(q)).sum(), 1) for c in called])
        ordinary.append(p[np.isfinite(p) & ~odd])
    return np.array(proportion), np.array(power), ordinary


def excess(shares, promised):
    """How far the mean of replicates lies above what was promised [standard errors]."""
    error = shares.std(ddof=1) / np.sqrt(len(shares))
    return (shares.mean() - promised) / max(error, 1e-12)


@pytest.mark.parametrize("at", [0.01, 0.05, 0.1, 0.5])
def test_p_values_of_ordinary_spectra_are_not_too_small(at):
    ordinary = gate(ours)[2]
    assert excess(np.array([(p <= at).mean() for p in ordinary]), at) <= 2


def test_p_values_of_ordinary_spectra_are_not_wasteful_either():
    ordinary = gate(ours)[2]
    assert np.mean([(p <= 0.1).mean() for p in ordinary]) > 0.085


@pytest.mark.parametrize("k", range(len(ALPHAS)))
def test_the_false_discovery_rate_holds_when_calibration_is_clean(k):
    proportion, power, _ = gate(ours)
    assert excess(proportion[:, k], ALPHAS[k]) <= 2
    assert power[:, k].mean() > (0.05, 0.2)[k]  # and not by finding nothing


@pytest.mark.parametrize("k", range(len(ALPHAS)))
def test_odd_spectra_in_calibration_make_it_careful(k):
    clean, spoiled = gate(ours), gate(ours, odd_in=("TEST", "CALIBRATION", "FIT"), n_odd=280)
    assert excess(spoiled[0][:, k], ALPHAS[k]) <= 2
    assert spoiled[1][:, k].mean() < clean[1][:, k].mean()


@pytest.mark.parametrize("k", range(len(ALPHAS)))
def test_without_odd_spectra_nothing_is_found_more_often_than_promised(k):
    proportion = gate(ours, n_odd=0)[0]  # with nothing to find, any discovery makes the proportion 1
    assert excess(proportion[:, k], ALPHAS[k]) <= 2


@pytest.mark.parametrize("naive", [mad_z_score, self_rank])
def test_naive_methods_fail_the_same_gate(naive):
    proportion, _, ordinary = gate(naive)
    assert all(excess(proportion[:, k], alpha) > 5 for k, alpha in enumerate(ALPHAS))
    if naive is mad_z_score:
        assert excess(np.array([(p <= 0.01).mean() for p in ordinary]), 0.01) > 5
