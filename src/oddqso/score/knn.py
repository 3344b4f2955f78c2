"""Distance to the nearest ordinary spectra in latent space: plain, and blind to the shape of the crowd."""

from dataclasses import dataclass, field, replace
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
class KnnScore:
    """Mean distance to the ``knn_neighbors`` nearest of at most ``knn_reference`` FIT spectra, in widths of the units.

    A spectrum of the reference is not its own neighbor: distances of exactly 0 do not count.
    """

    params: FitParams = field(default_factory=FitParams)
    units: ActiveUnits | None = None
    reference: NDArray[np.float32] | None = None
    """(n_active, n_reference) float32: standardized latents, one column a spectrum."""

    name: ClassVar[str] = "KNN"

    @classmethod
    def make(cls, fit: FitParams, score: ScoreParams) -> Self:
        """A detector with these settings."""
        return cls(fit)

    def fit(self, training: Training, rng: np.random.Generator) -> Self:
        """Find the active units and keep a random choice of spectra to be near to."""
        units = active_units(training.embedding, self.params)
        chosen = np.sort(rng.permutation(len(training.embedding))[: self.params.knn_reference])
        reference = np.ascontiguousarray(units(training.embedding.latent[chosen]).T)
        return replace(self, units=units, reference=reference)

    def __call__(self, evidence: Evidence) -> NDArray[np.float32]:
        """(n_spec,) float32, in widths of the latent units."""
        if self.units is None or self.reference is None:
            raise StageError("the KNN detector was not fitted; call fit, or load a fitted one")
        out = np.empty(len(evidence), np.float32)
        _mean_distance(self.units(evidence.latent), self.reference, self.params.knn_neighbors, out)
        return out

    def to_arrays(self) -> Arrays:
        """Active units, reference and number of neighbors."""
        if self.units is None or self.reference is None:
            return {}
        return self.units.to_arrays() | {
            "reference": self.reference, "neighbors": np.array(self.params.knn_neighbors, np.int64)
        }  # fmt: skip

    def from_arrays(self, arrays: Arrays) -> Self:
        """From what `to_arrays` gave."""
        params = self.params.model_copy(update={"knn_neighbors": int(arrays["neighbors"])})
        reference = np.ascontiguousarray(arrays["reference"], np.float32)
        return replace(self, params=params, units=ActiveUnits.from_arrays(arrays), reference=reference)


@njit(cache=True, nogil=True)
def _mean_distance(x: Any, reference: Any, n_neighbor: int, out: Any) -> None:
    """Fill ``out`` (n_spec,) from ``x`` (n_spec, n_dim) and ``reference`` (n_dim, n_reference), all float32.

    Sums run over the dimensions in order, so that a row's result is the same in any batch.
    """
    n_dim, n_reference = reference.shape
    squared = np.empty(n_reference, np.float32)
    nearest = np.empty(n_neighbor, np.float32)  # ascending
    for i in range(x.shape[0]):
        squared[:] = 0
        for d in range(n_dim):
            here, there = x[i, d], reference[d]
            for j in range(n_reference):
                step = here - there[j]
                squared[j] += step * step
        nearest[:] = np.inf
        for j in range(n_reference):
            if 0 < squared[j] < nearest[n_neighbor - 1]:
                k = n_neighbor - 1
                while k > 0 and nearest[k - 1] > squared[j]:
                    nearest[k] = nearest[k - 1]
                    k -= 1
                nearest[k] = squared[j]
        total = 0.0
        n_found = 0
        for k in range(n_neighbor):
            if nearest[k] < np.inf:
                total += np.sqrt(nearest[k])
                n_found += 1
        out[i] = total / n_found if n_found > 0 else 0.0
