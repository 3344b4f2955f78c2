"""The plainest detector: how far the whole spectrum is from its reconstruction."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from oddqso.score.evidence import Evidence
from oddqso.score.params import FitParams, ScoreParams
from oddqso.score.protocol import Arrays, Training


@dataclass(frozen=True, slots=True)
class Chi2Score:
    """Mean squared whitened residual, minus 1, over good pixels; residuals are clipped.

    Zero is a spectrum that the model explains within the errors. The clip leaves single pixels to the narrow filters.
    The scatter of noise alone is ``sqrt(2 / n_good)``; the part of a misfit grows with S/N squared, which is why the
    score is never compared across S/N before it is normalized.
    """

    params: ScoreParams = field(default_factory=ScoreParams)

    name: ClassVar[str] = "CHI2"

    @classmethod
    def make(cls, fit: FitParams, score: ScoreParams) -> Self:
        """A detector with these settings."""
        return cls(score)

    def fit(self, training: Training, rng: np.random.Generator) -> Self:
        """Itself: nothing to learn."""
        return self

    def __call__(self, evidence: Evidence) -> NDArray[np.float32]:
        """(n_spec,) float32, NaN without a good pixel."""
        out = np.empty(len(evidence), np.float32)
        _excess(*evidence.pixels(), np.float32(self.params.chi_clip), out)
        return out

    def to_arrays(self) -> Arrays:
        """Nothing."""
        return {}

    def from_arrays(self, arrays: Arrays) -> Self:
        """Itself."""
        return self


@njit(cache=True, nogil=True)
def _excess(flux: Any, ivar: Any, model: Any, model_sigma: Any, clip: Any, out: Any) -> None:
    """Fill ``out`` (n_spec,) from four (n_spec, n_wave) float32 arrays."""
    most = clip * clip
    for i in range(flux.shape[0]):
        total = 0.0
        n_good = 0
        for j in range(flux.shape[1]):
            if ivar[i, j] > 0:
                residual = flux[i, j] - model[i, j]
                chi2 = residual * residual / (1 / ivar[i, j] + model_sigma[i, j] * model_sigma[i, j])
                total += min(chi2, most)
                n_good += 1
        out[i] = total / n_good - 1 if n_good > 0 else np.nan
