"""Many tail probabilities made one, so that one strong answer is kept and many weak ones add up little."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddqso.significance.params import SignificanceParams


def cauchy_merge(p: NDArray[Any], params: SignificanceParams) -> NDArray[np.float64]:
    r"""``-log10`` of the Cauchy combination of tail probabilities; Liu & Xie 2020, eq. 1.

    :math:`T = \mathrm{mean}_k \tan((1/2 - p_k) \pi)`, whose own tail probability is :math:`1/2 - \arctan(T)/\pi`. It is
    not a p-value here, but the ingredient of one.

    Parameters
    ----------
    p : (n_spec, n_score) float
        Tail probabilities; a missing one is NaN and does not count.
    params : SignificanceParams
        ``p_floor`` and ``p_ceiling``.

    Returns
    -------
    (n_spec,) float64
        Higher is odder; NaN where all are missing.

    Examples
    --------
    >>> cauchy_merge(np.array([[0.5, 0.5], [1e-6, 0.9], [np.nan, np.nan]]), SignificanceParams()).round(2)
    array([0.3, 5.7, nan])
    """
    known = np.isfinite(p)
    clipped = np.clip(np.where(known, p, 0.5), params.p_floor, params.p_ceiling)
    total = (1 / np.tan(np.pi * clipped)).sum(axis=1)  # tan((1/2 - p) pi), exact for tiny p
    n_known = known.sum(axis=1)
    mean = total / np.maximum(n_known, 1)
    merged = -np.log10(np.arctan2(1.0, mean) / np.pi)
    return np.where(n_known > 0, merged, np.nan)
