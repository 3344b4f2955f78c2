"""A forest of random trees: for a hundred labels and more."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_UNKNOWN = -99.0
"""What stands for an unknown feature: below all others, so that a tree can set it apart."""


def warm_up() -> None:
    """Load scikit-learn, so that the first forest does not have to wait for it."""
    import sklearn.ensemble  # noqa: F401


@dataclass(frozen=True, slots=True, eq=False)
class RandomForest:
    """A forest of extremely randomized trees (Geurts et al. 2006); the spread of the trees is the uncertainty.

    Parameters
    ----------
    n_trees : int
    max_features : float
        Share of the features that a cut may choose from.
    """

    n_trees: int = 200
    max_features: float = 0.33
    name: str = "forest of random trees"

    def fit(
        self,
        pool: NDArray[np.float32],
        x: NDArray[np.float32],
        interest: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> "FittedForest":
        """See `Model`; the pool teaches nothing here."""
        from sklearn.ensemble import ExtraTreesRegressor

        seed = int(rng.integers(2**31))
        forest = ExtraTreesRegressor(self.n_trees, max_features=self.max_features, random_state=seed)
        forest.fit(np.nan_to_num(x, nan=_UNKNOWN), interest)
        return FittedForest(tuple(one.tree_ for one in forest.estimators_))


@dataclass(frozen=True, slots=True, eq=False)
class FittedForest:
    """Trees that have seen labels."""

    trees: tuple[Any, ...]

    def __call__(self, x: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """See `Fitted`."""
        filled = np.ascontiguousarray(np.nan_to_num(x, nan=_UNKNOWN), dtype=np.float32)
        total, squares = np.zeros(len(x)), np.zeros(len(x))
        for tree in self.trees:
            found = tree.predict(filled).reshape(-1)
            total += found
            squares += found**2
        mean = total / len(self.trees)
        sigma = np.sqrt(np.maximum(squares / len(self.trees) - mean**2, 0))
        return mean.astype(np.float32), sigma.astype(np.float32)
