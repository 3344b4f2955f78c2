"""How well spectra are reconstructed: one spectrum after another is measured, then medians are taken with intervals."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oddqso.reports.results import SpectrumView
from oddqso.spectra.lines import LINES, LYMAN_ALPHA_ANGSTROM, Line

SNR_BINS: Final = ((1.0, 2.0), (2.0, 5.0), (5.0, 10.0), (10.0, np.inf))
"""Bins of the median signal-to-noise ratio of a native pixel."""

SNR_MIN: Final = 2.0
"""The overall accuracy is that of spectra with at least this S/N."""

LINE_REACH_KMS: Final = 3000.0
"""Pixels this close to an emission line count as line pixels."""

_MIN_PIXELS: Final = 100
_MIN_SPECTRA: Final = 20
_LIGHT_KMS: Final = 299_792.458
_CHI_EDGES: Final = np.linspace(-10.0, 10.0, 401)
OBSERVED_EDGES: Final = np.linspace(3600.0, 9824.0, 63)
"""Bins of observed wavelength, 100 Angstrom wide, in which the width of chi is measured."""
REST_EDGES: Final = np.geomspace(1000.0, 7000.0, 61)
"""Bins of rest wavelength in which the width of chi is measured."""


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
    if np.count_nonzero(use) < _MIN_PIXELS:
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
    if np.count_nonzero(near) < _MIN_PIXELS // 2:
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
    if np.count_nonzero(use) < _MIN_PIXELS:
        return None
    weight = view.ivar[use].astype(np.float64)
    mean = np.sum(weight * truth[use]) / np.sum(weight)
    missed = np.sum(weight * (view.model[use].astype(np.float64) - truth[use]) ** 2) / np.sum(weight)
    return float(np.sqrt(missed) / mean) if mean > 0 else None


def truth_bins(
    snr: NDArray[np.float64], error: NDArray[np.float64], rng: np.random.Generator, n_bootstrap: int = 200,
    bins: Sequence[tuple[float, float]] = SNR_BINS,
) -> list[dict[str, Any]]:  # fmt: skip
    """Median `truth_error` in bins of S/N with its 95 % interval; bins of fewer than 20 spectra are left out.

    Examples
    --------
    >>> rows = truth_bins(np.full(30, 3.0), np.full(30, 0.02), np.random.default_rng(1))
    >>> [(row["snr_min"], row["snr_max"], row["n"], round(row["error"], 6)) for row in rows]
    [(2.0, 5.0, 30, 0.02)]
    """
    rows = []
    for low, high in bins:
        here = error[(snr >= low) & (snr < high)]
        if len(here) >= _MIN_SPECTRA:
            found = _with_interval(here, rng, n_bootstrap)
            rows.append(
                {"snr_min": low, "snr_max": None if np.isinf(high) else high, "n": len(here),
                 "error": 1 - found["accuracy"], "error_low": 1 - found["accuracy_high"],
                 "error_high": 1 - found["accuracy_low"]}
            )  # fmt: skip
    return rows


@dataclass(frozen=True, slots=True, eq=False)
class Accuracy:
    """How well many spectra are reconstructed.

    Parameters
    ----------
    target_id : (n_spec,) int64
        Of the spectra that could be measured.
    error : (n_spec,) float64
        Relative error of each.
    bins : list of dict
        One a bin of S/N, the first for all with S/N >= `SNR_MIN`; as they stand in ``metrics.json``.
    lines : list of dict
        One an emission line that at least 20 spectra with S/N >= `SNR_MIN` cover, by wavelength: its ``line`` as in
        `line_errors`, their number ``n``, and ``accuracy`` within `LINE_REACH_KMS` of it with its 95 % interval.
    observed, rest : (n_bin,) float64
        Width of the whitened residual in bins of observed and of rest wavelength; NaN where there are few pixels.
    """

    target_id: NDArray[np.int64]
    error: NDArray[np.float64]
    bins: list[dict[str, Any]]
    lines: list[dict[str, Any]]
    observed: NDArray[np.float64]
    rest: NDArray[np.float64]


def measure_accuracy(
    views: Iterable[SpectrumView], snr: Sequence[float], rng: np.random.Generator, n_bootstrap: int = 200
) -> Accuracy:
    """The accuracy of the reconstruction in bins of S/N: A = 1 - the median relative error, with 95 % intervals.

    Parameters
    ----------
    views : iterable of SpectrumView
        Held-out ordinary spectra; looked at once, one after another.
    snr : sequence of float
        Median S/N of a native pixel, one a spectrum.
    rng : np.random.Generator
        For the bootstrap.
    n_bootstrap : int
        Resamplings of the spectra.
    """
    measured: list[tuple[int, float, Reconstruction]] = []
    by_line: defaultdict[str, list[float]] = defaultdict(list)
    observed = np.zeros((len(OBSERVED_EDGES) - 1, len(_CHI_EDGES) - 1))
    rest = np.zeros((len(REST_EDGES) - 1, len(_CHI_EDGES) - 1))
    for view, ratio in zip(views, snr, strict=True):
        chi, known = np.clip(view.chi, -9.999, 9.999), view.good
        observed += np.histogram2d(view.wave[known], chi[known], bins=(OBSERVED_EDGES, _CHI_EDGES))[0]
        rest += np.histogram2d(view.rest[known], chi[known], bins=(REST_EDGES, _CHI_EDGES))[0]
        found = reconstruction_of(view)
        if found is not None:
            measured.append((view.target_id, float(ratio), found))
            for name, error in line_errors(view).items() if ratio >= SNR_MIN else ():
                by_line[name].append(error)
    ratios = np.array([ratio for _, ratio, _ in measured])
    bins = [_bin([m for _, ratio, m in measured if ratio >= SNR_MIN], SNR_MIN, np.inf, rng, n_bootstrap)]
    for low, high in SNR_BINS:
        chosen = [measured[i][2] for i in np.flatnonzero((ratios >= low) & (ratios < high))]
        bins.append(_bin(chosen, low, high, rng, n_bootstrap))
    return Accuracy(
        target_id=np.array([target_id for target_id, _, _ in measured], dtype=np.int64),
        error=np.array([m.error for _, _, m in measured]),
        bins=bins,
        lines=[
            {"line": name, "n": len(by_line[name]), **_with_interval(np.array(by_line[name]), rng, n_bootstrap)}
            for name in sorted(by_line, key=lambda name: float(name.rsplit(" ", 1)[1]))
            if len(by_line[name]) >= _MIN_SPECTRA
        ],
        observed=_widths(observed),
        rest=_widths(rest),
    )


def _bin(
    found: list[Reconstruction], low: float, high: float, rng: np.random.Generator, n_bootstrap: int
) -> dict[str, Any]:
    result: dict[str, Any] = {"snr_min": low, "snr_max": None if np.isinf(high) else high, "n": len(found)}
    if not found:
        return result
    error = np.array([m.error for m in found])
    interval = _with_interval(error, rng, n_bootstrap)
    within = np.mean([m.within for m in found], axis=0)
    line_error = np.array([m.line_error for m in found])
    return {
        **result,
        **interval,
        "accuracy_lines": float(1 - np.nanmedian(line_error)) if np.isfinite(line_error).any() else None,
        "share_at_noise": float(np.mean(error == 0)),
        "within_1_sigma": float(within[0]),
        "within_2_sigma": float(within[1]),
        "within_3_sigma": float(within[2]),
        "explained_variance": _median([m.explained for m in found]),
        "chi_width": _median([m.chi_width for m in found]),
    }


def _with_interval(error: NDArray[np.float64], rng: np.random.Generator, n_bootstrap: int) -> dict[str, float]:
    """1 - the median error, with the 95 % interval of resampled spectra."""
    again = rng.integers(0, len(error), (n_bootstrap, len(error)))
    below, above = np.percentile(1 - np.median(error[again], axis=1), (2.5, 97.5))
    return {
        "accuracy": float(1 - np.median(error)), "accuracy_low": float(below), "accuracy_high": float(above)
    }  # fmt: skip


def _median(values: list[float]) -> float | None:
    known = [value for value in values if np.isfinite(value)]
    return float(np.median(known)) if known else None


def _widths(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Half of the distance between the 15.87th and 84.13th percentile of binned values, a row each, (n_bin,)."""
    total = counts.sum(axis=1)
    widths = np.full(len(counts), np.nan)
    for i in np.flatnonzero(total >= 10 * _MIN_PIXELS):
        share = np.concatenate([[0.0], np.cumsum(counts[i]) / total[i]])
        low, high = np.interp((0.15865, 0.84135), share, _CHI_EDGES)
        widths[i] = (high - low) / 2
    return widths
