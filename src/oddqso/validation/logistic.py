"""Efficiency against amplitude as a logistic curve, and where it passes 50 % and 90 %."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_N_BIN = 40
_WITHIN_95: Final = 1.92
"""Drop of the log-likelihood at the ends of a 95 % interval of one parameter (Wilks 1938)."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """The amplitude at which the efficiency passes a level, with its 95 % interval; None where it does not.

    Parameters
    ----------
    value, low, high : float or None
        In the units of the amplitude. An end of the interval that lies beyond the range is None.
    reason : str
        Why there is no value; "" if there is one.
    """

    value: float | None
    low: float | None
    high: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Logistic:
    """A fitted efficiency, ``eps_max / (1 + exp(-(log A - log half) / width))``.

    Parameters
    ----------
    eps_max, eps_max_low, eps_max_high : float
        Plateau, and its 95 % interval.
    half : float
        Amplitude at half of the plateau; may lie beyond the range.
    width : float
        In natural logarithm of the amplitude; negative where smaller amplitudes are odder.
    a50, a90 : Crossing
        Where the efficiency itself is 50 % and 90 %, within the range of amplitudes.
    log_likelihood : float
        At the best fit.
    """

    eps_max: float
    eps_max_low: float
    eps_max_high: float
    half: float
    width: float
    a50: Crossing
    a90: Crossing
    log_likelihood: float

    def __call__(self, amplitude: NDArray[Any]) -> NDArray[np.float64]:
        """The fitted efficiency, (n,)."""
        return np.asarray(self.eps_max / (1 + np.exp(-(np.log(amplitude) - np.log(self.half)) / self.width)))


_Axes = tuple[NDArray[np.float64], ...]


def _curves(axes: _Axes) -> _Axes:
    """Plateau, half and width at each point of a grid (n_grid,); log efficiency and log of its complement in each bin.

    Half and width are in units of the range of the logarithm of the amplitude, which is cut into `_N_BIN` bins.
    """
    eps, half, width = (axis.ravel() for axis in np.meshgrid(*axes, indexing="ij"))
    u = (np.arange(_N_BIN) + 0.5) / _N_BIN
    p = np.clip(eps[:, None] / (1 + np.exp(-(u - half[:, None]) / width[:, None])), 1e-6, 1 - 1e-6)
    return eps, half, width, np.log(p), np.log1p(-p)  # the last two (n_grid, n_bin)


@cache
def _coarse() -> tuple[_Axes, _Axes]:
    axes = (
        np.concatenate([[0.005, 0.01, 0.02], np.linspace(0.04, 1.0, 25)]),
        np.linspace(-0.5, 1.5, 81),
        np.geomspace(0.02, 1.0, 14),
    )
    return axes, _curves(axes)


def _fine(hit: NDArray[np.float64], missed: NDArray[np.float64]) -> _Axes:
    """A finer grid where the coarse one finds the likelihood high: plateau, half, width and log-likelihood."""
    axes, (*_, log_p, log_not) = _coarse()
    likelihood = (log_p @ hit + log_not @ missed).reshape([len(axis) for axis in axes])
    high = likelihood > likelihood.max() - 4 * _WITHIN_95
    finer = []
    for k, (axis, n_point) in enumerate(zip(axes, (17, 41, 11), strict=True)):
        rows = np.flatnonzero(high.any(axis=tuple({0, 1, 2} - {k})))
        first, last = axis[max(rows[0] - 1, 0)], axis[min(rows[-1] + 1, len(axis) - 1)]
        finer.append(np.geomspace(first, last, n_point) if k != 1 else np.linspace(first, last, n_point))
    eps, half, width, log_p, log_not = _curves(tuple(finer))
    return eps, half, width, log_p @ hit + log_not @ missed


def fit_logistic(
    amplitude: NDArray[Any], found: NDArray[np.bool_], low: float, high: float, *, falling: bool = False
) -> Logistic | None:
    """The logistic of greatest likelihood, on a grid; intervals are those of the profile likelihood.

    Parameters
    ----------
    amplitude : (n,) float
        What was planted, between ``low`` and ``high``.
    found : (n,) bool
        Whether it was found.
    low, high : float
        Range of amplitudes; positive.
    falling : bool
        Whether smaller amplitudes are odder.

    Returns
    -------
    Logistic or None
        None with fewer than ten injections.

    Examples
    --------
    >>> rng = np.random.default_rng(2)
    >>> amplitude = np.exp(rng.uniform(0, np.log(100.0), 4000))
    >>> found = rng.uniform(size=4000) < 1 / (1 + np.exp(-(np.log(amplitude) - np.log(10.0)) / 0.3))
    >>> fit = fit_logistic(amplitude, found, 1.0, 100.0)
    >>> fit.a50.low < 10 < fit.a50.high, fit.eps_max > 0.97
    (True, True)
    """
    if len(amplitude) < 10:
        return None
    span = np.log(high / low)
    u = np.log(amplitude / low) / span
    u = 1 - u if falling else u
    place = np.clip((u * _N_BIN).astype(int), 0, _N_BIN - 1)
    hit = np.bincount(place[found], minlength=_N_BIN).astype(float)
    missed = np.bincount(place[~found], minlength=_N_BIN).astype(float)
    eps, half, width, likelihood = _fine(hit, missed)
    best = int(likelihood.argmax())
    near = likelihood > likelihood[best] - _WITHIN_95

    def back(place: float) -> float:
        return float(low * np.exp(span * ((1 - place) if falling else place)))

    def crossing(level: float) -> Crossing:
        reaches = eps > level
        with np.errstate(divide="ignore", invalid="ignore"):
            at = np.where(reaches, half - width * np.log(eps / level - 1), np.inf)
        ends = sorted((float(at[near].min()), float(at[near].max())))
        shown = [back(end) if 0 <= end <= 1 else None for end in (ends[::-1] if falling else ends)]
        if at[best] > 1:
            top = f"the fitted efficiency is {eps[best] / (1 + np.exp(-(1 - half[best]) / width[best])):.0%} at most"
            return Crossing(None, shown[0], shown[1], f"not reached in {low:g}-{high:g}: {top}")
        if at[best] < 0:
            return Crossing(None, shown[0], shown[1], f"above it in all of {low:g}-{high:g}")
        return Crossing(back(float(at[best])), shown[0], shown[1])

    sign = -1.0 if falling else 1.0
    return Logistic(
        float(eps[best]), float(eps[near].min()), float(eps[near].max()), back(float(half[best])),
        sign * float(width[best] * span), crossing(0.5), crossing(0.9), float(likelihood[best]),
    )  # fmt: skip
