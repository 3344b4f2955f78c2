"""Exact nearest neighbors of one vector among a million: one matrix-vector product, then the best few again exactly."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

_SPARE = 32


@dataclass(frozen=True, slots=True, eq=False)
class Neighborhood:
    """Vectors to be near to.

    Parameters
    ----------
    vectors : (n, n_dim) float32
        Their coordinates.
    half_norm : (n,) float32
        Half of their squared lengths.

    Examples
    --------
    >>> near = Neighborhood.of(np.array([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0]], np.float32))
    >>> near.query(np.array([2.0, 0.0], np.float32), 2)
    (array([1, 0]), array([1., 2.]))
    """

    vectors: NDArray[np.float32]
    half_norm: NDArray[np.float32]

    @classmethod
    def of(cls, vectors: NDArray[np.float32]) -> Self:
        """A neighborhood of some vectors."""
        return cls(vectors, 0.5 * np.einsum("ij,ij->i", vectors, vectors))

    def query(self, vector: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Places and distances of the ``k`` nearest, nearest first; fewer if there are fewer.

        The product finds candidates in float32; distances of those are taken anew in float64. Ties by place.
        """
        k = min(k, len(self.vectors))
        if k == 0:
            return np.empty(0, np.int64), np.empty(0)
        far = self.half_norm - self.vectors @ vector.astype(np.float32)
        n_kept = min(k + _SPARE, len(far))
        kept = np.sort(np.argpartition(far, n_kept - 1)[:n_kept])
        step = self.vectors[kept].astype(np.float64) - vector.astype(np.float64)
        distance = np.sqrt((step**2).sum(axis=1))
        order = np.argsort(distance, kind="stable")[:k]
        return kept[order].astype(np.int64), distance[order]
