"""How flat a score is: whether faint and bright, near and far ordinary spectra are equally odd."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

_TOP = 0.01


def flatness(score: NDArray[Any], axes: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Rank correlation with each axis, and how the top 1 % spreads over the terciles of each.

    Parameters
    ----------
    score : (n_spec,) float
        Of held-out spectra.
    axes : mapping of str to (n_spec,) float
        What the score should not depend on, by name: ``snr``, ``z`` and so on.

    Returns
    -------
    dict
        ``n`` spectra; for each axis ``spearman_<axis>``; ``top_<axis>``, three shares of the top 1 % that add up to 1,
        from the lowest third of the axis to the highest; ``all_<axis>``, the same shares of all spectra, 1/3 each where
        there are no ties: equal shares are flat. None where undefined. Spectra without an axis do not count for it.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> flat = flatness(rng.normal(size=9000), {"snr": rng.normal(size=9000)})
    >>> abs(flat["spearman_snr"]) < 0.03, len(flat["top_snr"])
    (True, 3)
    """
    scored = np.isfinite(score)
    made: dict[str, Any] = {"n": int(scored.sum())}
    for name, axis in axes.items():
        known = scored & np.isfinite(axis)
        made[f"spearman_{name}"] = _spearman(score[known], axis[known])
        made[f"top_{name}"], made[f"all_{name}"] = _top_shares(score[known], axis[known])
    return made


def _spearman(score: NDArray[Any], x: NDArray[Any]) -> float | None:
    if len(score) < 3 or np.ptp(score) == 0 or np.ptp(x) == 0:
        return None
    return float(np.corrcoef(rankdata(score), rankdata(x))[0, 1])


def _top_shares(score: NDArray[Any], x: NDArray[Any]) -> tuple[list[float] | None, list[float] | None]:
    n_top = round(_TOP * len(score))
    if n_top < 1:
        return None, None
    tercile = np.searchsorted(np.quantile(x, [1 / 3, 2 / 3]), x, side="right")
    top = tercile[np.argsort(-score, kind="stable")[:n_top]]
    shares = [[float((part == third).mean()) for third in range(3)] for part in (top, tercile)]
    return shares[0], shares[1]
