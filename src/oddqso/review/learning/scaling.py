"""Features in robust standard form."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

_MIN_WIDTH = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """Center and width of each feature among the objects that are judged.

    Parameters
    ----------
    center, width : (n_feature,) float32
        Median, and half the range that holds the middle 68.3 %.
    clip : float
        Farther out than this everything is alike.
    """

    center: NDArray[np.float32]
    width: NDArray[np.float32]
    clip: float

    @classmethod
    def fit(cls, pool: NDArray[np.float32], clip: float) -> Self:
        """The scaling of these objects, (n, n_feature); a feature that is never known is 0.

        Examples
        --------
        >>> pool = np.array([[1.0], [2.0], [3.0], [np.nan]], np.float32)
        >>> Scaling.fit(pool, clip=3.0)(np.array([[4.0], [np.nan]])).tolist()
        [[2.929...], [0.0]]
        """
        known = np.isfinite(pool).any(axis=0) if len(pool) else np.zeros(pool.shape[1], np.bool_)
        filled = np.where(known, pool, 0.0) if len(pool) else np.zeros((1, pool.shape[1]))
        low, center, high = np.nanquantile(filled, [0.1587, 0.5, 0.8413], axis=0)
        width = np.maximum((high - low) / 2, _MIN_WIDTH)
        return cls(center.astype(np.float32), width.astype(np.float32), clip)

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, n_feature) float32; 0 where unknown."""
        z = np.clip((x - self.center) / self.width, -self.clip, self.clip)
        standard: NDArray[np.float32] = np.nan_to_num(z, nan=0.0).astype(np.float32)
        return standard
