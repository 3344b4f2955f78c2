"""One number a spectrum: how bright its continuum is, against a fixed template in the rest frame."""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from oddqso.spectra.grid import LOG_STEP, model_grid

# Continuum windows of PyQSOFit with little line emission, redward of the Lyman-alpha forest [Angstrom, rest frame].
WINDOWS_ANGSTROM: Final = (
    (1275.0, 1290.0), (1350.0, 1360.0), (1445.0, 1465.0), (1690.0, 1705.0), (1770.0, 1810.0), (1970.0, 2400.0),
    (2480.0, 2675.0), (2925.0, 3400.0), (3775.0, 3832.0), (4000.0, 4050.0), (4200.0, 4230.0), (4435.0, 4640.0),
    (5100.0, 5535.0), (6005.0, 6035.0), (6110.0, 6250.0), (6800.0, 7000.0), (7160.0, 7180.0), (7500.0, 7800.0),
    (8050.0, 8150.0),
)  # fmt: skip

PIVOT_ANGSTROM: Final = 2500.0
"""Rest wavelength at which the template is 1."""
BREAK_ANGSTROM: Final = 5000.0
"""Rest wavelength at which the template's slope changes: host light."""
SLOPE_BLUE: Final = -1.56
"""F_lambda ~ lambda**slope: the SDSS composite of Vanden Berk et al. 2001 below the break (f_nu ~ nu**-0.44)."""
SLOPE_RED: Final = -0.42
"""The same above the break, measured on that composite between 6020 and 7170 Angstrom."""
REDWARD_ANGSTROM: Final = 1230.0
"""Where no window has enough pixels, all pixels redward of this rest wavelength are used."""

_CHUNK: Final = 16
_ENOUGH: Final = 1e-7


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """The template on a grid, in two parts whose redshift is a factor.

    Parameters
    ----------
    log_wave : (n_wave,) float64
        ln of the observed wavelength in Angstrom.
    blue, red : (n_wave,) float64
        The two power laws at redshift 0; at z they are ``(1 + z)**-slope`` times that.
    windows : (n_window, 2) float64
        ln of the windows' limits in Angstrom, rest frame.
    """

    log_wave: NDArray[np.float64]
    blue: NDArray[np.float64]
    red: NDArray[np.float64]
    windows: NDArray[np.float64]


@cache
def template() -> Template:
    """The template on the model grid."""
    wave = model_grid()
    blue = (wave / PIVOT_ANGSTROM) ** SLOPE_BLUE
    red = (BREAK_ANGSTROM / PIVOT_ANGSTROM) ** SLOPE_BLUE * (wave / BREAK_ANGSTROM) ** SLOPE_RED
    return Template(np.log(wave), blue, red, np.log(np.array(WINDOWS_ANGSTROM)))


def continuum(z: float) -> NDArray[np.float64]:
    """The template on the model grid, seen at a redshift, (4000,); 1 at 2500 Angstrom in the rest frame.

    Examples
    --------
    >>> bool(np.isclose(np.interp(5000.0, model_grid(), continuum(1.0)), 1.0, rtol=1e-3))
    True
    """
    return np.asarray(_continuum(model_grid() / (1 + z)))


def _continuum(rest: NDArray[np.float64]) -> NDArray[np.float64]:
    blue = (rest / PIVOT_ANGSTROM) ** SLOPE_BLUE
    red = (BREAK_ANGSTROM / PIVOT_ANGSTROM) ** SLOPE_BLUE * (rest / BREAK_ANGSTROM) ** SLOPE_RED
    return np.where(rest < BREAK_ANGSTROM, blue, red)


@njit(cache=True, nogil=True, error_model="numpy")
def collect(flux, ivar, z, log_wave, blue, red, windows, min_pixels, f, t, w):  # type: ignore[no-untyped-def]
    """Good pixels in the windows, or, if they are too few, all redward of Lyman alpha.

    Parameters
    ----------
    flux, ivar : (n_wave,) float32
    z : float
    log_wave, blue, red, windows
        `Template`.
    min_pixels : int
    f, t, w : (n_wave,) float64
        Filled with flux, template and ivar.

    Returns
    -------
    int
        How many were filled in.
    """
    shift = np.log(1 + z)
    blue_factor, red_factor = np.exp(-SLOPE_BLUE * shift), np.exp(-SLOPE_RED * shift)
    n_blue = int(np.ceil((np.log(BREAK_ANGSTROM) + shift - log_wave[0]) / LOG_STEP))  # pixels below the break
    n_wave = len(log_wave)
    for attempt in range(2):
        n = 0
        for k in range(len(windows) if attempt == 0 else 1):
            low, high = (windows[k, 0], windows[k, 1]) if attempt == 0 else (np.log(REDWARD_ANGSTROM), np.inf)
            start = max(0, int(np.ceil((low + shift - log_wave[0]) / LOG_STEP)))
            stop = n_wave
            if attempt == 0:
                stop = min(n_wave, int(np.floor((high + shift - log_wave[0]) / LOG_STEP)) + 1)
            for j in range(start, stop):
                if ivar[j] > 0:
                    f[n] = flux[j]
                    t[n] = blue[j] * blue_factor if j < n_blue else red[j] * red_factor
                    w[n] = ivar[j]
                    n += 1
        if n >= min_pixels:
            return n
    return 0


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def scale_of(f, t, w, n, scatter, clip_sigma, n_passes):  # type: ignore[no-untyped-def]
    """The scale of a template, and its error from photon noise alone.

    It starts from the median over chunks of 16 pixels of their ivar-weighted ratios, so that no few wild pixels can
    carry it away; then the weight of a pixel is the inverse of its variance with the template's scatter added, and
    outliers are clipped. Multiplying the flux multiplies the scale by the same.

    Parameters
    ----------
    f, t, w : (n_wave,) float64
        Flux, template and ivar, of which the first ``n`` count; ``w`` is turned into the variance.
    n : int
    scatter, clip_sigma : float
    n_passes : int

    Returns
    -------
    scale, error : float
    """
    n_chunk = (n + _CHUNK - 1) // _CHUNK
    ratio = np.empty(n_chunk)
    information = 0.0
    for k in range(n_chunk):
        top, bottom = 0.0, 0.0
        for i in range(k * _CHUNK, min((k + 1) * _CHUNK, n)):
            top += w[i] * t[i] * f[i]
            bottom += w[i] * t[i] * t[i]
        ratio[k] = top / bottom
        information += bottom
    scale = np.median(ratio)
    for i in range(n):
        w[i] = 1 / w[i]
    for _ in range(n_passes):
        top, bottom = 0.0, 0.0
        spread = (scatter * scale) ** 2
        for i in range(n):
            variance = w[i] + spread * t[i] * t[i]
            residual = f[i] - scale * t[i]
            weight = 1 / variance if residual * residual <= clip_sigma * clip_sigma * variance else 0.0
            top += weight * t[i] * f[i]
            bottom += weight * t[i] * t[i]
        if bottom <= 0:
            break
        before, scale = scale, top / bottom
        if abs(scale - before) <= _ENOUGH * abs(scale):
            break
    return scale, 1 / np.sqrt(information)
