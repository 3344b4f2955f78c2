"""What every way of learning interest promises, and which one is taken."""

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from oddqso.review.learning.params import LearningParams

_FEWEST: Final = 10
"""Below this many labels every method is the Gaussian process: it knows that odder is more interesting."""


class Fitted(Protocol):
    """Predicts interest. The prediction of a row depends on that row alone."""

    def __call__(self, x: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Predicted interest and its standard deviation, (n,) float32 each, from features (n, n_feature), NaN where
        unknown; not cut to 0 to 5.
        """


class Model(Protocol):
    """A way of learning interest from features; more interesting is higher.

    The same labels, pool and generator give the same predictions.
    """

    @property
    def name(self) -> str:
        """In plain words, as the page says it."""

    def fit(
        self,
        pool: NDArray[np.float32],
        x: NDArray[np.float32],
        interest: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> Fitted:
        """Learn from labels.

        Parameters
        ----------
        pool : (n_pool, n_feature) float32
            Objects of the kind that will be judged, whether they have labels or not; NaN where unknown.
        x : (n, n_feature) float32
            Labeled objects.
        interest : (n,) float64
            0 to 5.
        rng : np.random.Generator
        """


def make_model(params: LearningParams, n_labels: int, names: tuple[str, ...]) -> Model:
    """The way of learning for so many labels on features of these names."""
    from oddqso.review.learning.conifer import ConiferForest
    from oddqso.review.learning.forest import RandomForest
    from oddqso.review.learning.gaussian import GaussianProcess

    process = GaussianProcess(names.index("SCORE") if "SCORE" in names else None)
    match params.method:
        case _ if n_labels < _FEWEST:
            return process
        case "aad" | "pine":
            return ConiferForest(params.method, params.interesting_from)
        case "forest":
            return RandomForest()
        case "auto" if n_labels >= params.forest_from:
            return RandomForest()
        case _:
            return process
