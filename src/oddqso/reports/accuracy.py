"""How well many spectra are reconstructed: medians over spectra in bins of S/N, with intervals."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oddqso.reports.reconstruction import Reconstruction, line_errors, reconstruction_of
from oddqso.reports.results import SpectrumView

SNR_BINS: Final = ((1.0, 2.0), (2.0, 5.0), (5.0, 10.0), (10.0, np.inf))
"""Bins of the median signal-to-noise ratio of a native pixel."""

SNR_MIN: Final = 2.0
"""The overall accuracy is that of spectra with at least this S/N."""

MIN_SPECTRA: Final = 20
"""Fewer are too few for an interval."""

OBSERVED_EDGES: Final = np.linspace(3600.0, 9824.0, 63)
"""Bins of observed wavelength, 100 Angstrom wide, in which the width of chi is measured."""
REST_EDGES: Final = np.geomspace(1000.0, 7000.0, 61)
"""Bins of rest wavelength in which the width of chi is measured."""

_CHI_EDGES: Final = np.linspace(-10.0, 10.0, 401)
_MIN_CHI: Final = 1000


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
            {"line": name, "n": len(by_line[name]), **with_interval(np.array(by_line[name]), rng, n_bootstrap)}
            for name in sorted(by_line, key=lambda name: float(name.rsplit(" ", 1)[1]))
            if len(by_line[name]) >= MIN_SPECTRA
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
    interval = with_interval(error, rng, n_bootstrap)
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


def with_interval(error: NDArray[np.float64], rng: np.random.Generator, n_bootstrap: int) -> dict[str, float | None]:
    """1 - the median error, with the 95 % interval of resampled spectra; None of fewer than `MIN_SPECTRA`."""
    if len(error) < MIN_SPECTRA:
        return {"accuracy": float(1 - np.median(error)), "accuracy_low": None, "accuracy_high": None}
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
    for i in np.flatnonzero(total >= _MIN_CHI):
        share = np.concatenate([[0.0], np.cumsum(counts[i]) / total[i]])
        low, high = np.interp((0.15865, 0.84135), share, _CHI_EDGES)
        widths[i] = (high - low) / 2
    return widths
