"""The nearest ordinary and the nearest odd objects of an object, in active latents."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oddqso.explore.near import Neighborhood

ODD_SHARE: Final = 0.01
"""Odd are this share of the scored objects, by SCORE, and at least `ODD_LEAST`."""
ODD_LEAST: Final = 20


class Neighbors:
    """Finds neighbors among the ordinary half and the oddest hundredth of a run.

    Parameters
    ----------
    latent : (n, n_active) float32
        Standardized active latents.
    score : (n,) float
        SCORE; NaN for an object that is not scored, which is nobody's neighbor.
    """

    def __init__(self, latent: NDArray[np.float32], score: NDArray[Any]) -> None:
        scored = np.flatnonzero(np.isfinite(score))
        order = scored[np.argsort(-score[scored], kind="stable")]
        n_odd = min(max(ODD_LEAST, round(ODD_SHARE * len(order))), len(order) // 2)
        self._latent = latent
        self._rows = {"ordinary": np.sort(order[len(order) // 2 :]), "odd": np.sort(order[:n_odd])}
        self._near = {kind: Neighborhood.of(latent[rows]) for kind, rows in self._rows.items()}

    def of(self, row: int, k: int) -> dict[str, list[tuple[int, float]]]:
        """Catalog rows and distances of the ``k`` nearest of each kind, nearest first, without itself."""
        found = {}
        for kind, near in self._near.items():
            places, distance = near.query(self._latent[row], k + 1)
            rows = self._rows[kind][places]
            pairs = [(r, d) for r, d in zip(rows.tolist(), distance.tolist(), strict=True) if r != row]
            found[kind] = pairs[:k]
        return found
