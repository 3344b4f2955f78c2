"""Isolation Forest: how few random cuts set a latent vector apart."""

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from oddqso.errors import StageError
from oddqso.score.evidence import Evidence
from oddqso.score.latents import ActiveUnits, active_units
from oddqso.score.params import FitParams, ScoreParams
from oddqso.score.protocol import Arrays
from oddqso.spectra import Embedding


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """The trees of an Isolation Forest, one after the other in flat arrays.

    Parameters
    ----------
    root : (n_tree,) int32
        Where each tree starts.
    feature : (n_node,) int32
        The unit that a node cuts; -1 at a leaf.
    cut : (n_node,) float64
        Left if the unit is at most this. At a leaf: the path's expected length.
    left, right : (n_node,) int32
        The next node.
    path_unit : float
        Expected path length of an ordinary vector: that of an unsuccessful search among the samples of a tree.
    """

    root: NDArray[np.int32]
    feature: NDArray[np.int32]
    cut: NDArray[np.float64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    path_unit: float

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """``2**(-mean path / path_unit)`` between 0 and 1, (n_spec,); Liu, Ting & Zhou 2008, eq. 2."""
        depth = np.zeros(len(x))
        x = np.ascontiguousarray(x, np.float32)
        _path_lengths(x, self.root, self.feature, self.cut, self.left, self.right, depth)
        score: NDArray[np.float64] = 2.0 ** (-depth / (len(self.root) * self.path_unit))
        return score


def average_path(n_samples: NDArray[Any] | int) -> NDArray[np.float64]:
    """Mean length of an unsuccessful search in a binary tree of ``n_samples``; Liu, Ting & Zhou 2008, eq. 1.

    Examples
    --------
    >>> average_path(np.array([1, 2, 256])).round(2).tolist()
    [0.0, 1.0, 10.24]
    """
    n = np.maximum(np.asarray(n_samples, np.float64), 2)
    path = 2 * (np.log(n - 1) + np.euler_gamma) - 2 * (n - 1) / n
    return np.where(np.asarray(n_samples) <= 1, 0.0, np.where(np.asarray(n_samples) == 2, 1.0, path))


def fit_forest(x: NDArray[Any], params: FitParams, seed: int) -> Forest:
    """An Isolation Forest of scikit-learn as plain arrays, with its scores to 1e-12 and the opposite sign.

    Parameters
    ----------
    x : (n_spec, n_dim) float32
        Standardized latents, at least two rows.
    params : FitParams
        Number of trees and of samples a tree.
    seed : int
        Seed of the forest.
    """
    from sklearn.ensemble import IsolationForest  # slow to import, and needed for fitting only

    n_samples = min(params.forest_samples, len(x))
    model = IsolationForest(n_estimators=params.forest_trees, max_samples=n_samples, random_state=seed)
    model.fit(np.asarray(x, np.float32))
    trees = [estimator.tree_ for estimator in model.estimators_]
    sizes = np.array([tree.node_count for tree in trees])
    root = (np.cumsum(sizes) - sizes).astype(np.int32)
    feature, cut, left, right = [], [], [], []
    for start, tree, units in zip(root, trees, model.estimators_features_, strict=True):
        leaf = tree.children_left < 0
        length = tree.compute_node_depths() - 1 + average_path(tree.n_node_samples)  # depths start at 1
        feature.append(np.where(leaf, -1, units[np.maximum(tree.feature, 0)]))
        cut.append(np.where(leaf, length, tree.threshold))
        left.append(np.where(leaf, 0, start + tree.children_left))
        right.append(np.where(leaf, 0, start + tree.children_right))
    indices = (np.concatenate(part).astype(np.int32) for part in (feature, left, right))
    feature_, left_, right_ = indices
    return Forest(root, feature_, np.concatenate(cut), left_, right_, float(average_path(n_samples)))


@dataclass(frozen=True, slots=True, eq=False)
class ForestScore:
    """Isolation Forest on the active latent units; near 0.5 is ordinary, 1 is odd."""

    params: FitParams = field(default_factory=FitParams)
    units: ActiveUnits | None = None
    forest: Forest | None = None

    name: ClassVar[str] = "FOREST"

    @classmethod
    def make(cls, fit: FitParams, score: ScoreParams) -> Self:
        """A detector with these settings."""
        return cls(fit)

    def fit(self, training: Embedding, rng: np.random.Generator) -> Self:
        """Find the active units and grow the forest on them."""
        units = active_units(training, self.params)
        seed = int(rng.integers(2**31))
        return replace(self, units=units, forest=fit_forest(units(training.latent), self.params, seed))

    def __call__(self, evidence: Evidence) -> NDArray[np.float32]:
        """(n_spec,) float32 between 0 and 1."""
        if self.units is None or self.forest is None:
            raise StageError("the forest detector was not fitted; call fit, or load a fitted one")
        return self.forest(self.units(evidence.latent)).astype(np.float32)

    def to_arrays(self) -> Arrays:
        """Active units and trees."""
        if self.units is None or self.forest is None:
            return {}
        forest = self.forest
        return self.units.to_arrays() | {
            "root": forest.root, "feature": forest.feature, "cut": forest.cut, "left": forest.left,
            "right": forest.right, "path_unit": np.array(forest.path_unit),
        }  # fmt: skip

    def from_arrays(self, arrays: Arrays) -> Self:
        """From what `to_arrays` gave."""
        root, feature, cut, left, right = (arrays[name] for name in ("root", "feature", "cut", "left", "right"))
        forest = Forest(root, feature, cut, left, right, float(arrays["path_unit"]))
        return replace(self, units=ActiveUnits.from_arrays(arrays), forest=forest)


@njit(cache=True, nogil=True)
def _path_lengths(x: Any, root: Any, feature: Any, cut: Any, left: Any, right: Any, depth: Any) -> None:
    """Add to ``depth`` (n_spec,) float64 the path length of each row of ``x`` (n_spec, n_dim) in each tree.

    Blocks of rows keep both the rows and a tree in the cache; a row's sum runs over the trees in order.
    """
    block = 512
    for start in range(0, x.shape[0], block):
        stop = min(start + block, x.shape[0])
        for t in range(root.shape[0]):
            for i in range(start, stop):
                node = root[t]
                unit = feature[node]
                while unit >= 0:
                    node = left[node] if x[i, unit] <= cut[node] else right[node]
                    unit = feature[node]
                depth[i] += cut[node]
