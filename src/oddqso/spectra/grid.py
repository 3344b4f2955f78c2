"""Wavelength grids: the three DESI arms, the joined native grid, and the logarithmic model grid.

All wavelengths are in vacuum, in the observed frame unless said otherwise [Angstrom].
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

ARMS: Final = ("B", "R", "Z")
"""The arms of the DESI spectrographs, blue to red."""

STEP_ANGSTROM: Final = 0.8
_FIRST_ANGSTROM: Final = {"B": 3600.0, "R": 5760.0, "Z": 7520.0}
_N_WAVE: Final = {"B": 2751, "R": 2326, "Z": 2881}

JOINS_ANGSTROM: Final = ((5760.0, 5800.0), (7520.0, 7620.0))
"""Where two neighboring arms overlap."""

N_NATIVE: Final = 7781
N_MODEL: Final = 4000

LOG_STEP: Final = float(np.log(9824.0 / 3600.0) / (N_MODEL - 1))
"""Step of the model grid in ln(wavelength), about 75 km/s."""


def arm_grid(arm: str) -> NDArray[np.float64]:
    """Wavelengths of one arm, (n_wave,) [Angstrom].

    Examples
    --------
    >>> arm_grid("R")[0], len(arm_grid("R"))
    (np.float64(5760.0), 2326)
    """
    return _FIRST_ANGSTROM[arm] + STEP_ANGSTROM * np.arange(_N_WAVE[arm], dtype=np.float64)


def arm_start(arm: str) -> int:
    """Index of an arm's first pixel in the native grid.

    Examples
    --------
    >>> [arm_start(arm) for arm in ARMS]
    [0, 2700, 4900]
    """
    return round((_FIRST_ANGSTROM[arm] - _FIRST_ANGSTROM["B"]) / STEP_ANGSTROM)


def native_grid() -> NDArray[np.float64]:
    """The joined grid of the three arms, (7781,) from 3600 to 9824 in steps of 0.8 [Angstrom]."""
    return _FIRST_ANGSTROM["B"] + STEP_ANGSTROM * np.arange(N_NATIVE, dtype=np.float64)


def model_grid() -> NDArray[np.float64]:
    """The grid of the model, (4000,) uniform in log wavelength from 3600 to 9824 [Angstrom].

    A redshift is a translation on it: by ``ln(1 + z) / LOG_STEP`` pixels.
    """
    wave: NDArray[np.float64] = 3600.0 * np.exp(LOG_STEP * np.arange(N_MODEL, dtype=np.float64))
    return wave
