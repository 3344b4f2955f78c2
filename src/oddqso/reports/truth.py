"""What the list holds in truth, where the truth is known: a simulated survey."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import stats

ORDINARY: Final = ""
"""The class of an ordinary quasar."""

Z_TOLERANCE: Final = 0.01
"""A redshift further off than this, relative to 1 + z, is wrong (3000 km/s)."""

SNR_EDGES: Final = (0.0, 1.0, 2.0, 5.0, 10.0, np.inf)
"""Bins of S/N in which completeness is counted."""

TOP_LISTS: Final = (10, 30, 100, 300)


def true_classes(target_id: NDArray[np.int64], z: NDArray[np.float64], truth: pa.Table) -> list[str | None]:
    """What each spectrum is: "" for an ordinary quasar, a class for an odd one, None if the truth does not tell.

    Parameters
    ----------
    target_id : (n_spec,) int64
        DESI TARGETID.
    z : (n_spec,) float64
        Redshift at which the spectrum was judged.
    truth : pa.Table
        TARGETID, KIND, CLASS, Z_TRUE.

    Returns
    -------
    list of str or None
        The injected class; ``galaxy``, ``star``, ``sky`` or ``stuck`` for what is no quasar; ``wrong_redshift`` for a
        quasar judged at a redshift off by more than 3000 km/s.

    Examples
    --------
    >>> truth = pa.table({"TARGETID": [1, 2], "KIND": ["quasar", "star"], "CLASS": ["", ""], "Z_TRUE": [1.0, 0.0]})
    >>> true_classes(np.array([2, 1, 3]), np.array([2.0, 1.0, 1.0]), truth)
    ['star', '', None]
    """
    known = truth["TARGETID"].to_numpy()
    order = np.argsort(known, kind="stable")
    place = order[np.minimum(np.searchsorted(known[order], target_id), len(order) - 1)] if len(order) else None
    if place is None:
        return [None] * len(target_id)
    names = np.array(truth["CLASS"].fill_null("").to_pylist(), dtype=np.str_)[place]
    kinds = np.array(truth["KIND"].fill_null("").to_pylist(), dtype=np.str_)[place]
    z_true = truth["Z_TRUE"].cast(pa.float64()).fill_null(np.nan).to_numpy()[place]
    wrong = np.abs(z - z_true) > Z_TOLERANCE * (1 + z_true)
    otherwise = np.where(kinds != "quasar", kinds, np.where(wrong, "wrong_redshift", ORDINARY))
    found = np.where(names != "", names, otherwise).tolist()
    return [name if here else None for name, here in zip(found, (known[place] == target_id).tolist(), strict=True)]


def share_interval(n_found: int, n: int) -> tuple[float, float]:
    """Jeffreys' 95 % interval of a share (Brown, Cai & DasGupta 2001).

    Examples
    --------
    >>> [round(x, 3) for x in share_interval(0, 10)]
    [0.0, 0.217]
    """
    low = 0.0 if n_found == 0 else float(stats.beta.ppf(0.025, n_found + 0.5, n - n_found + 0.5))
    high = 1.0 if n_found == n else float(stats.beta.ppf(0.975, n_found + 0.5, n - n_found + 0.5))
    return low, high


def upper_limit(n_found: int, n: int) -> float:
    """Clopper & Pearson's one-sided 95 % upper limit of a share.

    Examples
    --------
    >>> round(upper_limit(0, 299), 4)
    0.01
    """
    return 1.0 if n_found >= n else float(stats.beta.ppf(0.95, n_found + 1, n - n_found))


def cut_at(score: NDArray[Any], ordinary: NDArray[np.bool_], false_positive_rate: float) -> float:
    """The lowest cut that at most this share of ordinary spectra exceed; infinite if there are none.

    Examples
    --------
    >>> cut_at(np.arange(100.0), np.ones(100, bool), 0.02)
    97.0
    """
    null = np.sort(score[ordinary & np.isfinite(score)])[::-1]
    return float(null[int(false_positive_rate * len(null))]) if len(null) else float("inf")


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
