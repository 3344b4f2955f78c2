"""What the model learned, judged on labels that it did not see."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oddqso.review.learning.features import Features, feature_words
from oddqso.review.learning.labels import Judged, Labels, interest_of
from oddqso.review.learning.model import Fitted, make_model
from oddqso.review.learning.params import LearningParams

N_FOLDS: Final = 5
FEW_LABELS: Final = 20
"""Below this many labels no figure is given."""
_MAX_SHOWN: Final = 400
GROUPS: Final = {
    "TAIL_": "All detectors' ranks", "latent ": "All latent units", "rest ": "All residuals in the rest frame",
    "seen ": "All residuals in the observed frame", "NARROW ": "All of the narrow peak",
    "BROAD ": "All of the broad peak",
}  # fmt: skip
"""Kinds of features, by the first letters of their names, that are also shuffled together."""


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """Held-out predictions of the labels, and what they rest on.

    Parameters
    ----------
    target_id : (n,) int64
    given : (n,) float64
        Interest as reviewers gave it.
    predicted, sigma : (n,) float64
        Interest as a model predicts it that was fitted to the other folds, and its standard deviation.
    importance : tuple of (str, float)
        By how much the mean absolute error of held-out predictions grows when a feature, or a kind of features
        (`GROUPS`), is shuffled; the largest first.
    """

    target_id: NDArray[np.int64]
    given: NDArray[np.float64]
    predicted: NDArray[np.float64]
    sigma: NDArray[np.float64]
    importance: tuple[tuple[str, float], ...]

    def ranking(self, interesting_from: float) -> float | None:
        """Chance that an interesting object is predicted above a dull one; None without one of each.

        Examples
        --------
        >>> ids = np.arange(3)
        >>> report = Report(ids, np.array([5.0, 0, 0]), np.array([2.0, 1, 3]), np.ones(3), ())
        >>> report.ranking(3.0)
        0.5
        """
        good = self.given >= interesting_from
        if good.all() or not good.any():
            return None
        difference = self.predicted[good][:, None] - self.predicted[~good]
        return float(np.mean((difference > 0) + 0.5 * (difference == 0)))

    def as_json(self, interesting_from: float) -> dict[str, Any]:
        """Ready for JSON."""
        shown = np.arange(len(self.given))[-_MAX_SHOWN:]
        inside = np.abs(self.given - self.predicted) <= self.sigma
        return {
            "ranking": self.ranking(interesting_from),
            "error": float(np.mean(np.abs(self.given - self.predicted))),
            "within_sigma": float(inside.mean()),
            "held_out": [
                {
                    "target_id": str(self.target_id[i]), "given": float(self.given[i]),
                    "predicted": round(float(np.clip(self.predicted[i], 0, 5)), 3),
                    "sigma": round(float(self.sigma[i]), 3),
                }
                for i in shown
            ],
            "importance": [
                {
                    "feature": name, "words": feature_words(name), "error": round(error, 4),
                    "kind": name in GROUPS.values(),
                }
                for name, error in self.importance
            ],
        }  # fmt: skip


def make_report(
    features: Features, pool: NDArray[np.float32], rows: NDArray[np.intp], labels: Labels, params: LearningParams
) -> Report | None:
    """Cross-validate in `N_FOLDS` folds; None below `FEW_LABELS` labels.

    Parameters
    ----------
    features : Features
        Of all objects.
    pool : (n_pool, n_feature) float32
        Objects of the screen.
    rows : (n,) intp
        Places of the labeled objects.
    labels : Labels
        Of the same objects, in that order.
    params : LearningParams
    """
    n = len(labels)
    if n < FEW_LABELS:
        return None
    rng = np.random.default_rng(params.seed)
    fold = rng.permutation(n) % N_FOLDS
    x = features.rows(rows)
    predicted, sigma = np.empty(n), np.empty(n)
    groups = _groups(features.names)
    growth = np.zeros(len(groups))
    for k in range(N_FOLDS):
        out = np.flatnonzero(fold == k)
        kept = fold != k
        fitted = make_model(params, n, features.names).fit(pool, x[kept], labels.interest[kept], rng)
        predicted[out], sigma[out] = fitted(x[out])
        growth += _growth(fitted, x[out], labels.interest[out], predicted[out], list(groups.values()), rng) / n
    order = np.argsort(-growth, kind="stable")
    names = list(groups)
    importance = tuple((names[i], float(growth[i])) for i in order.tolist())
    return Report(labels.target_id, labels.interest, predicted, sigma, importance)


def looks(said: Sequence[Judged], params: LearningParams) -> list[dict[str, int]]:
    """How many interesting objects were met, look by look in steps of ten.

    Parameters
    ----------
    said : sequence of Judged
        Verdicts in the order in which they were given; of an object the first one counts as the look.
    params : LearningParams

    Examples
    --------
    >>> from types import SimpleNamespace as Said
    >>> words = ["ORDINARY"] * 9 + ["ANOMALY"] * 3
    >>> said = [Said(target_id=k, verdict=word, subtype=None, interest=None) for k, word in enumerate(words)]
    >>> looks(said, LearningParams())
    [{'looks': 10, 'interesting': 1}, {'looks': 12, 'interesting': 3}]
    """
    seen: dict[int, bool] = {}
    for one in said:
        seen.setdefault(one.target_id, (interest_of(one, params) or 0) >= params.interesting_from)
    found = np.cumsum(list(seen.values()), dtype=int)
    ends = [*range(10, len(found), 10), len(found)] if len(found) else []
    return [{"looks": end, "interesting": int(found[end - 1])} for end in ends]


def _groups(names: tuple[str, ...]) -> dict[str, NDArray[np.intp]]:
    """Each feature alone, by its name, and kinds of features together, by the names of `GROUPS`.

    Examples
    --------
    >>> {name: where.tolist() for name, where in _groups(("SCORE", "latent 1", "latent 2")).items()}
    {'SCORE': [0], 'latent 1': [1], 'latent 2': [2], 'All latent units': [1, 2]}
    """
    groups = {name: np.array([i]) for i, name in enumerate(names)}
    for word, together in GROUPS.items():
        where = np.flatnonzero([name.startswith(word) for name in names])
        if len(where):
            groups[together] = where
    return groups


def _growth(
    fitted: Fitted, x: NDArray[np.float32], given: NDArray[np.float64], predicted: NDArray[np.float64],
    groups: list[NDArray[np.intp]], rng: np.random.Generator,
) -> NDArray[np.float64]:  # fmt: skip
    """Growth of the summed absolute error with each group shuffled, (n_group,); Breiman 2001, section 10."""
    n, n_feature = x.shape
    shuffled = np.repeat(x[None], len(groups), axis=0)  # (n_group, n, n_feature)
    for i, group in enumerate(groups):
        shuffled[i][:, group] = x[rng.permutation(n)][:, group]
    mean = fitted(shuffled.reshape(-1, n_feature))[0].reshape(len(groups), n)
    grown: NDArray[np.float64] = np.abs(mean - given).sum(axis=1) - np.abs(predicted - given).sum()
    return grown
