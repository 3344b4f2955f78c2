"""Width of the whitened residual pixel by pixel of the observed frame: whether sky lines and joins stand out."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oddqso.spectra.grid import JOINS_ANGSTROM, N_MODEL, model_grid
from oddqso.spectra.lines import SKY_LINES_ANGSTROM, TELLURIC_ANGSTROM

BIN_ANGSTROM: Final = 4.0

_SHARE = 0.6827
_EDGES: Final = np.linspace(0, 4, 201)
_N_CHI = len(_EDGES) - 1
_FEWEST = 100
"""Pixels of which a width is taken."""
_EXCESS = 0.1
_SPREAD_OF_WIDTH = 0.962
"""Standard error of the width times the root of the number of pixels: sqrt(p (1 - p)) / (2 phi(1)), p = 0.6827."""


class FineWidths:
    """Counts of abs(chi) in every pixel of the model grid, gathered batch by batch.

    Examples
    --------
    >>> fine = FineWidths()
    >>> chi = np.random.default_rng(1).normal(size=(300, N_MODEL))
    >>> fine.add(chi, np.ones(chi.shape, bool))
    >>> found = fine.figures(np.ones(N_MODEL))
    >>> found["chi_width_sky"]["excess_noise"] is None, 0.97 < found["chi_width_sky"]["elsewhere"] < 1.03
    (True, True)
    >>> 0.85 < found["chi_width_fine"]["low"] < found["chi_width_fine"]["high"] < 1.15
    True
    """

    def __init__(self) -> None:
        self.counts: NDArray[np.int64] = np.zeros((N_MODEL, _N_CHI), np.int64)

    def add(self, chi: NDArray[np.floating[Any]], use: NDArray[np.bool_]) -> None:
        """Count some of the residuals ``chi`` (n_spec, n_wave)."""
        row, pixel = np.nonzero(use)
        place = np.minimum(np.abs(chi[row, pixel]) * (_N_CHI / _EDGES[-1]), _N_CHI - 1).astype(np.int64)
        self.counts += np.bincount(pixel * _N_CHI + place, minlength=N_MODEL * _N_CHI).reshape(N_MODEL, _N_CHI)

    def figures(self, noise_factor: NDArray[np.floating[Any]]) -> dict[str, Any]:
        """What the card says of them.

        Parameters
        ----------
        noise_factor : (n_wave,) float
            What the model multiplies the noise variance by.

        Returns
        -------
        dict
            ``chi_width_sky``: half the central 68.27 % of chi in all pixels within sky lines, telluric bands, joins of
            arms, those of which the model itself adds a tenth or more to the variance of the noise (the sky lines of
            the far red), and elsewhere; None where there are few pixels. ``chi_width_fine``: in bins of 4 Angstrom the
            1st and 99th percentile of these widths (``low``, ``high``), where the lowest and highest are, and the
            typical ``sampling_error`` of one bin, which alone makes the percentiles differ from 1 by 2.3 times itself.
        """
        wave = model_grid()
        places = {
            "sky_lines": _within(wave, SKY_LINES_ANGSTROM), "telluric": _within(wave, TELLURIC_ANGSTROM),
            "joins": _within(wave, JOINS_ANGSTROM), "excess_noise": noise_factor > 1 + _EXCESS,
        }  # fmt: skip
        places["elsewhere"] = ~np.any(list(places.values()), axis=0)
        sky = {name: _width(self.counts[place].sum(axis=0)) for name, place in places.items()}
        first = np.flatnonzero(np.diff(wave // BIN_ANGSTROM, prepend=0))
        binned = np.add.reduceat(self.counts, first, axis=0)  # (n_bin, n_chi)
        kept = np.flatnonzero(binned.sum(axis=1) >= _FEWEST)
        if len(kept) == 0:
            return {"chi_width_sky": sky, "chi_width_fine": None}
        widths = np.array([_width(binned[one]) for one in kept], dtype=np.float64)
        low, high = np.percentile(widths, (1, 99))
        middle = wave[first[kept]] // BIN_ANGSTROM * BIN_ANGSTROM + BIN_ANGSTROM / 2
        fine = {
            "bin_angstrom": BIN_ANGSTROM, "n_bin": len(kept), "low": float(low), "high": float(high),
            "lowest": float(widths.min()), "lowest_angstrom": float(middle[widths.argmin()]),
            "highest": float(widths.max()), "highest_angstrom": float(middle[widths.argmax()]),
            "sampling_error": float(_SPREAD_OF_WIDTH / np.sqrt(np.median(binned[kept].sum(axis=1)))),
        }  # fmt: skip
        rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in fine.items()}
        return {"chi_width_sky": sky, "chi_width_fine": rounded}


def _within(wave: NDArray[np.float64], bands: tuple[tuple[float, float], ...]) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = np.any([(wave > low) & (wave < high) for low, high in bands], axis=0)
    return inside


def _width(counts: NDArray[np.int64]) -> float | None:
    """The width of a histogram of abs(chi); None of too few pixels."""
    total = counts.sum()
    if total < _FEWEST:
        return None
    return round(float(np.interp(_SHARE * total, np.concatenate([[0], np.cumsum(counts)]), _EDGES)), 4)
