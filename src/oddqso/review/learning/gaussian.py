"""A Gaussian process: for few labels, with an uncertainty that means something."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oddqso.review.learning.scaling import Scaling

_LARGEST = 5.0
"""Interest is learned as a share of this."""
_GUESSED = 5
"""How many labels the guessed variance is worth."""


@dataclass(frozen=True, slots=True, eq=False)
class GaussianProcess:
    """Interest as a smooth function of standardized features (Rasmussen & Williams 2006, eqs. 2.25 and 2.26).

    Far from all labels it falls back to ``prior + slope * SCORE``: before anything is known, odder is more
    interesting. The kernel is ``exp(-d^2 / (2 length^2)) + linear * x . x' / n_feature`` with the mean square
    difference of the features as ``d^2``.

    Parameters
    ----------
    score : int or None
        Which feature is SCORE; None if there is none.
    length : float
        How far a label reaches, in widths of the features.
    linear : float
        Variance of the linear part, relative to the smooth part.
    noise : float
        Variance of a label, relative to the smooth part: people are not of one mind, and features do not say all.
    prior : float
        Interest expected of an object of SCORE 0, as a share of the largest.
    slope : float
        By how much a unit of SCORE, a tail ten times rarer, adds to it.
    guess : float
        Standard deviation of the smooth part before anything is known, as a share of the largest interest.
    clip : float
        Farther than so many widths from the middle, features are alike.
    """

    score: int | None = None
    length: float = 0.7
    linear: float = 0.05
    noise: float = 0.1
    prior: float = 0.0
    slope: float = 0.05
    guess: float = 0.3
    clip: float = 2.0
    name: str = "Gaussian process"

    def fit(
        self,
        pool: NDArray[np.float32],
        x: NDArray[np.float32],
        interest: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> "FittedProcess":
        """See `Model`; the pool gives the features their widths."""
        scaling = Scaling.fit(pool, self.clip)
        known = scaling(x).astype(np.float64)
        covariance = self.kernel(known, known) + self.noise * np.eye(len(known))
        whiten = np.linalg.inv(np.linalg.cholesky(covariance)) if len(known) else np.zeros((0, 0))
        white = whiten @ (interest / _LARGEST - self.mean(x))
        # the variance that makes the labels most likely, as if _GUESSED labels had the guessed one before
        amplitude = np.sqrt((white @ white + _GUESSED * self.guess**2) / (len(known) + _GUESSED))
        return FittedProcess(self, scaling, known, whiten, whiten.T @ white, float(amplitude))

    def kernel(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        """Covariance of standardized rows, (n_a, n_b)."""
        n_feature = max(a.shape[1], 1)
        product = a @ b.T / n_feature
        square = np.square(a).mean(axis=1)[:, None] + np.square(b).mean(axis=1) - 2 * product
        kernel: NDArray[np.float64] = np.exp(-np.maximum(square, 0) / (2 * self.length**2)) + self.linear * product
        return kernel

    def mean(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """What is expected before anything is known, (n,), as a share of the largest interest."""
        score = np.zeros(len(x)) if self.score is None else np.nan_to_num(x[:, self.score].astype(np.float64), nan=0.0)
        return self.prior + self.slope * score


@dataclass(frozen=True, slots=True, eq=False)
class FittedProcess:
    """A Gaussian process that has seen labels.

    Parameters
    ----------
    process : GaussianProcess
    scaling : Scaling
    known : (n_label, n_feature) float64
        The labeled objects, standardized.
    whiten : (n_label, n_label) float64
        Inverse of the Cholesky factor of their covariance.
    weight : (n_label,) float64
        What each of them adds, by covariance.
    amplitude : float
        Standard deviation of the smooth part, as a share of the largest interest; learned from the labels.
    """

    process: GaussianProcess
    scaling: Scaling
    known: NDArray[np.float64]
    whiten: NDArray[np.float64]
    weight: NDArray[np.float64]
    amplitude: float

    def __call__(self, x: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """See `Fitted`."""
        z = self.scaling(x).astype(np.float64)
        shared = self.process.kernel(z, self.known)  # (n, n_label)
        mean = self.process.mean(x) + shared @ self.weight
        own = 1 + self.process.noise + self.process.linear * np.square(z).mean(axis=1)  # that of a label
        variance = np.maximum(own - np.square(shared @ self.whiten.T).sum(axis=1), 0)
        sigma = _LARGEST * self.amplitude * np.sqrt(variance)
        return (_LARGEST * mean).astype(np.float32), sigma.astype(np.float32)
