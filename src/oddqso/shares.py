"""Shares of a whole, and how well they are known."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def share_interval(n_found: int, n: int) -> tuple[float, float]:
    """Jeffreys' 95 % interval of a share (Brown, Cai & DasGupta 2001).

    Examples
    --------
    >>> [round(x, 3) for x in share_interval(0, 10)]
    [0.0, 0.217]
    """
    from scipy import stats  # slow to import

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
    from scipy import stats  # slow to import

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
