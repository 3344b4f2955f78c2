"""Spectra made coarse enough to be seen: means of neighboring pixels, weighted by inverse variance."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from oddqso.reports.results import SpectrumView

_WIDTHS: Final = (4, 6, 8, 12, 16)
_WANTED_SNR: Final = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Binned:
    """Means of pixels.

    Parameters
    ----------
    wave : (n_bin,) float64
        Middle of the bin [Angstrom].
    flux, sigma : (n_bin,) float64
        Mean and its standard deviation, weighted by ivar; NaN where no pixel is good.
    """

    wave: NDArray[np.float64]
    flux: NDArray[np.float64]
    sigma: NDArray[np.float64]


def bin_pixels(view: SpectrumView, n_pixel: int) -> Binned:
    """Means of ``n_pixel`` neighboring pixels; the last pixels that fill no bin are left out.

    Examples
    --------
    >>> ones = np.ones(4, np.float32)
    >>> view = SpectrumView(1, 1.0, np.arange(4.0), np.array([1, 3, 5, 7], np.float32), ones, ones, ones)
    >>> bin_pixels(view, 2).flux.tolist()
    [2.0, 6.0]
    """
    n_bin = len(view.wave) // n_pixel
    shape, used = (n_bin, n_pixel), n_bin * n_pixel
    known = (view.ivar > 0) & np.isfinite(view.flux)
    ivar = np.where(known, view.ivar, 0.0)[:used].reshape(shape).astype(np.float64)
    flux = np.where(known, view.flux, 0.0)[:used].reshape(shape).astype(np.float64)
    weight = ivar.sum(axis=1)
    seen = weight > 0
    safe = np.where(seen, weight, 1.0)
    return Binned(
        wave=view.wave[:used].reshape(shape).mean(axis=1),
        flux=np.where(seen, (ivar * flux).sum(axis=1) / safe, np.nan),
        sigma=np.where(seen, 1 / np.sqrt(safe), np.nan),
    )


def pixels_for(view: SpectrumView) -> int:
    """How many pixels to take together so that the typical bin has a signal-to-noise ratio of 10; from 4 to 16."""
    known = (view.ivar > 0) & np.isfinite(view.flux)
    if not known.any():
        return _WIDTHS[-1]
    snr = float(np.median(np.abs(view.flux[known]) * np.sqrt(view.ivar[known])))
    return next((n for n in _WIDTHS if snr * np.sqrt(n) >= _WANTED_SNR), _WIDTHS[-1])
