"""Which latent units carry anything, and their standard form: what the density detectors look at."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from oddqso.errors import DataError
from oddqso.score.params import FitParams
from oddqso.score.protocol import Arrays
from oddqso.spectra import Embedding


@dataclass(frozen=True, slots=True, eq=False)
class ActiveUnits:
    """The latent units that carry information, with the center and width of the ordinary spectra along each.

    Units that the encoder leaves at the prior are noise, and noise hides what is rare: density detectors see active
    units alone, each divided by its robust width.

    Parameters
    ----------
    unit : (n_active,) int64
        Indices of the active units.
    center, width : (n_active,) float64
        Median, and half the range that holds the middle 68.3 % of the training spectra.
    n_latent : int
        How many units there are in all.
    """

    unit: NDArray[np.int64]
    center: NDArray[np.float64]
    width: NDArray[np.float64]
    n_latent: int

    def __call__(self, latent: NDArray[Any]) -> NDArray[np.float32]:
        """Standardized active latents, (n_spec, n_active) float32."""
        if latent.shape[1] != self.n_latent:
            raise DataError(
                f"latent vectors have {latent.shape[1]} units, the detectors were fitted to {self.n_latent}"
            )
        return np.ascontiguousarray((latent[:, self.unit] - self.center) / self.width, dtype=np.float32)

    def to_arrays(self) -> Arrays:
        """Plain arrays."""
        return {
            "unit": self.unit, "center": self.center, "width": self.width, "n_latent": np.array(self.n_latent, np.int64)
        }  # fmt: skip

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """From what `to_arrays` gave."""
        return cls(arrays["unit"], arrays["center"], arrays["width"], int(arrays["n_latent"]))


def unit_kl(embedding: Embedding) -> NDArray[np.float64]:
    """Mean divergence of each latent unit from the standard normal prior, (n_latent,) [nat].

    A single spectrum counts with at most 5 nat, so that a few odd ones cannot make a unit look active.

    Examples
    --------
    >>> from oddqso.testing import make_embedding
    >>> (unit_kl(make_embedding(200, n_latent=4)) > 0.1).tolist()
    [True, True, False, False]
    """
    mean, sigma = embedding.latent.astype(np.float64), np.maximum(embedding.latent_sigma.astype(np.float64), 1e-12)
    divergence = 0.5 * (mean**2 + sigma**2 - 1) - np.log(sigma)  # (n_spec, n_latent)
    typical: NDArray[np.float64] = np.minimum(divergence, 5.0).mean(axis=0)
    return typical


def active_units(embedding: Embedding, params: FitParams) -> ActiveUnits:
    """The active units of a batch of ordinary spectra; the most active one if none passes.

    Raises
    ------
    DataError
        If there are fewer than two spectra.

    Examples
    --------
    >>> from oddqso.testing import make_embedding
    >>> active_units(make_embedding(200, n_latent=4), FitParams()).unit.tolist()
    [0, 1]
    """
    if len(embedding) < 2:
        raise DataError(
            f"{len(embedding)} spectra to fit the detectors to; at least 2 are needed, so raise the FIT share"
        )
    divergence = unit_kl(embedding)
    unit = np.flatnonzero(divergence > params.active_kl_nat)
    if not len(unit):
        unit = np.array([divergence.argmax()])
    low, center, high = np.quantile(embedding.latent[:, unit].astype(np.float64), [0.1587, 0.5, 0.8413], axis=0)
    width = np.maximum((high - low) / 2, 1e-6)
    return ActiveUnits(unit.astype(np.int64), center, width, embedding.latent.shape[1])
