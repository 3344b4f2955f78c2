"""From one wavelength grid to another, so that flux is conserved and errors are carried."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from oddqso.spectra.grid import model_grid, native_grid


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """How much of each old pixel lies in each new one.

    Parameters
    ----------
    first : (n_new,) int64
        The first old pixel that touches a new one.
    width : (n_new, n_most) float64
        Width shared with that pixel and those after it [Angstrom]; 0 where they do not touch.
    n_touch : (n_new,) int64
        How many old pixels touch a new one.
    full : (n_new,) float64
        Width of a new pixel [Angstrom].
    """

    first: NDArray[np.int64]
    n_touch: NDArray[np.int64]
    width: NDArray[np.float64]
    full: NDArray[np.float64]


def edges(wave: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pixel edges halfway between the centers, (n_wave + 1,).

    Examples
    --------
    >>> edges(np.array([1.0, 2.0, 4.0])).tolist()
    [0.5, 1.5, 3.0, 5.0]
    """
    middle = 0.5 * (wave[1:] + wave[:-1])
    return np.concatenate([[2 * wave[0] - middle[0]], middle, [2 * wave[-1] - middle[-1]]])


def overlaps(old: NDArray[np.float64], new: NDArray[np.float64]) -> Overlaps:
    """Shared widths of two ascending grids.

    Examples
    --------
    >>> overlaps(np.arange(4.0), np.array([0.5, 2.5])).width.tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    old_edges, new_edges = edges(old), edges(new)
    low, high = new_edges[:-1, None], new_edges[1:, None]  # (n_new, 1)
    first = np.clip(np.searchsorted(old_edges, new_edges[:-1], side="right") - 1, 0, len(old) - 1)
    last = np.clip(np.searchsorted(old_edges, new_edges[1:], side="left") - 1, 0, len(old) - 1)
    n_most = int((last - first).max()) + 1
    first = np.minimum(first, len(old) - n_most)
    i = first[:, None] + np.arange(n_most)  # (n_new, n_most)
    shared = np.minimum(high, old_edges[i + 1]) - np.maximum(low, old_edges[i])
    n_touch = np.where(shared > 0, np.arange(1, n_most + 1), 0).max(axis=1)
    return Overlaps(first.astype(np.int64), n_touch.astype(np.int64), np.maximum(shared, 0.0), np.diff(new_edges))


@cache
def native_to_model() -> Overlaps:
    """The overlaps of the preparation: 7781 native pixels, 4000 model pixels."""
    return overlaps(native_grid(), model_grid())


@njit(cache=True, nogil=True, error_model="numpy")
def rebin_row(flux, variance, first, n_touch, width, full, min_overlap, flux_out, ivar_out):  # type: ignore[no-untyped-def]
    """Rebin one spectrum.

    The flux of a new pixel is the mean of the old ones, weighted by shared width; bad pixels are left out. The variance
    is that of this mean, for independent old pixels; neighbors that share an old pixel are correlated.

    Parameters
    ----------
    flux, variance : (n_old,) float64
        Bad pixels have variance 0 and flux 0.
    first, n_touch, width, full
        `Overlaps`.
    min_overlap : float
        Share of a new pixel that good old pixels must cover.
    flux_out, ivar_out : (n_new,) float32
        Filled; 0 where too little is covered.
    """
    for j in range(len(first)):
        i = first[j]
        covered, total, noise = 0.0, 0.0, 0.0
        for k in range(n_touch[j]):
            w = width[j, k] if variance[i + k] > 0 else 0.0
            covered += w
            total += w * flux[i + k]
            noise += w * w * variance[i + k]
        good = covered >= min_overlap * full[j]
        flux_out[j] = total / covered if good else 0.0
        ivar_out[j] = covered * covered / noise if good else 0.0


def rebin(
    flux: NDArray[np.float32], ivar: NDArray[np.float32], shared: Overlaps, min_overlap: float = 0.5
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Rebinned flux and ivar.

    Parameters
    ----------
    flux, ivar : (n_spec, n_old) float32
        Pixels with ivar 0 carry nothing, whatever their flux.
    shared : Overlaps
        From `overlaps`.
    min_overlap : float
        Share of a new pixel that good old pixels must cover.

    Returns
    -------
    flux, ivar : (n_spec, n_new) float32

    Examples
    --------
    >>> ones = np.ones((1, 7781), np.float32)
    >>> bool(np.allclose(rebin(ones, ones, native_to_model())[0], 1))
    True
    """
    n_spec, n_new = len(flux), len(shared.first)
    flux_out, ivar_out = np.empty((n_spec, n_new), np.float32), np.empty((n_spec, n_new), np.float32)
    good = ivar > 0
    for i in range(n_spec):
        variance = np.divide(1.0, ivar[i], out=np.zeros(flux.shape[1]), where=good[i])
        clean = np.where(good[i], flux[i], 0.0).astype(np.float64)
        rebin_row(
            clean, variance, shared.first, shared.n_touch, shared.width, shared.full, min_overlap, flux_out[i],
            ivar_out[i],
        )  # fmt: skip
    return flux_out, ivar_out
