"""Loops over pixels that NumPy would do slowly; all on grids of equal steps."""

from math import exp

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float = NDArray[np.float64]


@njit(cache=True, nogil=True)
def add_gaussians(out: Float, first: float, step: float, centers: Float, sigmas: Float, heights: Float) -> None:
    """Add Gaussians to a spectrum, each out to six sigma, in place.

    Parameters
    ----------
    out : (n_wave,) float64
        Flux on the grid ``first + step * i``.
    centers, sigmas, heights : (n_line,) float64
        Of the Gaussians; lengths in the unit of the grid.
    """
    n_wave = len(out)
    for k in range(len(centers)):
        sigma = sigmas[k]
        height = heights[k]
        if height == 0.0 or sigma <= 0.0:
            continue
        low = max(0, int((centers[k] - 6 * sigma - first) / step) + 1)
        high = min(n_wave, int((centers[k] + 6 * sigma - first) / step) + 1)
        if high <= low:
            continue
        # exp(-x^2 / 2) on equal steps by recurrence: two multiplications a pixel
        d = step / sigma
        x = (first + low * step - centers[k]) / sigma
        value = height * exp(-0.5 * x * x)
        if abs(x) > 6.5:  # the grid begins inside the line's window only
            value = 0.0
        ratio = exp(-x * d - 0.5 * d * d)
        decay = exp(-d * d)
        for i in range(low, high):
            out[i] += value
            value *= ratio
            ratio *= decay


@njit(cache=True, nogil=True)
def blur(flux: Float, weights: Float) -> Float:
    """A spectrum behind the instrument: each pixel is a weighted mean of its neighbors.

    Parameters
    ----------
    flux : (n_wave,) float64
    weights : (n_wave, n_tap) float64
        Weights of the pixels ``i - n_tap // 2 ... i + n_tap // 2``; rows sum to 1. The ends are repeated.

    Returns
    -------
    (n_wave,) float64
    """
    n_wave, n_tap = weights.shape
    half = n_tap // 2
    out = np.empty(n_wave)
    for i in range(n_wave):
        total = 0.0
        for k in range(n_tap):
            total += weights[i, k] * flux[min(max(i + k - half, 0), n_wave - 1)]
        out[i] = total
    return out


@njit(cache=True, nogil=True)
def correlated(white: Float, length_px: float) -> Float:
    """Unit-variance noise with exponential correlation, from white noise.

    Parameters
    ----------
    white : (n,) float64
        Independent standard normal deviates.
    length_px : float
        Correlation length [pixels].
    """
    keep = exp(-1.0 / length_px)
    fresh = (1.0 - keep * keep) ** 0.5
    out = np.empty(len(white))
    last = white[0]
    out[0] = last
    for i in range(1, len(white)):
        last = keep * last + fresh * white[i]
        out[i] = last
    return out
