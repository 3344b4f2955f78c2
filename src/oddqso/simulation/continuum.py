"""The light that is not lines: the broken power law, the Balmer continuum, the host galaxy."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

BREAKS_ANGSTROM = (1100.0, 2200.0, 5700.0, 9730.0)
"""Where the slope changes: simqso's model of the BOSS quasars (McGreer et al. 2013), and 2200 so that the UV bends."""

PIVOT_ANGSTROM = 3000.0


def power_law(rest: Float, slopes: Float) -> Float:
    """F_lambda of a broken power law, 1 at 3000 Angstrom.

    Parameters
    ----------
    rest : (n_wave,) float64
        Wavelength in the rest frame [Angstrom].
    slopes : (5,) float64
        Indices a of f_nu ~ nu^a between the breaks at 1100, 2200, 5700 and 9730 Angstrom.

    Returns
    -------
    (n_wave,) float64

    Examples
    --------
    >>> power_law(np.array([3000.0, 1500.0]), np.array([-1.5, -0.5, -0.5, -0.4, -1.7])).round(3)
    array([1.   , 2.828])
    """
    index = -(np.asarray(slopes) + 2.0)
    knots = np.log(np.array([400.0, *BREAKS_ANGSTROM, 25_000.0]))
    values = np.concatenate([[0.0], np.cumsum(index * np.diff(knots))])
    zero = np.interp(np.log(PIVOT_ANGSTROM), knots, values)
    return np.asarray(np.exp(np.interp(np.log(rest), knots, values) - zero))


def planck(wave: Float, kelvin: float) -> Float:
    """B_lambda of a black body, 1 at 5500 Angstrom."""

    def shape(w: Float | float) -> Float:
        return np.asarray(1 / (np.asarray(w) ** 5 * np.expm1(1.43878e8 / (np.asarray(w) * kelvin))))

    return np.asarray(shape(wave) / shape(5500.0))


def balmer_continuum(rest: Float, kelvin: float = 15_000.0, tau: float = 0.5) -> Float:
    """F_lambda of the Balmer continuum, 1 at 3000 Angstrom (Grandi 1982, eq. 7), with a soft edge at 3646.

    The blended lines of high order carry the flux on across the edge, falling off by 3900 Angstrom.
    """

    def shape(w: Float) -> Float:
        return planck(w, kelvin) * -np.expm1(-tau * (w / 3646.0) ** 3)

    edge = 1 / (1 + np.exp((rest - 3690.0) / 35.0))
    return np.asarray(shape(np.minimum(rest, 3900.0)) / shape(np.array([PIVOT_ANGSTROM]))[0] * edge)


# Absorption of an old stellar population: center [Angstrom], sigma, depth; the strong blends of the MILES models'
# spectra of 5-12 Gyr, by eye.
_OLD_LINES = np.array([
    (3750.0, 25.0, 0.18), (3835.0, 12.0, 0.20), (3934.8, 9.0, 0.42), (3969.6, 9.0, 0.38), (4102.9, 6.0, 0.06),
    (4227.9, 5.0, 0.12), (4305.0, 14.0, 0.20), (4384.8, 7.0, 0.10), (4532.0, 12.0, 0.06), (4668.0, 16.0, 0.09),
    (4862.7, 6.0, 0.09), (5016.0, 14.0, 0.06), (5176.0, 18.0, 0.20), (5271.0, 9.0, 0.10), (5335.0, 9.0, 0.08),
    (5406.0, 7.0, 0.05), (5709.0, 8.0, 0.03), (5783.0, 7.0, 0.02), (5893.6, 6.0, 0.17), (6190.0, 40.0, 0.05),
    (6500.0, 20.0, 0.02), (6700.0, 60.0, 0.03), (7100.0, 60.0, 0.09), (7650.0, 60.0, 0.05), (8195.0, 12.0, 0.05),
    (8500.4, 6.0, 0.12), (8544.4, 7.0, 0.24), (8664.5, 7.0, 0.20),
])  # fmt: skip


_YOUNG_LINES = ((3889.0, 0.16), (3934.8, 0.15), (3970.0, 0.22), (4102.9, 0.17), (4341.7, 0.15), (4862.7, 0.12))
_GRID = np.arange(400.0, 10_400.0, 0.5)


@cache
def _old_table() -> Float:
    light = 0.75 * planck(_GRID, 5600.0) + 0.45 * planck(_GRID, 3800.0)
    light = light * (0.42 + 0.58 / (1 + np.exp(-(_GRID - 4000.0) / 45.0)))
    light = light * (0.35 + 0.65 / (1 + np.exp(-(_GRID - 3200.0) / 180.0)))
    depth = _OLD_LINES[:, 2] * np.exp(-0.5 * ((_GRID[:, None] - _OLD_LINES[:, 0]) / _OLD_LINES[:, 1]) ** 2)
    light = light * np.prod(1 - depth, axis=1)
    return np.asarray(light / np.interp(4200.0, _GRID, light))


def old_galaxy(rest: Float) -> Float:
    """F_lambda of a stellar population of 5-12 Gyr, 1 at 4200 Angstrom: an analytic likeness.

    Two black bodies (dwarfs and giants), the break at 4000 Angstrom, and the strongest absorption blends.
    """
    return np.asarray(np.interp(rest, _GRID, _old_table()))


@cache
def _young_table() -> Float:
    light = 0.5 * planck(_GRID, 11_000.0) + 0.6 * planck(_GRID, 5800.0)
    light = light * (0.68 + 0.32 / (1 + np.exp(-(_GRID - 3760.0) / 50.0)))
    for center, depth in _YOUNG_LINES:
        light = light * (1 - depth * np.exp(-0.5 * ((_GRID - center) / 9.0) ** 2))
    return np.asarray(light / np.interp(4200.0, _GRID, light))


def young_galaxy(rest: Float) -> Float:
    """F_lambda of a star-forming population, 1 at 4200 Angstrom: hot and solar black bodies, a Balmer break."""
    return np.asarray(np.interp(rest, _GRID, _young_table()))
