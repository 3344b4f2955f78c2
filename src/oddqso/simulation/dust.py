"""Dust at a quasar or in front of it: the SMC law and the bump at 2175 Angstrom."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


def drude(inverse_micron: Float, center: float = 4.59, width: float = 0.95) -> Float:
    """The Drude profile D(x) of the 2175 Angstrom bump (Fitzpatrick & Massa 1990, eq. 3a)."""
    square = inverse_micron**2
    return np.asarray(square / ((square - center**2) ** 2 + square * width**2))


def smc_extinction(rest: Float) -> Float:
    """A(lambda) of E(B-V) = 1 mag by the SMC bar's mean curve (Gordon et al. 2003, table 3).

    Parameters
    ----------
    rest : (n_wave,) float64
        Wavelength in the frame of the dust [Angstrom].

    Returns
    -------
    (n_wave,) float64
        Extinction [mag].

    Examples
    --------
    >>> smc_extinction(np.array([1450.0, 2800.0])).round(1)
    array([13.7,  6.1])
    """
    return np.asarray(np.interp(rest, *_smc_table()))


@cache
def _smc_table() -> tuple[Float, Float]:
    rest = np.arange(900.0, 25_000.0, 2.0)
    x = 1e4 / rest
    far = np.where(x > 5.9, 0.5392 * (x - 5.9) ** 2 + 0.05644 * (x - 5.9) ** 3, 0.0)
    curve = 2.74 - 4.959 + 2.264 * x + 0.389 * drude(x, 4.6, 1.0) + 0.461 * far
    # The form holds blueward of 2700 Angstrom; redward the tabulated curve of the same paper.
    knots = np.array([2700.0, 3500.0, 4400.0, 5500.0, 7000.0, 8100.0, 12_500.0, 25_000.0])
    table = np.array([6.31, 4.8, 3.8, 2.74, 2.0, 1.65, 0.47, 0.2])
    table[0] = 2.74 - 4.959 + 2.264 / 0.27 + 0.389 * drude(np.array([1 / 0.27]), 4.6, 1.0)[0]
    return rest, np.where(rest < 2700.0, curve, np.interp(rest, knots, table))


def smc_transmission(rest: Float, ebv: float) -> Float:
    """The share of the light that passes E(B-V) of SMC dust."""
    return np.asarray(10 ** (-0.4 * ebv * smc_extinction(rest)))


def bump_transmission(rest: Float, height_mag: float, width: float = 0.95) -> Float:
    """The share of the light that passes a 2175 Angstrom bump of this peak absorption [mag], beyond any smooth law.

    Examples
    --------
    >>> bump_transmission(np.array([2175.0, 5000.0]), 1.0).round(1)
    array([0.4, 1. ])
    """
    profile = drude(1e4 / rest, 4.59, width) * width**2
    return np.asarray(10 ** (-0.4 * height_mag * profile))
