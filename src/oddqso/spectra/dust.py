"""Galactic extinction: one law for the simulator and for the preparation."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

SFD_RESCALING = 0.86
"""Schlafly & Finkbeiner 2011: SFD98 reddening times this, with an R_V = 3.1 law of Fitzpatrick 1999."""


@cache
def _curve() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from astropy import units  # both slow to import
    from dust_extinction.parameter_averages import F99

    wave = np.arange(3500.0, 10000.0, 2.0)  # (n_wave,)
    return wave, 3.1 * np.asarray(F99(Rv=3.1)(wave * units.AA), dtype=np.float64)


def galactic_extinction(wave: NDArray[np.float64]) -> NDArray[np.float64]:
    """A(lambda) per unit of SFD98 E(B-V), the rescaling of 0.86 included.

    Parameters
    ----------
    wave : (n_wave,) float64
        Vacuum wavelength in the observed frame, within 3500-9998 [Angstrom].

    Returns
    -------
    (n_wave,) float64
        Extinction [mag] of E(B-V) = 1 mag: Fitzpatrick 1999 with R_V = 3.1.

    Examples
    --------
    >>> blue, red = galactic_extinction(np.array([4400.0, 9000.0]))
    >>> bool(3.0 < blue < 4.0) and bool(0.9 < red < 1.4)
    True
    """
    grid, curve = _curve()
    return SFD_RESCALING * np.interp(wave, grid, curve)
