"""The evidence lower bound, kept as a column: what a spectrum costs the model in all, weak alone."""

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from oddqso.score.evidence import Evidence
from oddqso.score.params import FitParams, ScoreParams
from oddqso.score.protocol import Arrays, Training


@dataclass(frozen=True, slots=True)
class ElboScore:
    r"""Minus the evidence lower bound per good pixel [nat], up to what noise alone costs.

    With :math:`s^2 = 1/\mathrm{ivar} + \sigma_m^2` it is :math:`\frac{1}{n} [\mathrm{KL} + \frac{1}{2} \sum r^2 / s^2
    - 1 + \log(s^2\,\mathrm{ivar})]` (Kingma & Welling 2014, eq. 10, for Gaussian errors); residuals are clipped as in
    CHI2.
    """

    params: ScoreParams = field(default_factory=ScoreParams)

    name: ClassVar[str] = "ELBO"

    @classmethod
    def make(cls, fit: FitParams, score: ScoreParams) -> Self:
        """A detector with these settings."""
        return cls(score)

    def fit(self, training: Training, rng: np.random.Generator) -> Self:
        """Itself: nothing to learn."""
        return self

    def __call__(self, evidence: Evidence) -> NDArray[np.float32]:
        """(n_spec,) float32 [nat], NaN without a good pixel."""
        out = np.empty(len(evidence), np.float32)
        _negative_elbo(*evidence.pixels(), evidence.kl.astype(np.float64), self.params.chi_clip**2, out)
        return out

    def to_arrays(self) -> Arrays:
        """Nothing."""
        return {}

    def from_arrays(self, arrays: Arrays) -> Self:
        """Itself."""
        return self


@njit(cache=True, nogil=True)
def _negative_elbo(flux: Any, ivar: Any, model: Any, model_sigma: Any, kl: Any, most: float, out: Any) -> None:
    """Fill ``out`` (n_spec,) from four (n_spec, n_wave) float32 arrays and ``kl`` (n_spec,)."""
    for i in range(flux.shape[0]):
        total = kl[i]
        n_good = 0
        for j in range(flux.shape[1]):
            if ivar[i, j] > 0:
                residual = flux[i, j] - model[i, j]
                blur = 1 + ivar[i, j] * model_sigma[i, j] * model_sigma[i, j]  # s**2 ivar
                total += 0.5 * (min(residual * residual * ivar[i, j] / blur, most) - 1 + math.log(blur))
                n_good += 1
        out[i] = total / n_good if n_good > 0 else np.nan
