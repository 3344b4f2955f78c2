"""`RestTemplates`: what a quasar looks like at rest, and how it varies."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddqso.errors import DataError
from oddqso.spectra.grid import LOG_STEP

_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class RestTemplates:
    """Mean spectrum and components at rest; a spectrum is about ``A (mean + sum c_k component_k)``, ``c ~ N(0, 1)``.

    Parameters
    ----------
    wave : (n_rest,) float64
        Rest-frame wavelength in vacuum [Angstrom], uniform in its logarithm with the step of the model grid; the
        first pixel is the model grid's first one at the largest redshift covered.
    flux : (n_template, n_rest) float32
        Row 0 is the mean, the others are components, in any common unit; absorption by the intergalactic medium is
        taken out.

    Raises
    ------
    DataError
        If shapes do not agree, or the grid has another step.

    Examples
    --------
    >>> wave = 1000.0 * np.exp(LOG_STEP * np.arange(3))
    >>> RestTemplates(wave, np.ones((2, 3), np.float32)).flux.shape
    (2, 3)
    """

    wave: NDArray[np.float64]
    flux: NDArray[np.float32]

    def __post_init__(self) -> None:
        shape: tuple[Any, ...] = self.flux.shape
        if len(shape) != 2 or shape[0] < 1 or shape[1] != len(self.wave):
            raise DataError(f"RestTemplates.flux has shape {shape}, expected (n_template, {len(self.wave)})")
        if not np.allclose(np.diff(np.log(self.wave)), LOG_STEP, rtol=0, atol=_TOLERANCE * LOG_STEP):
            raise DataError(f"RestTemplates.wave is not uniform in ln(wavelength) with a step of {LOG_STEP:.6g}")
