"""Detection efficiency: which share of planted anomalies is found, against amplitude, S/N and redshift."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from oddqso.shares import cut_at, share_interval, upper_limit


@dataclass(frozen=True, slots=True)
class Cut:
    """A score above which a spectrum is flagged, and what is known of its false-positive rate.

    Parameters
    ----------
    name : str
        As ``FPR 1%``.
    value : float
        The score; flagged is what lies *above*.
    n_ordinary, n_above : int
        Ordinary held-out spectra that set or measure it, and those of them above.
    rate, low, high : float
        Share above, with Clopper & Pearson's two-sided 95 % limits.
    upper : float
        Their one-sided 95 % upper limit.
    resolved : bool
        False if there are too few ordinary spectra for the rate: the cut is then the highest of their scores.
    """

    name: str
    value: float
    n_ordinary: int
    n_above: int
    rate: float
    low: float
    high: float
    upper: float
    resolved: bool = True

    def as_dict(self) -> dict[str, Any]:
        """The fields, for JSON; an infinite cut is None."""
        return asdict(self) | {"value": self.value if np.isfinite(self.value) else None}


def make_cut(name: str, value: float, ordinary: NDArray[Any]) -> Cut:
    """A cut, measured on the scores of ordinary spectra.

    Examples
    --------
    >>> make_cut("FPR 1%", 98.0, np.arange(100.0)).n_above
    1
    """
    known = ordinary[np.isfinite(ordinary)]
    n, above = len(known), int((known > value).sum())
    low = float(stats.beta.ppf(0.025, above, n - above + 1)) if above else 0.0
    high = float(stats.beta.ppf(0.975, above + 1, n - above)) if above < n else 1.0
    return Cut(name, float(value), n, above, above / n if n else float("nan"), low, high, upper_limit(above, n))


def fpr_cut(ordinary: NDArray[Any], rate: float) -> Cut:
    """The lowest cut that at most this share of the ordinary spectra exceed.

    Examples
    --------
    >>> cut = fpr_cut(np.arange(1000.0), 0.01)
    >>> cut.name, cut.value, cut.n_above
    ('FPR 1%', 989.0, 10)
    """
    cut = make_cut(f"FPR {100 * rate:g}%", cut_at(ordinary, np.ones(len(ordinary), bool), rate), ordinary)
    return replace(cut, resolved=cut.n_ordinary * rate >= 1)


def share(found: NDArray[np.bool_], host: NDArray[np.int64] | None = None) -> dict[str, Any]:
    """How many were found, the share, and Jeffreys' 95 % interval; None where there are none.

    Parameters
    ----------
    found : (n,) bool
        Whether each injection was found.
    host : (n,) int64, optional
        The spectrum that each is in. Several in one spectrum tell less than as many in different ones: the interval is
        that of ``n_effective`` of them (Kish 1965), whose variance is that between spectra.

    Examples
    --------
    >>> share(np.array([True, True, False, False]))["share"]
    0.5
    >>> share(np.array([True, True, False, False]), np.array([1, 1, 2, 2]))["n_effective"]
    1.0
    """
    n, k = len(found), int(found.sum())
    if n == 0:
        return {"n": 0, "n_found": 0, "n_effective": 0.0, "share": None, "low": None, "high": None}
    n_effective = float(n) if host is None else _effective(found, host)
    low, high = share_interval(k, n) if n_effective == n else _interval(k / n, n_effective)
    return {"n": n, "n_found": k, "n_effective": n_effective, "share": k / n, "low": low, "high": high}


def _effective(found: NDArray[np.bool_], host: NDArray[np.int64]) -> float:
    """As many independent injections as would know the share as well as these, between 1 and n."""
    n, p = len(found), float(found.mean())
    _, place = np.unique(host, return_inverse=True)
    counts = np.bincount(place)
    n_host = len(counts)
    if n_host == n:
        return float(n)
    if n_host == 1 or p in (0.0, 1.0):
        return float(n_host)
    excess = np.bincount(place, weights=found) - p * counts
    variance = n_host / (n_host - 1) * float((excess**2).sum()) / n**2
    return float(np.clip(p * (1 - p) / max(variance, 1e-12), 1.0, n))


def _interval(p: float, n: float) -> tuple[float, float]:
    """Jeffreys' 95 % interval of a share of an effective number."""
    low = 0.0 if p == 0 else float(stats.beta.ppf(0.025, p * n + 0.5, (1 - p) * n + 0.5))
    high = 1.0 if p == 1 else float(stats.beta.ppf(0.975, p * n + 0.5, (1 - p) * n + 0.5))
    return low, high


def binned(
    found: NDArray[np.bool_], values: NDArray[Any], edges: NDArray[Any], host: NDArray[np.int64] | None = None
) -> list[dict[str, Any]]:
    """`share` in bins of something; the last bin is closed."""
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    place = np.where((values >= edges[0]) & (values <= edges[-1]), place, -1)
    return [
        {"from": float(edges[k]), "to": float(edges[k + 1])}
        | share(found[place == k], None if host is None else host[place == k])
        for k in range(len(edges) - 1)
    ]


def mean_over_classes(shares: list[dict[str, Any]]) -> dict[str, Any]:
    """The plain mean of the classes' efficiencies, with its standard error from counting; None if there are none.

    Examples
    --------
    >>> mean_over_classes([share(np.array([True] * 9 + [False])), share(np.array([False] * 10))])["mean"]
    0.45
    """
    known = [s for s in shares if s["n"]]
    if not known:
        return {"n_class": 0, "mean": None, "se": None}
    n, p = (np.array([s[name] for s in known], float) for name in ("n_effective", "share"))
    smooth = (n * p + 0.5) / (n + 1)
    se = float(np.sqrt((smooth * (1 - smooth) / (n + 1)).sum()) / len(known))
    return {"n_class": len(known), "mean": float(p.mean()), "se": se}
