"""How well one spectrum is reconstructed, as a whole and line by line."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from oddqso.reports.results import SpectrumView
from oddqso.spectra.lines import LINES, LYMAN_ALPHA_ANGSTROM, Line

LINE_REACH_KMS: Final = 3000.0
"""Pixels this close to an emission line count as line pixels."""

MIN_PIXELS: Final = 100
"""Of spectra with fewer good pixels redward of Lyman alpha nothing is said."""

_LIGHT_KMS: Final = 299_792.458


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """How well one spectrum is reconstructed, over good pixels redward of Lyman alpha.

    Parameters
    ----------
    error : float
        Root mean square difference from the model beyond the noise, as a share of the mean flux; the weights are ivar.
    line_error : float
        The same within `LINE_REACH_KMS` of an emission line; NaN where there is none.
    within : (3,) float64
        Share of pixels within 1, 2 and 3 standard deviations of noise and model error.
    explained : float
        Share of the flux's variance, noise subtracted, that the model explains.
    chi_width : float
        Half of the distance between the 15.87th and 84.13th percentile of the whitened residual; 1 is perfect.
    """

    error: float
    line_error: float
    within: NDArray[np.float64]
    explained: float
    chi_width: float


def reconstruction_of(view: SpectrumView) -> Reconstruction | None:
    """How well a spectrum is reconstructed; None where fewer than 100 good pixels lie redward of Lyman alpha.

    Examples
    --------
    >>> wave = np.arange(4000.0, 5000.0)
    >>> flux = np.where(np.arange(1000) % 2, 1.1, 0.9).astype(np.float32)
    >>> ones = np.ones(1000, np.float32)
    >>> found = reconstruction_of(SpectrumView(1, 0.5, wave, flux, 1e8 * ones, ones, 0 * ones))
    >>> round(found.error, 3), round(found.explained, 3)
    (0.1, 0.0)
    """
    use = view.good & (view.rest > LYMAN_ALPHA_ANGSTROM)
    if np.count_nonzero(use) < MIN_PIXELS:
        return None
    flux, ivar = view.flux[use].astype(np.float64), view.ivar[use].astype(np.float64)
    residual = flux - view.model[use]
    chi = view.chi[use]
    mean = np.sum(ivar * flux) / np.sum(ivar)
    if not mean > 0:
        return None
    noise = np.count_nonzero(use) / np.sum(ivar)
    spread = np.sum(ivar * (flux - mean) ** 2) / np.sum(ivar) - noise
    missed = np.sum(ivar * residual**2) / np.sum(ivar) - noise
    low, high = np.percentile(chi, (15.865, 84.135))
    return Reconstruction(
        error=float(np.sqrt(max(0.0, missed)) / mean),
        line_error=_line_error(view.rest[use], flux, ivar, residual),
        within=np.array([np.mean(np.abs(chi) < k) for k in (1, 2, 3)]),
        explained=float(1 - max(0.0, missed) / spread) if spread > 0 else float("nan"),
        chi_width=float((high - low) / 2),
    )


def _line_error(
    rest: NDArray[np.float64], flux: NDArray[np.float64], ivar: NDArray[np.float64], residual: NDArray[np.float64]
) -> float:
    near = np.zeros(len(rest), dtype=np.bool_)
    for line in LINES:
        if line.broad:
            near |= _near(rest, line)
    return _error_within(near, flux, ivar, residual)


def _near(rest: NDArray[np.float64], line: Line) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = np.abs(rest / line.wave_angstrom - 1) < LINE_REACH_KMS / _LIGHT_KMS
    return near


def _error_within(
    near: NDArray[np.bool_], flux: NDArray[np.float64], ivar: NDArray[np.float64], residual: NDArray[np.float64]
) -> float:
    """As `Reconstruction.error`, over some of the pixels; NaN where they are few."""
    if np.count_nonzero(near) < MIN_PIXELS // 2:
        return float("nan")
    weight = ivar[near] / np.sum(ivar[near])
    missed = np.sum(weight * residual[near] ** 2) - np.count_nonzero(near) / np.sum(ivar[near])
    mean = np.sum(weight * flux[near])
    return float(np.sqrt(max(0.0, missed)) / mean) if mean > 0 else float("nan")


def line_errors(view: SpectrumView) -> dict[str, float]:
    """Error within `LINE_REACH_KMS` of each broad line redward of Lyman alpha that the spectrum covers.

    Returns
    -------
    dict of str to float
        As `Reconstruction.error`; the key is the line's name and its wavelength [Angstrom].

    Examples
    --------
    >>> wave, ones = np.arange(4550.0, 4750.0), np.ones(200, np.float32)
    >>> found = line_errors(SpectrumView(1, 2.0, wave, 1.1 * ones, 1e8 * ones, ones, 0 * ones))
    >>> {name: round(error, 3) for name, error in found.items()}
    {'C IV 1549': 0.091}
    """
    flux, ivar = view.flux.astype(np.float64), view.ivar.astype(np.float64)
    good, rest, found = view.good, view.rest, {}
    for line in LINES:
        if line.broad and line.wave_angstrom > LYMAN_ALPHA_ANGSTROM:
            error = _error_within(good & _near(rest, line), flux, ivar, flux - view.model)
            if np.isfinite(error):
                found[f"{line.name} {line.wave_angstrom:.0f}"] = error
    return found
