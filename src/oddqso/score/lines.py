"""Equivalent widths of emission lines, without a model: lines that are all too weak, or one that is too strong.

A model that reproduces whatever it is shown reproduces a quasar without lines as well. The lines themselves do not.
"""

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, NamedTuple, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from oddqso.score.evidence import Evidence
from oddqso.score.params import FitParams, ScoreParams
from oddqso.score.protocol import Arrays, Training


class LineWindow(NamedTuple):
    """A line with its continuum on both sides, all at rest and in vacuum [Angstrom].

    Parameters
    ----------
    wave : float
        Laboratory wavelength.
    low, high : float
        Where the line is summed.
    left, right : (float, float)
        Where its continuum is measured.
    ew : float
        EW in the composite of Vanden Berk et al. 2001, summed in the same way.
    scatter : float
        Scatter of ln(EW) among ordinary quasars; Shen et al. 2011: 0.2-0.3 dex.
    """

    wave: float
    low: float
    high: float
    left: tuple[float, float]
    right: tuple[float, float]
    ew: float
    scatter: float


WINDOWS: Final = (
    LineWindow(1397.0, 1375.0, 1425.0, (1345.0, 1362.0), (1430.0, 1455.0), 8.7, 0.6),
    LineWindow(1486.5, 1477.0, 1495.0, (1455.0, 1472.0), (1497.0, 1504.0), 0.4, 1.0),
    LineWindow(1549.1, 1503.0, 1590.0, (1440.0, 1470.0), (1690.0, 1712.0), 24.0, 0.6),
    LineWindow(1750.3, 1732.0, 1768.0, (1690.0, 1718.0), (1775.0, 1800.0), 0.5, 1.0),
    LineWindow(1908.7, 1830.0, 1945.0, (1775.0, 1812.0), (1970.0, 2010.0), 21.5, 0.5),
    LineWindow(2798.8, 2740.0, 2860.0, (2660.0, 2710.0), (2880.0, 2930.0), 32.0, 0.5),
    LineWindow(4102.9, 4060.0, 4145.0, (4020.0, 4050.0), (4150.0, 4190.0), 5.0, 0.7),
    LineWindow(4341.7, 4290.0, 4400.0, (4200.0, 4260.0), (4410.0, 4430.0), 12.0, 0.6),
    LineWindow(4862.7, 4780.0, 4935.0, (4690.0, 4760.0), (5060.0, 5110.0), 30.0, 0.6),
    LineWindow(6564.6, 6400.0, 6710.0, (6120.0, 6250.0), (6780.0, 6900.0), 190.0, 0.6),
)
"""Lines that are strong in every quasar, and two that are strong in nitrogen-rich ones alone."""

_FLOOR_ANGSTROM = 0.3
_MIN_SHARE = 0.6
_DETECTED = 3.0


@dataclass(frozen=True, slots=True)
class LinesScore:
    """The greater of two answers, in standard deviations of population and noise together.

    *All weak*: lines in sight below the EW of the composite, added up with weights by what each could show. A line
    counts with the larger of its linear and its logarithmic deficit: the first says more where noise is large and knows
    what to make of a negative EW, the second tells weak from very weak where noise is small. *One strong*: the largest
    logarithmic excess among detected lines. Faint spectra and those without a line in sight are ordinary here; what S/N
    and z do to the score is taken out afterwards.
    """

    params: ScoreParams = field(default_factory=ScoreParams)

    name: ClassVar[str] = "LINES"

    @classmethod
    def make(cls, fit: FitParams, score: ScoreParams) -> Self:
        """A detector with these settings."""
        return cls(score)

    def fit(self, training: Training, rng: np.random.Generator) -> Self:
        """Itself: the population is a published one."""
        return self

    def __call__(self, evidence: Evidence) -> NDArray[np.float32]:
        """(n_spec,) float32 [sigma]; 0 where no line can be measured."""
        ew, sigma = equivalent_widths(evidence)
        measured = np.isfinite(ew)  # (n_spec, n_line)
        ew, sigma = np.where(measured, ew, 0.0), np.where(measured, sigma, 1.0)
        typical, scatter = (np.array([getattr(line, key) for line in WINDOWS]) for key in ("ew", "scatter"))
        floored = np.maximum(np.maximum(ew, sigma), _FLOOR_ANGSTROM)
        excess = np.log(floored / typical) / np.hypot(scatter, sigma / floored)
        deficit = np.maximum((typical - ew) / np.hypot(sigma, scatter * typical), -excess)
        weight = np.where(measured, typical / np.hypot(sigma, scatter * typical), 0.0)
        weak = (weight * deficit).sum(axis=1) / np.maximum(np.sqrt((weight**2).sum(axis=1)), 1e-12)
        strong = np.where(measured & (ew > _DETECTED * sigma), excess, 0.0).max(axis=1)
        return np.asarray(np.maximum(weak, strong), dtype=np.float32)

    def to_arrays(self) -> Arrays:
        """Nothing."""
        return {}

    def from_arrays(self, arrays: Arrays) -> Self:
        """Itself."""
        return self


def equivalent_widths(evidence: Evidence) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rest-frame EW of each line of `WINDOWS` and its error, (n_spec, n_line) each [Angstrom].

    The continuum is the straight line through the ivar-weighted means on both sides. NaN where fewer than 60 % of a
    window's pixels are good, or where the continuum is not seen at 3 sigma.
    """
    windows = np.array([(w.low, w.high, *w.left, *w.right) for w in WINDOWS])
    ew, sigma = np.full((2, len(evidence), len(WINDOWS)), np.nan)
    flux, ivar, _, _ = evidence.pixels()
    _equivalent_widths(flux, ivar, np.array(evidence.z, np.float64), evidence.wave, windows, ew, sigma)
    return ew, sigma


@njit(cache=True, nogil=True)
def _mean(flux: Any, ivar: Any, wave: Any, first: int, last: int) -> Any:
    """Ivar-weighted means of flux and wavelength over pixels, and the variance of the former; -1 if few are good."""
    weight = flux_sum = wave_sum = 0.0
    n_good = 0
    for j in range(first, last):
        if ivar[j] > 0:
            weight += ivar[j]
            flux_sum += ivar[j] * flux[j]
            wave_sum += ivar[j] * wave[j]
            n_good += 1
    if n_good == 0 or n_good < _MIN_SHARE * (last - first):
        return 0.0, 0.0, -1.0
    return flux_sum / weight, wave_sum / weight, 1 / weight


@njit(cache=True, nogil=True)
def _equivalent_widths(flux: Any, ivar: Any, z: Any, wave: Any, windows: Any, ew: Any, sigma: Any) -> None:
    """Fill ``ew`` and ``sigma`` (n_spec, n_line) from (n_spec, n_wave) spectra; ``windows`` (n_line, 6) at rest."""
    n_wave = wave.shape[0]
    step = wave[1] - wave[0]
    for i in range(flux.shape[0]):
        for k in range(windows.shape[0]):
            edge = np.empty(6, np.int64)
            for e in range(6):
                edge[e] = math.ceil((windows[k, e] * (1 + z[i]) - wave[0]) / step)
            if edge.min() < 0 or edge.max() > n_wave or not z[i] > -1:
                continue
            f1, w1, v1 = _mean(flux[i], ivar[i], wave, edge[2], edge[3])
            f2, w2, v2 = _mean(flux[i], ivar[i], wave, edge[4], edge[5])
            if v1 < 0 or v2 < 0:
                continue
            total = variance = 0.0
            n_good = 0
            middle = 0.0
            for j in range(edge[0], edge[1]):
                if ivar[i, j] > 0:
                    total += flux[i, j] - (f1 + (f2 - f1) * (wave[j] - w1) / (w2 - w1))
                    variance += 1 / ivar[i, j]
                    middle += wave[j]
                    n_good += 1
            n_all = edge[1] - edge[0]
            if n_good == 0 or n_good < _MIN_SHARE * n_all:
                continue
            share = (middle / n_good - w1) / (w2 - w1)
            level = f1 + (f2 - f1) * share
            level_variance = v1 * (1 - share) ** 2 + v2 * share**2
            if level * level < 9 * level_variance or level <= 0:
                continue
            rest_step = step / (1 + z[i])
            width = total / level * rest_step * n_all / n_good
            summed = variance * (rest_step * n_all / n_good) ** 2
            continuum = level_variance * (rest_step * n_all + width) ** 2
            ew[i, k] = width
            sigma[i, k] = math.sqrt(summed + continuum) / level
