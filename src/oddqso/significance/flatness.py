"""How flat a score is: whether faint and bright, near and far ordinary spectra are equally odd."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

_TOP = 0.01


def flatness(score: NDArray[Any], log_snr: NDArray[Any], z: NDArray[Any]) -> dict[str, Any]:
    """Rank correlation with log S/N and with z, and how the top 1 % spreads over terciles of each.

    Parameters
    ----------
    score, log_snr, z : (n_spec,) float
        Of held-out spectra.

    Returns
    -------
    dict
        ``n`` spectra; ``spearman_snr``, ``spearman_z``; ``top_snr``, ``top_z``: three shares of the top 1 % that
        add up to 1, from the faintest or nearest third to the brightest or farthest; 1/3 each is flat. None where
        undefined.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> flat = flatness(rng.normal(size=9000), rng.normal(size=9000), rng.normal(size=9000))
    >>> abs(flat["spearman_snr"]) < 0.03, len(flat["top_snr"])
    (True, 3)
    """
    known = np.isfinite(score) & np.isfinite(log_snr) & np.isfinite(z)
    score, log_snr, z = score[known], log_snr[known], z[known]
    return {
        "n": len(score),
        "spearman_snr": _spearman(score, log_snr), "spearman_z": _spearman(score, z),
        "top_snr": _top_shares(score, log_snr), "top_z": _top_shares(score, z),
    }  # fmt: skip


def _spearman(score: NDArray[Any], x: NDArray[Any]) -> float | None:
    if len(score) < 3 or np.ptp(score) == 0 or np.ptp(x) == 0:
        return None
    return float(np.corrcoef(rankdata(score), rankdata(x))[0, 1])


def _top_shares(score: NDArray[Any], x: NDArray[Any]) -> list[float] | None:
    n_top = round(_TOP * len(score))
    if n_top < 1:
        return None
    top = np.argsort(-score, kind="stable")[:n_top]
    tercile = np.searchsorted(np.quantile(x, [1 / 3, 2 / 3]), x[top], side="right")
    return [float((tercile == third).mean()) for third in range(3)]
