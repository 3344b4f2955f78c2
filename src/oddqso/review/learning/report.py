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
        By how much the mean absolute error of held-out predictions grows when a feature is shuffled, the largest
        first.
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
                {"feature": name, "words": feature_words(name), "error": round(error, 4)}
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
    growth = np.zeros(x.shape[1])
    for k in range(N_FOLDS):
        out = np.flatnonzero(fold == k)
        kept = fold != k
        fitted = make_model(params, n, features.names).fit(pool, x[kept], labels.interest[kept], rng)
        predicted[out], sigma[out] = fitted(x[out])
        growth += _growth(fitted, x[out], labels.interest[out], predicted[out], rng) / n
    order = np.argsort(-growth, kind="stable")
    importance = tuple((features.names[i], float(growth[i])) for i in order.tolist())
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


def _growth(
    fitted: Fitted, x: NDArray[np.float32], given: NDArray[np.float64], predicted: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:  # fmt: skip
    """Growth of the summed absolute error with each feature shuffled, (n_feature,); Breiman 2001, section 10."""
    n, n_feature = x.shape
    shuffled = np.repeat(x[None], n_feature, axis=0)  # (n_feature, n, n_feature)
    for i in range(n_feature):
        shuffled[i, :, i] = x[rng.permutation(n), i]
    mean = fitted(shuffled.reshape(-1, n_feature))[0].reshape(n_feature, n)
    grown: NDArray[np.float64] = np.abs(mean - given).sum(axis=1) - np.abs(predicted - given).sum()
    return grown
