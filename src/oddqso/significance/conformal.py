"""Split-conformal p-values, Benjamini-Hochberg q-values, and the shortest list that can be certified."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def conformal_p(score: NDArray[Any], calibration: NDArray[Any]) -> NDArray[np.float64]:
    """``(1 + number of calibration scores >= score) / (n + 1)``; ties count against the discovery.

    Valid if the calibration spectra and an ordinary test spectrum are exchangeable: neither taught the model or a
    detector, or both did so alike, without regard to which is which. Vovk, Gammerman & Shafer 2005; Bates et al. 2023,
    eq. 1; for what both taught alike, Marandon et al. 2024.

    Parameters
    ----------
    score : (m,) float
        Scores to be tested, higher is odder.
    calibration : (n,) float
        Scores of held-out spectra.

    Returns
    -------
    (m,) float64
        Between 1 / (n + 1) and 1; all 1 if there is no calibration.

    Examples
    --------
    >>> conformal_p(np.array([0.5, 2.0, 9.0]), np.array([1.0, 2.0, 3.0]))
    array([1.  , 0.75, 0.25])
    """
    ordered, n = np.sort(calibration), len(calibration)
    asked, p = np.argsort(score, kind="stable"), np.empty(len(score))
    p[asked] = (1.0 + n - np.searchsorted(ordered, score[asked], side="left")) / (n + 1.0)
    return p


def grouped_conformal_p(
    score: NDArray[Any], group: NDArray[Any], calibration: NDArray[Any], calibration_group: NDArray[Any]
) -> NDArray[np.float64]:
    """`conformal_p` within groups (Mondrian): each spectrum against the calibration spectra of its own group.

    Examples
    --------
    >>> grouped_conformal_p(np.array([2.0, 2.0]), np.array(["a", "b"]), np.array([1.0]), np.array(["a"]))
    array([0.5, 1. ])
    """
    p = np.ones(len(score))
    for name in np.unique(group):
        here = group == name
        p[here] = conformal_p(score[here], calibration[calibration_group == name])
    return p


def q_values(p_value: NDArray[np.float64]) -> NDArray[np.float64]:
    """The smallest false discovery rate at which each test would be called; Benjamini & Hochberg 1995.

    Valid for conformal p-values, which are positively dependent: Bates et al. 2023; Benjamini & Yekutieli 2001.

    Examples
    --------
    >>> q_values(np.array([0.01, 0.5, 0.02])).round(3)
    array([0.03, 0.5 , 0.03])
    """
    m = len(p_value)
    order = np.argsort(p_value, kind="stable")
    stepped = p_value[order] * (m / np.arange(1, m + 1))
    q = np.empty(m)
    q[order] = np.minimum(np.minimum.accumulate(stepped[::-1])[::-1], 1.0)
    return q


def r_min(n_test: int, n_calibration: int, alpha: float) -> int:
    """The fewest objects that any list at false discovery rate ``alpha`` can hold: ``m / (alpha (n + 1))``.

    No p-value is below ``1 / (n + 1)``, so fewer discoveries cannot pass, however odd they are.

    Examples
    --------
    >>> r_min(1_200_000, 400_000, 0.01)
    300
    """
    return max(1, math.ceil(n_test / (alpha * (n_calibration + 1)) - 1e-9))
