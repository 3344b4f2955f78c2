"""What is judged first, and in which order objects are offered."""

import numpy as np
from numpy.typing import NDArray

from oddqso.review.learning.params import LearningParams


def screen(score: NDArray[np.floating], params: LearningParams) -> NDArray[np.intp]:
    """Places of the objects that are judged first: the top of the plain ranking, oddest first; only what is scored.

    Examples
    --------
    >>> screen(np.array([1.0, np.nan, 3.0, 2.0]), LearningParams()).tolist()
    [2, 3, 0]
    """
    scored = np.flatnonzero(np.isfinite(score))
    n_top = min(max(int(np.ceil(params.screen_share * len(score))), params.screen_rows), len(scored))
    if n_top < len(scored):  # only the top has to be sorted
        bound = np.partition(score[scored], len(scored) - n_top)[len(scored) - n_top]
        scored = scored[score[scored] >= bound]
    return scored[np.argsort(-score[scored], kind="stable")][:n_top]


def offer(merit: NDArray[np.floating], sigma: NDArray[np.floating], explore_share: float) -> NDArray[np.intp]:
    """The order in which objects are offered: by merit, and every so often the one that is known least.

    Parameters
    ----------
    merit : (n,)
        Predicted interest, with its bonus for uncertainty.
    sigma : (n,)
        Standard deviation of the predicted interest.
    explore_share : float
        With 0.1 every tenth place goes to the largest ``sigma`` that is left.

    Returns
    -------
    (n,) intp
        A permutation; ties keep their order.

    Examples
    --------
    >>> offer(np.array([3.0, 2.0, 1.0, 0.0]), np.array([0.0, 0.0, 0.1, 0.9]), 0.5).tolist()
    [0, 3, 1, 2]
    """
    by_merit = np.argsort(-merit, kind="stable")
    if explore_share == 0:
        return by_merit
    step = max(round(1 / explore_share), 1)
    is_free = np.ones(len(merit), np.bool_)
    best, least_known = iter(by_merit.tolist()), iter(np.argsort(-sigma, kind="stable").tolist())
    order = np.empty(len(merit), np.intp)
    for place in range(len(order)):
        wanted = least_known if place % step == step - 1 else best
        order[place] = one = next(row for row in wanted if is_free[row])
        is_free[one] = False
    return order
