"""Galactic transmission of one spectrum, pixel by pixel, cheaply."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from oddqso.spectra.dust import galactic_extinction

BLOCK = 32
_EXPONENT = 0.4 * np.log(10.0)


@njit(cache=True, nogil=True, error_model="numpy")
def fill_dimming(extinction, mag, out):  # type: ignore[no-untyped-def]
    """Fill ``out`` with ``10**(0.4 mag extinction)``: what the flux was divided by on its way to us.

    The exponential is taken once a block of pixels and continued by its series up to the fourth order, which is exact
    to 1e-11 for E(B-V) of 1 mag.

    Parameters
    ----------
    extinction : (n_wave,) float64
        Extinction per magnitude of E(B-V), smooth [mag].
    mag : float
        E(B-V) [mag]; negative to undo.
    out : (n_wave,) float64
        Filled.
    """
    n_wave = len(extinction)
    for start in range(0, n_wave, BLOCK):
        stop = min(start + BLOCK, n_wave)
        middle = extinction[(start + stop) // 2]
        base = np.exp(_EXPONENT * mag * middle)
        for i in range(start, stop):
            x = _EXPONENT * mag * (extinction[i] - middle)
            out[i] = base * (1 + x * (1 + x * (0.5 + x * (1 / 6 + x / 24))))


def dimming(wave: NDArray[np.float64], ebv: float) -> NDArray[np.float64]:
    """What the Galaxy divided a flux by, (n_wave,).

    Parameters
    ----------
    wave : (n_wave,) float64
        Vacuum wavelength, observed frame [Angstrom].
    ebv : float
        E(B-V) of SFD98 [mag].

    Examples
    --------
    >>> bool(dimming(np.array([4000.0, 8000.0]), 0.1)[0] > dimming(np.array([4000.0, 8000.0]), 0.1)[1] > 1)
    True
    """
    out = np.empty(len(wave))
    fill_dimming(galactic_extinction(wave), ebv, out)
    return out
