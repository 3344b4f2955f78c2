"""p, q and certificates for a survey of DESI's size: 1.2 million tests against 400,000 calibration spectra.

``python benchmarks/significance_speed.py`` prints seconds and peak memory, beside scipy's Benjamini-Hochberg on the
finished p-values, and beside a plain `numpy.searchsorted` that makes p-values only and in one group.
"""

import json
import multiprocessing
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np

N_TEST, N_CALIBRATION, ODD_SHARE = 1_200_000, 400_000, 1e-3


def survey(seed: int = 0) -> tuple[Any, ...]:
    """Scores, groups and verdicts: one spectrum in a thousand is odd; people found those among the oddest 300."""
    rng = np.random.default_rng(seed)
    made = []
    for n in (N_TEST, N_CALIBRATION):
        score = rng.exponential(0.434, n).astype(np.float32)
        score[rng.random(n) < ODD_SHARE] += 4
        made += [score, rng.choice(["strict", "permissive"], n, p=[0.85, 0.15])]
    score, group, calibration, calibration_group = made
    seen = np.zeros(N_CALIBRATION, bool)
    seen[np.argsort(-calibration)[:300]] = True
    return score, group, calibration, calibration_group, seen & (calibration > 4), seen


def ours(vetted: bool = True) -> dict[str, float]:
    """All that becomes of scores: p, q, tiers with their limits, and the claim with its counts of looks."""
    from oddqso.significance.certificate import certify
    from oddqso.significance.claim import claim
    from oddqso.significance.params import SignificanceParams
    from oddqso.significance.standing import calibrated, standings

    score, group, calibration, calibration_group, odd, seen = survey()
    params = SignificanceParams()
    verdicts = (odd, seen) if vetted else ()
    begin = time.perf_counter()
    groups = standings(score, group, calibration, calibration_group, *verdicts)
    _, q = calibrated(groups, len(score), params)
    tiers = certify(groups, q, params, 0.01 if vetted else 0.0)
    claim(groups, q, params)
    return {"seconds": time.perf_counter() - begin, "n_listed": float(tiers[-1].n_listed)}


def unvetted() -> dict[str, float]:
    """The same before anybody has looked."""
    return ours(vetted=False)


def scipy_reference() -> dict[str, float]:
    """Scipy's adjustment for multiple tests alone, of p-values that it is given."""
    from scipy.stats import false_discovery_control

    score, _, calibration, *_ = survey()
    p = (1 + len(calibration) - np.searchsorted(np.sort(calibration), score)) / (len(calibration) + 1)
    begin = time.perf_counter()
    false_discovery_control(p)
    return {"seconds": time.perf_counter() - begin}


def searchsorted_reference() -> dict[str, float]:
    """p-values alone, in one group, with the tests in the order in which they come."""
    score, _, calibration, *_ = survey()
    begin = time.perf_counter()
    (1 + len(calibration) - np.searchsorted(np.sort(calibration), score)) / (len(calibration) + 1)
    return {"seconds": time.perf_counter() - begin}


def pq_1200k() -> dict[str, float]:
    """Seconds and peak memory [MiB] of each, measured in a process of its own."""
    figures = {}
    for name, measured in {
        "pq_1200k": ours, "pq_1200k_unvetted": unvetted,
        "scipy_bh_1200k": scipy_reference, "searchsorted_1200k": searchsorted_reference,
    }.items():  # fmt: skip
        found = _apart(measured)
        figures |= {f"{name}_s": found["seconds"], f"{name}_mib": found["peak_mib"]}
    return figures


def _apart(measured: Callable[[], dict[str, float]]) -> dict[str, float]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_with_peak, (measured,))


def _with_peak(measured: Callable[[], dict[str, float]]) -> dict[str, float]:
    found = measured()
    return found | {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


if __name__ == "__main__":
    print(json.dumps(pq_1200k(), indent=2))
