"""Multi-scale matched filters: where a spectrum and its reconstruction part, how wide, and which way."""

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from oddqso.score.evidence import Evidence
from oddqso.score.params import FitParams, ScoreParams
from oddqso.score.protocol import Arrays, Training
from oddqso.spectra.lines import SKY_LINES_ANGSTROM, TELLURIC_ANGSTROM

_REACH = 3.0
"""Filters end here [standard deviations]."""

# Vanden Berk et al. 2001, table 2: rest wavelength in vacuum, EW and standard deviation [Angstrom]. Of the Balmer
# lines, last, the narrow part that comes with [O III]: a tenth of it in Hβ (Veilleux & Osterbrock 1987), and Hγ and Hα
# by the usual decrement.
_NARROW_LINES = (
    (3346.79, 0.35, 4.0), (3426.85, 1.22, 5.0), (3728.48, 1.56, 3.3), (3869.86, 1.38, 4.5), (3968.58, 0.5, 4.5),
    (4364.44, 0.5, 4.0), (4960.30, 3.50, 4.5), (5008.24, 13.2, 6.0), (6302.05, 1.2, 4.0), (6549.86, 0.7, 4.0),
    (6585.27, 2.02, 4.0), (6718.29, 1.65, 3.5), (6732.67, 1.49, 3.5),
    (4341.69, 0.6, 6.0), (4862.68, 1.3, 6.0), (6564.61, 3.9, 6.0),
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Peaks:
    """The strongest answer of the filters in each of ``n_spec`` spectra.

    Parameters
    ----------
    score : (n_spec,) float32
        How far the answer lies above what chance reaches with filters of this width, in standard deviations of noise
        and model error; NaN where no filter fits.
    wave : (n_spec,) float64
        Where, observed frame [Angstrom].
    scale : (n_spec,) int16
        Standard deviation of the filter [native pixels]; 0 where no filter fits.
    sign : (n_spec,) int8
        1: more light than the model; -1: less.
    sigma : (n_spec,) float32
        The answer's significance if the model's error were independent from pixel to pixel.
    depth : (n_spec,) float32
        Height of the Gaussian that fits best, as a share of the model.
    """

    score: NDArray[np.float32]
    wave: NDArray[np.float64]
    scale: NDArray[np.int16]
    sign: NDArray[np.int8]
    sigma: NDArray[np.float32]
    depth: NDArray[np.float32]


def filter_peaks(evidence: Evidence, scales: tuple[int, ...], params: ScoreParams) -> Peaks:
    r"""The strongest answer over places and scales.

    With residual :math:`r`, model :math:`y`, weight :math:`w = 1/(1/\mathrm{ivar} + \sigma_m^2)`, Gaussian
    :math:`g` and coherence :math:`\rho`,

    .. math:: T = \frac{\sum g\,|y|\,w\,r}{\sqrt{\sum g^2 y^2 w + (\sum g\,|y|\,w\,(\rho \sigma_m + \sigma_l))^2}}.

    The second term is error that the pixels under the filter have in common: a part of the model's, which would
    otherwise average away over hundreds of pixels and make every bright quasar odd, and :math:`\sigma_l`, the ordinary
    scatter of the narrow lines, whose strength no other part of the spectrum tells.

    Narrow filters have more places to be lucky in. A filter's answer is therefore compared after taking off what the
    largest of its ``n_wave / scale`` independent places reaches by chance, :math:`\sqrt{2 \ln n}`.

    A filter wider than 2 pixels runs on sums of pixels half as wide as itself: what it tests is a Gaussian in steps,
    with the sums of variances exact.

    Parameters
    ----------
    evidence : Evidence
        On a grid of constant step.
    scales : tuple of int
        Standard deviations of the filters, ascending powers of two [pixels].
    params : ScoreParams
        Coherence, coverage, floor of the model, noise in the sky's bands.
    """
    n_spec, wave = len(evidence), evidence.wave
    noise = np.full(len(wave), 1.0, np.float32)
    for low, high in SKY_LINES_ANGSTROM + TELLURIC_ANGSTROM:
        noise[(low <= wave) & (wave <= high)] = params.sky_noise_factor
    place = np.full(n_spec, np.nan)
    scale, sign = np.zeros(n_spec, np.int16), np.zeros(n_spec, np.int8)
    score, sigma, depth = (np.full(n_spec, np.nan, np.float32) for _ in range(3))
    settings = (params.coherence, params.min_filter_coverage, params.model_floor, _REACH)
    lines = np.array([(line, params.line_scatter * ew / (np.sqrt(2 * np.pi) * width), 1.5 * width)
                      for line, ew, width in _NARROW_LINES])  # fmt: skip
    _peaks(
        *evidence.pixels(), np.array(evidence.z, np.float64), evidence.wave, lines, noise,
        np.array(scales, np.int64), np.array(settings, np.float32),
        score, place, scale, sign, sigma, depth,
    )  # fmt: skip
    return Peaks(score, np.interp(place, np.arange(len(wave)), wave), scale, sign, sigma, depth)


@dataclass(frozen=True, slots=True)
class NarrowScore:
    """Narrow matched filters: lines, cosmic rays, residuals of the sky."""

    params: ScoreParams = field(default_factory=ScoreParams)

    name: ClassVar[str] = "NARROW"

    @classmethod
    def make(cls, fit: FitParams, score: ScoreParams) -> Self:
        """A detector with these settings."""
        return cls(score)

    def fit(self, training: Training, rng: np.random.Generator) -> Self:
        """Itself: nothing to learn."""
        return self

    @property
    def scales(self) -> tuple[int, ...]:
        """Standard deviations of the filters [native pixels]."""
        return self.params.narrow_scales

    def __call__(self, evidence: Evidence) -> NDArray[np.float32]:
        """(n_spec,) float32 [sigma]."""
        return filter_peaks(evidence, self.scales, self.params).score

    def columns(self, evidence: Evidence) -> Arrays:
        """The score and the peak: PEAK_<NAME>_WAVE, _SCALE, _SIGN, _SIGMA and _DEPTH."""
        peaks = filter_peaks(evidence, self.scales, self.params)
        return {
            f"SCORE_{self.name}": peaks.score, f"PEAK_{self.name}_WAVE": peaks.wave,
            f"PEAK_{self.name}_SCALE": peaks.scale, f"PEAK_{self.name}_SIGN": peaks.sign,
            f"PEAK_{self.name}_SIGMA": peaks.sigma, f"PEAK_{self.name}_DEPTH": peaks.depth,
        }  # fmt: skip

    def to_arrays(self) -> Arrays:
        """Nothing."""
        return {}

    def from_arrays(self, arrays: Arrays) -> Self:
        """Itself."""
        return self


@dataclass(frozen=True, slots=True)
class BroadScore(NarrowScore):
    """Broad matched filters: missing and broad lines, troughs, reddening, warps, steps between the arms."""

    name: ClassVar[str] = "BROAD"

    @property
    def scales(self) -> tuple[int, ...]:
        """Standard deviations of the filters [native pixels]."""
        return self.params.broad_scales


@njit(cache=True, nogil=True)
def _gaussian(scale: float, reach: float) -> Any:
    """A Gaussian in the middle of 2 n + 1 pixels, 1 at its top, (2 n + 1,) float32."""
    radius = math.ceil(reach * scale)
    taps = np.empty(2 * radius + 1, np.float32)
    for t in range(2 * radius + 1):
        taps[t] = math.exp(-0.5 * ((t - radius) / scale) ** 2)
    return taps


@njit(cache=True, nogil=True)
def _convolve(taps: Any, power: int, values: Any, n: int, out: Any) -> None:
    """``out[j] = sum_t taps[t]**power values[j + t - radius]`` over the first ``n`` pixels; zero beyond them."""
    radius = taps.shape[0] // 2
    out[:n] = 0
    for t in range(taps.shape[0]):
        shift = t - radius
        tap = taps[t] if power == 1 else taps[t] * taps[t]
        first, last = max(0, -shift), min(n, n - shift)
        if last > first:
            there = values[first + shift : last + shift]
            here = out[first:last]
            for j in range(last - first):
                here[j] += tap * there[j]


@njit(cache=True, nogil=True)
def _halve(values: Any, n: int) -> None:
    """Sums of neighboring pairs of the first ``n`` pixels, in place; a last odd pixel stands alone."""
    for j in range(n // 2):
        values[j] = values[2 * j] + values[2 * j + 1]
    if n % 2:
        values[n // 2] = values[n - 1]


@njit(cache=True, nogil=True)
def _line_scatter(wave: Any, z: float, lines: Any, out: Any) -> None:
    """Scatter of lines as a share of the continuum, (n_wave,), from (n_line, 3): place, height and width at rest."""
    out[:] = 0
    step = wave[1] - wave[0]
    for row in range(lines.shape[0]):
        center, width = lines[row, 0] * (1 + z), lines[row, 2] * (1 + z)
        first = max(int((center - 4 * width - wave[0]) / step), 0)
        last = min(int((center + 4 * width - wave[0]) / step) + 1, wave.shape[0])
        for j in range(first, last):
            out[j] += lines[row, 1] * math.exp(-0.5 * ((wave[j] - center) / width) ** 2)


@njit(cache=True, nogil=True)
def _peaks(
    flux: Any, ivar: Any, model: Any, model_sigma: Any, z: Any, wave: Any, lines: Any, noise: Any, scales: Any,
    settings: Any,
    score: Any, place: Any, scale: Any, sign: Any, sigma: Any, depth: Any,
) -> None:  # fmt: skip
    """Fill the six (n_spec,) results from (n_spec, n_wave) float32 arrays.

    ``noise`` is (n_wave,) float32, ``scales`` (n_scale,) int64 [pixels]; ``settings`` holds coherence, least coverage,
    floor of the model and reach of the filters. ``place`` is in pixels.
    """
    coherence, min_coverage, floor, reach = settings[0], settings[1], settings[2], settings[3]
    n_wave = flux.shape[1]
    sums, answers = np.empty((4, n_wave), np.float32), np.empty((4, n_wave), np.float32)
    signal, power, common, good = sums[0], sums[1], sums[2], sums[3]
    scatter = np.empty(n_wave, np.float32)
    top, variance, shared, covered = answers[0], answers[1], answers[2], answers[3]
    for i in range(flux.shape[0]):
        total = 0.0
        n_good = 0
        for j in range(n_wave):
            if ivar[i, j] > 0:
                total += abs(model[i, j])
                n_good += 1
        if n_good == 0 or not total > 0:
            continue
        least = np.float32(floor * total / n_good)
        _line_scatter(wave, z[i], lines, scatter)
        for j in range(n_wave):
            signal[j], power[j], common[j], good[j] = 0, 0, 0, 0
            if ivar[i, j] > 0:
                y = max(abs(model[i, j]), least)
                error = model_sigma[i, j]
                weight = 1 / (noise[j] * noise[j] / ivar[i, j] + error * error)
                signal[j] = y * weight * (flux[i, j] - model[i, j])
                power[j] = y * y * weight
                common[j] = y * weight * (error * coherence + y * scatter[j])
                good[j] = 1
        n, factor, best = n_wave, 1, -np.inf
        for k in range(scales.shape[0]):
            while scales[k] > 2 * factor:
                for row in range(4):
                    _halve(sums[row], n)
                n = (n + 1) // 2
                factor *= 2
            taps = _gaussian(scales[k] / factor, reach)
            _convolve(taps, 1, signal, n, top)
            _convolve(taps, 2, power, n, variance)
            _convolve(taps, 1, common, n, shared)
            _convolve(taps, 2, good, n, covered)
            luck = math.sqrt(2 * math.log(max(n_good / scales[k], 2.0)))
            enough = np.float32(min_coverage * factor * (taps * taps).sum())
            for j in range(n):
                whole = variance[j] + shared[j] * shared[j]
                if covered[j] >= enough and whole > 0:
                    answer = abs(top[j]) / math.sqrt(whole)
                    if answer - luck > best:
                        best = answer - luck
                        score[i] = best
                        place[i] = min((j + 0.5) * factor - 0.5, n_wave - 1.0)
                        scale[i] = scales[k]
                        sign[i] = 1 if top[j] > 0 else -1
                        sigma[i] = abs(top[j]) / math.sqrt(variance[j])
                        depth[i] = top[j] / variance[j]
