"""Isolation Forest: how few random cuts set a latent vector apart."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from oddqso.errors import StageError
from oddqso.score.evidence import Evidence
from oddqso.score.latents import ActiveUnits, active_units
from oddqso.score.params import FitParams, ScoreParams
from oddqso.score.protocol import Arrays, Training


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """The trees of an Isolation Forest, one after the other in flat arrays.

    The two children of a node stand side by side, and a leaf is its own child, so that a step down needs no branch:
    rows go down a tree together, as many steps as it is deep.

    Parameters
    ----------
    root, depth : (n_tree,) int32
        Where each tree starts, and how deep it is.
    feature : (n_node,) int32
        The unit that a node cuts.
    cut : (n_node,) float32
        To the first child if the unit is at most this; infinite at a leaf.
    child : (n_node,) int32
        The first child; at a leaf, the leaf.
    length : (n_node,) float64
        At a leaf: the path's expected length.
    path_unit : float
        Expected path length of an ordinary vector: that of an unsuccessful search among the samples of a tree.
    """

    root: NDArray[np.int32]
    depth: NDArray[np.int32]
    feature: NDArray[np.int32]
    cut: NDArray[np.float32]
    child: NDArray[np.int32]
    length: NDArray[np.float64]
    path_unit: float

    def __call__(self, x: NDArray[np.float32], n_thread: int = 1) -> NDArray[np.float64]:
        """``2**(-mean path / path_unit)`` between 0 and 1, (n_spec,); Liu, Ting & Zhou 2008, eq. 2.

        Threads share out the rows and change nothing in the result.
        """
        x = np.ascontiguousarray(x, np.float32)
        path = np.zeros(len(x))

        def walk(rows: slice) -> None:
            _path_lengths(
                x[rows], self.root, self.depth, self.feature, self.cut, self.child, self.length, path[rows]
            )  # fmt: skip

        edges = np.linspace(0, len(x), n_thread + 1).astype(int)
        parts = [slice(first, last) for first, last in pairwise(edges.tolist())]
        if n_thread == 1:
            walk(parts[0])
        else:
            with ThreadPoolExecutor(n_thread) as pool:
                list(pool.map(walk, parts))
        score: NDArray[np.float64] = 2.0 ** (-path / (len(self.root) * self.path_unit))
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
    parts = [_tree(e.tree_, units) for e, units in zip(model.estimators_, model.estimators_features_, strict=True)]
    sizes = np.array([len(feature) for feature, _, _, _ in parts])
    root = (np.cumsum(sizes) - sizes).astype(np.int32)
    feature, cut, child, length = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    child = (child + np.repeat(root, sizes)).astype(np.int32)
    depth = np.array([estimator.tree_.max_depth for estimator in model.estimators_], np.int32)
    return Forest(root, depth, feature, cut, child, length, float(average_path(n_samples)))


def _tree(tree: Any, units: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Feature, cut, first child and path length of a tree of scikit-learn, its children side by side."""
    order: list[int] = [0]
    child: list[int] = []
    for node in order:  # grows while it is walked: breadth first
        leaf = tree.children_left[node] < 0
        child.append(len(child) if leaf else len(order))
        if not leaf:
            order += [int(tree.children_left[node]), int(tree.children_right[node])]
    leaf = tree.children_left[order] < 0
    cut = tree.threshold[order].astype(np.float32)
    above = cut > tree.threshold[order]  # float32 rows then fall on the same side as with the cut in float64
    cut = np.where(above, np.nextafter(cut, np.float32(-np.inf)), cut)
    length = (tree.compute_node_depths() - 1 + average_path(tree.n_node_samples))[order]  # depths start at 1
    feature = np.where(leaf, 0, units[np.maximum(tree.feature[order], 0)]).astype(np.int32)
    return feature, np.where(leaf, np.float32(np.inf), cut), np.array(child), np.where(leaf, length, 0.0)


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

    def fit(self, training: Training, rng: np.random.Generator) -> Self:
        """Find the active units and grow the forest on them."""
        units = active_units(training.embedding, self.params)
        seed = int(rng.integers(2**31))
        return replace(self, units=units, forest=fit_forest(units(training.embedding.latent), self.params, seed))

    def __call__(self, evidence: Evidence) -> NDArray[np.float32]:
        """(n_spec,) float32 between 0 and 1."""
        if self.units is None or self.forest is None:
            raise StageError("the forest detector was not fitted; call fit, or load a fitted one")
        return self.forest(self.units(evidence.latent)).astype(np.float32)

    def to_arrays(self) -> Arrays:
        """Active units and trees."""
        if self.units is None or self.forest is None:
            return {}
        names = [f.name for f in fields(self.forest)]
        return self.units.to_arrays() | {name: np.asarray(getattr(self.forest, name)) for name in names}

    def from_arrays(self, arrays: Arrays) -> Self:
        """From what `to_arrays` gave."""
        forest = Forest(**{f.name: arrays[f.name] for f in fields(Forest) if f.name != "path_unit"},
                        path_unit=float(arrays["path_unit"]))  # fmt: skip
        return replace(self, units=ActiveUnits.from_arrays(arrays), forest=forest)


@njit(cache=True, nogil=True)
def _path_lengths(
    x: Any, root: Any, depth: Any, feature: Any, cut: Any, child: Any, length: Any, path: Any
) -> None:  # fmt: skip
    """Add to ``path`` (n_spec,) float64 the path length of each row of ``x`` (n_spec, n_dim) in each tree.

    Blocks of rows keep both the rows and a tree in the cache; a row's sum runs over the trees in order.
    """
    block = 64
    node = np.empty(block, np.int32)
    for start in range(0, x.shape[0], block):
        n_row = min(block, x.shape[0] - start)
        for t in range(root.shape[0]):
            node[:n_row] = root[t]
            for _ in range(depth[t]):
                for i in range(n_row):
                    here = node[i]
                    node[i] = child[here] + np.int32(x[start + i, feature[here]] > cut[here])
            for i in range(n_row):
                path[start + i] += length[node[i]]
