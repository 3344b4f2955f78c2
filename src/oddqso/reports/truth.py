"""What the list holds in truth, where the truth is known: a simulated survey."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oddqso.shares import cut_at, share_interval, upper_limit
from oddqso.simulation.truth import ORDINARY

SNR_EDGES: Final = (0.0, 1.0, 2.0, 5.0, 10.0, np.inf)
"""Bins of S/N in which completeness is counted."""

TOP_LISTS: Final = (10, 30, 100, 300)


def completeness(
    classes: NDArray[np.str_], scores: dict[str, NDArray[Any]], false_positive_rate: float
) -> list[dict[str, Any]]:
    """The share of each odd class that a cut at a false-positive rate finds, by each score.

    Parameters
    ----------
    classes : (n_spec,) str
        "" for ordinary.
    scores : dict of str to (n_spec,) float
        Comparable across S/N and z, higher is odder; the first one is the merged score.
    false_positive_rate : float
        Each score is cut where this share of the ordinary spectra exceeds it.

    Returns
    -------
    list of dict
        ``class``, ``n``, ``found``, ``completeness`` with its ``low`` and ``high``, and ``by_score``; best first.
    """
    ordinary = classes == ORDINARY
    above = {name: score > cut_at(score, ordinary, false_positive_rate) for name, score in scores.items()}
    merged = next(iter(above.values()))
    table = []
    for name in sorted(set(classes[~ordinary].tolist())):
        of_class = classes == name
        n, found = int(of_class.sum()), int((merged & of_class).sum())
        low, high = share_interval(found, n)
        by_score = {key: float(np.mean(value[of_class])) for key, value in above.items()}
        table.append(
            {"class": name, "n": n, "found": found, "completeness": found / n, "low": low, "high": high,
             "by_score": by_score}
        )  # fmt: skip
    return sorted(table, key=lambda row: (-row["completeness"], row["class"]))


def false_positives(flagged: NDArray[np.bool_]) -> dict[str, Any]:
    """How many ordinary spectra (n,) are flagged, with the upper limit of the rate.

    Examples
    --------
    >>> false_positives(np.zeros(299, bool))["upper_limit"] < 0.0101
    True
    """
    n, n_flagged = len(flagged), int(flagged.sum())
    return {
        "n": n,
        "n_flagged": n_flagged,
        "rate": n_flagged / n if n else None,
        "upper_limit": upper_limit(n_flagged, n) if n else None,
    }


def completeness_by_snr(found: NDArray[np.bool_], snr: NDArray[np.float64]) -> list[dict[str, Any]]:
    """The share of odd objects (n,) that are found, in bins of their S/N; empty bins are left out.

    Examples
    --------
    >>> [(row["n"], row["found"]) for row in completeness_by_snr(np.array([True, False]), np.array([7.0, 0.5]))]
    [(1, 0), (1, 1)]
    """
    table = []
    for low, high in pairwise(SNR_EDGES):
        here = (snr >= low) & (snr < high)
        n, n_found = int(here.sum()), int((found & here).sum())
        if n:
            below, above = share_interval(n_found, n)
            table.append(
                {"snr_min": low, "snr_max": high if np.isfinite(high) else None, "n": n, "found": n_found,
                 "completeness": n_found / n, "low": below, "high": above}
            )  # fmt: skip
    return table


def realized_fdr(classes: NDArray[np.str_], q_value: NDArray[Any], alphas: Sequence[float]) -> list[dict[str, Any]]:
    """How many of the discoveries at each nominal rate are ordinary.

    Examples
    --------
    >>> realized_fdr(np.array(["", "star"]), np.array([0.04, 0.01]), [0.05])[0]["n_false"]
    1
    """
    table = []
    for alpha in alphas:
        called = q_value <= alpha
        n, false = int(called.sum()), int((called & (classes == ORDINARY)).sum())
        low, high = share_interval(false, n) if n else (None, None)
        table.append(
            {"alpha": alpha, "n": n, "n_false": false, "fdp": false / n if n else None, "low": low, "high": high}
        )
    return table


def top_lists(classes_by_rank: Sequence[str | None]) -> list[dict[str, Any]]:
    """What the first 10, 30, 100 and 300 are.

    Examples
    --------
    >>> top_lists(["star", "", "star"] + [""] * 10)[0]["by_class"]
    {'star': 2}
    """
    table = []
    for n in TOP_LISTS:
        if n <= len(classes_by_rank):
            odd = [c for c in classes_by_rank[:n] if c]
            counts = {name: odd.count(name) for name in sorted(set(odd), key=lambda c: (-odd.count(c), c))}
            table.append({"n": n, "n_odd": len(odd), "by_class": counts})
    return table
