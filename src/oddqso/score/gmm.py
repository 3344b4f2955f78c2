"""Rare shapes that the decoder reproduces: the density of ordinary spectra in latent space, as a Gaussian mixture."""

import warnings
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
class Mixture:
    """Gaussians with full covariances, ready to be evaluated.

    Parameters
    ----------
    log_weight : (n_component,) float64
        ``log(weight) + log(det(precision)) / 2 - n_dim / 2 log(2 pi)``.
    mean : (n_component, n_dim) float64
        Centers.
    whitener : (n_component, n_dim, n_dim) float64
        Upper triangular; ``(x - mean) @ whitener`` has unit covariance.
    """

    log_weight: NDArray[np.float64]
    mean: NDArray[np.float64]
    whitener: NDArray[np.float64]

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """``-log p(x)`` [nat], (n_spec,) of an (n_spec, n_dim) batch."""
        out = np.empty(len(x))
        _negative_log_density(np.ascontiguousarray(x, np.float32), self.log_weight, self.mean, self.whitener, out)
        return out


def fit_mixture(x: NDArray[Any], params: FitParams, seed: int) -> Mixture:
    """The Gaussian mixture with the best Bayesian information criterion, without its smallest members.

    Parameters
    ----------
    x : (n_spec, n_dim) float
        Standardized latents.
    params : FitParams
        Numbers of Gaussians to try, smallest weight, regularization.
    seed : int
        Seed of the first guess.
    """
    from sklearn.exceptions import ConvergenceWarning  # slow to import, and needed for fitting only
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    x = np.asarray(x, np.float64)
    n_spec, n_dim = x.shape
    n_free = n_dim * (n_dim + 3) // 2
    sizes = [k for k in params.gmm_components if k * n_free <= n_spec] or [1]
    with warnings.catch_warnings(), threadpool_limits(1):  # on more threads the sums differ in their last digits
        warnings.simplefilter("ignore", ConvergenceWarning)  # an unfinished fit is still a density
        tried = [
            GaussianMixture(k, reg_covar=params.gmm_regularization, random_state=seed, max_iter=200).fit(x)
            for k in sizes
        ]
    best = min(tried, key=lambda mixture: mixture.bic(x))
    kept = best.weights_ >= min(params.gmm_min_weight, best.weights_.max())
    whitener = best.precisions_cholesky_[kept]
    log_det = np.log(np.diagonal(whitener, axis1=1, axis2=2)).sum(axis=1)
    weight = best.weights_[kept] / best.weights_[kept].sum()
    return Mixture(
        np.log(weight) + log_det - 0.5 * n_dim * np.log(2 * np.pi), best.means_[kept], np.ascontiguousarray(whitener)
    )


@dataclass(frozen=True, slots=True, eq=False)
class GmmScore:
    """Minus the log density of the active latent units under a Gaussian mixture [nat]."""

    params: FitParams = field(default_factory=FitParams)
    units: ActiveUnits | None = None
    mixture: Mixture | None = None

    name: ClassVar[str] = "GMM"

    @classmethod
    def make(cls, fit: FitParams, score: ScoreParams) -> Self:
        """A detector with these settings."""
        return cls(fit)

    def fit(self, training: Training, rng: np.random.Generator) -> Self:
        """Find the active units and fit the mixture to them."""
        units = active_units(training.embedding, self.params)
        seed = int(rng.integers(2**31))
        return replace(self, units=units, mixture=fit_mixture(units(training.embedding.latent), self.params, seed))

    def __call__(self, evidence: Evidence) -> NDArray[np.float32]:
        """(n_spec,) float32 [nat]."""
        if self.units is None or self.mixture is None:
            raise StageError("the GMM detector was not fitted; call fit, or load a fitted one")
        return self.mixture(self.units(evidence.latent)).astype(np.float32)

    def to_arrays(self) -> Arrays:
        """Active units and mixture."""
        if self.units is None or self.mixture is None:
            return {}
        mixture = self.mixture
        return self.units.to_arrays() | {
            "log_weight": mixture.log_weight, "mean": mixture.mean, "whitener": mixture.whitener
        }  # fmt: skip

    def from_arrays(self, arrays: Arrays) -> Self:
        """From what `to_arrays` gave."""
        mixture = Mixture(arrays["log_weight"], arrays["mean"], arrays["whitener"])
        return replace(self, units=ActiveUnits.from_arrays(arrays), mixture=mixture)


@njit(cache=True, nogil=True)
def _negative_log_density(x: Any, log_weight: Any, mean: Any, whitener: Any, out: Any) -> None:
    """Fill ``out`` (n_spec,) float64 from ``x`` (n_spec, n_dim) float32; sums run in one order for every batch."""
    n_component, n_dim = mean.shape
    log_p = np.empty(n_component)
    for i in range(x.shape[0]):
        for k in range(n_component):
            distance = 0.0
            for d in range(n_dim):
                projected = 0.0
                for e in range(d + 1):  # the whitener is upper triangular
                    projected += (x[i, e] - mean[k, e]) * whitener[k, e, d]
                distance += projected * projected
            log_p[k] = log_weight[k] - 0.5 * distance
        top = log_p.max()
        total = 0.0
        for k in range(n_component):
            total += np.exp(log_p[k] - top)
        out[i] = -(top + np.log(total))
