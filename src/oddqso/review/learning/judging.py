"""From labels to predicted interest: arrays in, arrays out."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from oddqso.review.learning.features import Features
from oddqso.review.learning.model import Fitted, make_model
from oddqso.review.learning.params import LearningParams
from oddqso.review.learning.ranking import offer, screen

Check = Callable[[], None]
"""Is called between pieces of work; what it raises ends the work."""


@dataclass(frozen=True, slots=True, eq=False)
class Judgment:
    """Predicted interest of the objects of a run, in the catalog's order.

    Parameters
    ----------
    interest, sigma : (n,) float32
        Predicted interest, cut to 0 to 5, and its standard deviation; NaN where nothing was predicted yet.
    order : (m,) intp
        Places of the objects without a label, in the order in which they are offered.
    model : str
        How it was learned.
    fitted : Fitted
        What predicts.
    complete : bool
        Whether all objects were judged, or the screen alone.
    """

    interest: NDArray[np.float32]
    sigma: NDArray[np.float32]
    order: NDArray[np.intp]
    model: str
    fitted: Fitted
    complete: bool = False

    def promise(self) -> NDArray[np.float32]:
        """(n,) float32, larger for what is offered earlier; NaN for what is not offered."""
        place = np.full(len(self.interest), np.nan, np.float32)
        place[self.order] = np.arange(len(self.order), 0, -1, dtype=np.float32)
        return place


def judge(
    features: Features,
    score: NDArray[np.floating],
    rows: NDArray[np.intp],
    interest: NDArray[np.float64],
    params: LearningParams,
) -> Judgment:
    """Learn from labels and judge the screen: the top of the plain ranking.

    Parameters
    ----------
    features : Features
        Of all n objects.
    score : (n,)
        The merged score; higher is odder, NaN where there is none.
    rows : (n_label,) intp
        Places of the labeled objects, ascending.
    interest : (n_label,) float64
        Their interest.
    params : LearningParams
    """
    top = screen(score, params)
    pool = features.rows(np.sort(top))
    model = make_model(params, len(rows), features.names)
    fitted = model.fit(pool, features.rows(rows), interest, np.random.default_rng(params.seed))
    found = np.full((2, len(features)), np.nan, np.float32)
    found[:, np.sort(top)] = fitted(pool)
    labeled = np.zeros(len(features), np.bool_)
    labeled[rows] = True
    if len(rows):
        found[:, rows] = fitted(features.rows(rows))
    left = top[~labeled[top]]
    weight, share = (params.sigma_weight, params.explore_share) if len(rows) else (0.0, 0.0)  # at first the plain order
    order = left[offer(found[0, left] + weight * found[1, left], found[1, left], share)]
    return Judgment(np.clip(found[0], 0, 5), found[1], order, model.name, fitted)


def judge_rest(
    judgment: Judgment,
    features: Features,
    score: NDArray[np.floating],
    params: LearningParams,
    check: Check = lambda: None,
) -> Judgment:
    """The same with all other scored objects judged, too; they are offered after the screen, by merit.

    Parameters are those of `judge`; ``check`` is called between pieces.
    """
    interest, sigma = judgment.interest.copy(), judgment.sigma.copy()
    merit = np.full(len(features), -np.inf, np.float32)
    for part, x in features.chunks():
        check()
        todo = np.flatnonzero(~np.isfinite(interest[part]) & np.isfinite(score[part]))
        if len(todo):
            mean, error = judgment.fitted(x[todo])
            here = todo + part.start
            interest[here], sigma[here] = np.clip(mean, 0, 5), error
            merit[here] = mean + params.sigma_weight * error
    rest = np.flatnonzero(merit > -np.inf)
    order = np.concatenate([judgment.order, rest[np.argsort(-merit[rest], kind="stable")]])
    return replace(judgment, interest=interest, sigma=sigma, order=order, complete=True)
