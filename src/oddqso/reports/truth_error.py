"""How far reconstructions are from the truth, where it is known: on simulated spectra."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from oddqso.reports.accuracy import MIN_SPECTRA, SNR_BINS
from oddqso.reports.reconstruction import MIN_PIXELS
from oddqso.reports.results import SpectrumView, TrueFlux
from oddqso.spectra.lines import LYMAN_ALPHA_ANGSTROM

KINDS: Final = ("error", "light", "calibration")
"""Against what: the spectrum without its noise; the light of the quasar; and how far these two are apart."""


class TruthErrors(NamedTuple):
    """Of one spectrum, as shares of the mean true flux; in the order of `KINDS`.

    Parameters
    ----------
    error : float
        Of the reconstruction against the spectrum without its noise: what a perfect model of this very spectrum has 0.
    light : float
        Of the reconstruction against the light of the quasar behind dust and optics, which lacks the errors of the flux
        calibration, too.
    calibration : float
        Of the spectrum without its noise against that light: the errors of the flux calibration. No reconstruction can
        know them, and one that undid them would not fit the spectrum.
    """

    error: float
    light: float
    calibration: float


def truth_errors(view: SpectrumView, truth: TrueFlux) -> TruthErrors | None:
    """How far a reconstruction is from both truths, and they from each other; None where `truth_error` is.

    Examples
    --------
    >>> wave, ones = np.arange(4000.0, 5000.0), np.ones(1000, np.float32)
    >>> view = SpectrumView(1, 0.5, wave, ones, ones, 1.1 * ones, 0 * ones)
    >>> [round(one, 3) for one in truth_errors(view, TrueFlux(without_noise=1.1 * ones, light=ones))]
    [0.0, 0.1, 0.1]
    """
    error, light = truth_error(view, truth.without_noise), truth_error(view, truth.light)
    calibration = truth_error(replace(view, model=truth.without_noise.astype(np.float32)), truth.light)
    if error is None or light is None or calibration is None:
        return None
    return TruthErrors(error, light, calibration)


def truth_error(view: SpectrumView, truth: NDArray[np.floating[Any]]) -> float | None:
    """Root mean square difference of model and noiseless truth, as a share of the mean truth; the weights are ivar.

    Over good pixels redward of Lyman alpha; None where they are fewer than 100.

    Parameters
    ----------
    view : SpectrumView
        A simulated spectrum and its reconstruction.
    truth : (n_wave,) float
        Its flux without noise, in the units of ``view.flux``.

    Examples
    --------
    >>> wave, ones = np.arange(4000.0, 5000.0), np.ones(1000, np.float32)
    >>> round(truth_error(SpectrumView(1, 0.5, wave, ones, ones, 1.1 * ones, 0 * ones), ones), 3)
    0.1
    """
    use = view.good & (view.rest > LYMAN_ALPHA_ANGSTROM)
    if np.count_nonzero(use) < MIN_PIXELS:
        return None
    weight = view.ivar[use].astype(np.float64)
    mean = np.sum(weight * truth[use]) / np.sum(weight)
    missed = np.sum(weight * (view.model[use].astype(np.float64) - truth[use]) ** 2) / np.sum(weight)
    return float(np.sqrt(missed) / mean) if mean > 0 else None


def truth_bins(
    snr: NDArray[np.float64], off: Sequence[TruthErrors], rng: np.random.Generator, n_bootstrap: int = 200,
    bins: Sequence[tuple[float, float]] = SNR_BINS,
) -> list[dict[str, Any]]:  # fmt: skip
    """Medians of `TruthErrors` in bins of S/N with 95 % intervals; bins of fewer than 20 spectra are left out.

    Parameters
    ----------
    snr : (n_spec,) float64
        Median S/N of a native pixel.
    off : sequence of TruthErrors
        One a spectrum.
    rng : np.random.Generator
        For the bootstrap.
    n_bootstrap : int
        Resamplings of the spectra.
    bins : sequence of (float, float)
        Of S/N; they may overlap.

    Examples
    --------
    >>> rows = truth_bins(np.full(30, 3.0), [TruthErrors(0.02, 0.03, 0.01)] * 30, np.random.default_rng(1))
    >>> [(row["snr_min"], row["snr_max"], row["n"], row["error"], row["light"]) for row in rows]
    [(2.0, 5.0, 30, 0.02, 0.03)]
    """
    table, rows = np.array(off, np.float64).reshape(-1, len(KINDS)), []
    for low, high in bins:
        here = table[(snr >= low) & (snr < high)]
        if len(here) < MIN_SPECTRA:
            continue
        row: dict[str, Any] = {"snr_min": low, "snr_max": None if np.isinf(high) else high, "n": len(here)}
        again = here[rng.integers(0, len(here), (n_bootstrap, len(here)))]  # (n_bootstrap, n_here, n_kind)
        below, above = np.percentile(np.median(again, axis=1), (2.5, 97.5), axis=0)
        for name, *values in zip(KINDS, np.median(here, axis=0), below, above, strict=True):
            row |= dict(zip((name, f"{name}_low", f"{name}_high"), map(float, values), strict=True))
        rows.append(row)
    return rows
