"""coniferest's active forests: PineForest and Active Anomaly Discovery (AAD)."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oddqso.errors import ConfigError
from oddqso.review.learning.params import Method
from oddqso.review.learning.scaling import Scaling

_MOST_POOL: Final = 20_000
_CLIP: Final = 5.0
_LEAST_SLOPE: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class ConiferForest:
    """A forest that sets rows apart by random cuts and has learned from labels which cuts matter.

    coniferest knows yes and no, and lower is odder there: labels are cut at ``interesting_from``, and the sign is
    flipped here. Its score orders objects and is no interest; a straight line fitted to the labels makes it one, and
    the scatter about the line is the uncertainty, the same for all.

    References: Das et al. 2017, arXiv:1708.09441 (AAD); Korolev et al. 2024, arXiv:2410.17142 (PineForest).
    """

    method: Method
    interesting_from: float
    n_trees: int = 100

    @property
    def name(self) -> str:
        """See `Model`."""
        return "AAD forest" if self.method == "aad" else "PineForest"

    def fit(
        self,
        pool: NDArray[np.float32],
        x: NDArray[np.float32],
        interest: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> "FittedConifer":
        """See `Model`; the trees are made of the pool.

        Raises
        ------
        ConfigError
            If coniferest is not installed.
        """
        scaling = Scaling.fit(pool, _CLIP)
        some = pool if len(pool) <= _MOST_POOL else pool[np.sort(rng.permutation(len(pool))[:_MOST_POOL])]
        known = scaling(x).astype(np.float64)
        labels = np.where(interest >= self.interesting_from, -1, 1)  # coniferest: anomaly -1, regular 1
        forest = self._forest(int(rng.integers(2**31)))
        forest.fit_known(np.concatenate([scaling(some), known]), known, labels)
        odd = -np.asarray(forest.score_samples(known))
        slope = max(float(np.cov(odd, interest)[0, 1] / max(odd.var(ddof=1), 1e-12)), _LEAST_SLOPE)
        offset = float(interest.mean() - slope * odd.mean())
        scatter = float(np.sqrt(np.mean((interest - offset - slope * odd) ** 2)))
        return FittedConifer(forest, scaling, offset, slope, scatter)

    def _forest(self, seed: int) -> Any:
        try:
            from coniferest.aadforest import AADForest
            from coniferest.pineforest import PineForest
        except ImportError as error:
            raise ConfigError(
                f"method = {self.method} needs coniferest; install 'oddqso[coniferest]', or choose auto"
            ) from error
        kind = AADForest if self.method == "aad" else PineForest
        return kind(n_trees=self.n_trees, n_subsamples=256, n_jobs=1, random_seed=seed)


@dataclass(frozen=True, slots=True, eq=False)
class FittedConifer:
    """A forest of coniferest that has seen labels; the straight line from its score to interest, and the scatter."""

    forest: Any
    scaling: Scaling
    offset: float
    slope: float
    scatter: float

    def __call__(self, x: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """See `Fitted`."""
        odd = -np.asarray(self.forest.score_samples(self.scaling(x).astype(np.float64)))
        return (self.offset + self.slope * odd).astype(np.float32), np.full(len(x), self.scatter, np.float32)
