"""Audit: a random sample of a list, looked at blind, bounds the share of false ones on the whole of it."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import stats

from oddqso.errors import DataError
from oddqso.shares import upper_limit

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class AuditBound:
    """What an audit says of a list.

    Parameters
    ----------
    n_list, n_sample, n_false : int
        Length of the list, how many of it were looked at, and how many of these were ordinary.
    rate : float
        False share of the sample.
    upper : float
        95 % upper limit of the rate behind the list (Clopper-Pearson): 0 of 299 is at most 1 %.
    upper_of_list : float
        95 % upper limit of the false share of this very list, which is finite (hypergeometric); never above ``upper``
        by more than one spectrum, and exact when all were looked at.
    """

    n_list: int
    n_sample: int
    n_false: int
    rate: float
    upper: float
    upper_of_list: float

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return asdict(self)


def audit_bound(n_false: int, n_sample: int, n_list: int) -> AuditBound:
    """The bound from a random sample without replacement.

    Raises
    ------
    DataError
        If the counts contradict each other, or nothing was looked at.

    Examples
    --------
    >>> bound = audit_bound(0, 299, 5000)
    >>> round(bound.upper, 3), round(bound.upper_of_list, 4)
    (0.01, 0.0096)
    >>> audit_bound(2, 40, 40).upper_of_list
    0.05
    """
    if not 0 <= n_false <= n_sample <= n_list or n_sample == 0:
        raise DataError(
            f"an audit of {n_sample} of {n_list} discoveries with {n_false} false ones cannot be; "
            "give 0 <= false <= sample <= list, and a sample"
        )
    # the most false ones in the list with which so few in the sample are not yet too unlikely
    low, high = n_false, n_list - (n_sample - n_false)
    while low < high:
        middle = (low + high + 1) // 2
        likely = stats.hypergeom.cdf(n_false, n_list, middle, n_sample) > 1 - CONFIDENCE
        low, high = (middle, high) if likely else (low, middle - 1)
    return AuditBound(n_list, n_sample, n_false, n_false / n_sample, upper_limit(n_false, n_sample), low / n_list)


def looks_for(bound: float) -> int:
    """How many discoveries must be looked at, and all be odd, to bound the false share.

    Examples
    --------
    >>> looks_for(0.01), looks_for(0.05)
    (299, 59)
    """
    if not 0 < bound < 1:
        raise DataError(f"a bound of {bound} is no share between 0 and 1")
    return int(np.ceil(np.log(1 - CONFIDENCE) / np.log1p(-bound)))


def coverage(n_list: int, n_false: int, n_sample: int, n_replicates: int, rng: np.random.Generator) -> dict[str, float]:
    """How often each bound holds, when the list is sampled again and again.

    Examples
    --------
    >>> held = coverage(400, 20, 80, 500, np.random.default_rng(0))
    >>> min(held.values()) > 0.93
    True
    """
    seen = rng.hypergeometric(n_false, n_list - n_false, n_sample, n_replicates)
    values, counts = np.unique(seen, return_counts=True)
    bounds = [audit_bound(int(value), n_sample, n_list) for value in values]
    truth = n_false / n_list
    return {
        name: float(sum(n for bound, n in zip(bounds, counts, strict=True) if getattr(bound, name) >= truth - 1e-12))
        / n_replicates
        for name in ("upper", "upper_of_list")
    }
