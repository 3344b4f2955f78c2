"""What a search could find at best: a bank of ideal filters on white noise of known size.

A filter of the right shape at the right place answers to a feature of significance N with N + noise of unit variance.
One trial flags it at a false-positive rate a with probability Phi(N - Phi^-1(1 - a)): 75 % at 3 sigma and 99.6 % at 5
sigma for a = 1 %. A search that does not know the place, the width and the sign tries thousands of filters; the largest
answer of noise alone is then well above 2.3 sigma. By the lemma of Neyman & Pearson the best test of all averages the
likelihood ratio over everything that is unknown (`optimum`); no method of any kind flags more at the same rate.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, stats

from oddqso.shares import share_interval

_BATCH = 100
_WANTED = (0.5, 0.75, 0.9, 0.99)


def one_trial(sigma: float, rate: float) -> float:
    """Probability that one filter of known place, width and sign flags a feature of this significance.

    Examples
    --------
    >>> round(one_trial(3.0, 0.01), 2), round(one_trial(5.0, 0.01), 3)
    (0.75, 0.996)
    """
    return float(stats.norm.cdf(sigma - stats.norm.isf(rate)))


def blind_search(
    scales: Sequence[int],
    widths: tuple[float, float],
    sigmas: Sequence[float],
    rate: float,
    n_pixel: int,
    n_spec: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Share of features that the strongest answer of a bank of filters flags, by simulation.

    Parameters
    ----------
    scales : sequence of int
        Standard deviations of the Gaussian filters [pixels].
    widths : float, float
        Range of the features' own, log-uniform [pixels].
    sigmas : sequence of float
        Significances of the features.
    rate : float
        False-positive rate.
    n_pixel, n_spec : int
        Length and number of the simulated spectra of white noise.
    rng : Generator
        For noise, widths and places.

    Returns
    -------
    dict
        ``threshold_sigma``, the cut on the strongest answer; ``trials``, as many independent ones as have that cut;
        ``needed_sigma``, the significance at which a filter that fits finds 50, 75, 90 and 99 %; and ``levels``:
        ``sigma``, ``share``, ``low``, ``high`` and ``one_trial``.

    Examples
    --------
    >>> blind = blind_search([16, 64], (16.0, 64.0), [6.0], 0.01, 2000, 500, np.random.default_rng(1))
    >>> 3.0 < blind["threshold_sigma"] < 4.5, blind["levels"][0]["share"] > 0.9
    (True, True)
    """
    size = fft.next_fast_len(n_pixel, real=True)
    bank = _bank(scales, size)
    null, answers = [], np.empty((len(sigmas), n_spec))
    for start in range(0, n_spec, _BATCH):
        n = min(_BATCH, n_spec - start)
        noise = rng.standard_normal((n, size))
        feature = _features(widths, n, size, rng)
        null.append(_strongest(fft.rfft(noise), bank, size))
        for k, sigma in enumerate(sigmas):
            answers[k, start : start + n] = _strongest(fft.rfft(noise + sigma * feature), bank, size)
    threshold = float(np.quantile(np.concatenate(null), 1 - rate))
    levels = []
    for sigma, answer in zip(sigmas, answers, strict=True):
        found = int((answer > threshold).sum())
        low, high = share_interval(found, n_spec)
        levels.append(
            {"sigma": sigma, "share": found / n_spec, "low": low, "high": high, "one_trial": one_trial(sigma, rate)}
        )
    return {
        "threshold_sigma": threshold,
        "trials": rate / (2 * float(stats.norm.sf(threshold))),
        "needed_sigma": {f"{level:g}": threshold + float(stats.norm.ppf(level)) for level in _WANTED},
        "levels": levels,
    }


def optimum(
    widths: tuple[float, float], sigmas: Sequence[float], rate: float, n_pixel: int, n_spec: int,
    rng: np.random.Generator,
) -> list[float]:  # fmt: skip
    """Share of features that the best of all tests flags, by simulation, one for each significance.

    The test knows the significance N, and that places and logarithms of widths are all alike, but not which. Its
    likelihood ratio is the mean over places, widths and signs of exp(N x - N**2 / 2), x the answer of a filter.

    Parameters as those of `blind_search`.

    Examples
    --------
    >>> low, high = optimum((16.0, 64.0), [2.0, 7.0], 0.01, 1000, 300, np.random.default_rng(1))
    >>> low < 0.5 < 0.97 < high
    True
    """
    size = fft.next_fast_len(n_pixel, real=True)
    n_scale = max(round(2 * np.log2(widths[1] / widths[0])), 2) + 1  # half an octave apart
    bank = _bank(np.geomspace(*widths, n_scale), size)
    answers = np.empty((2, len(sigmas), n_spec))  # of noise alone, and with a feature
    for start in range(0, n_spec, _BATCH):
        n = min(_BATCH, n_spec - start)
        here = slice(start, start + n)
        noise = rng.standard_normal((n, size))
        feature = _features(widths, n, size, rng)
        alone, with_feature = fft.rfft(noise), fft.rfft(feature)
        for k, sigma in enumerate(sigmas):
            answers[0, k, here] = _ratio(alone, bank, size, sigma)
            answers[1, k, here] = _ratio(alone + sigma * with_feature, bank, size, sigma)
    return [
        float((found > np.quantile(null, 1 - rate)).mean()) for null, found in zip(answers[0], answers[1], strict=True)
    ]


def _bank(scales: Sequence[int] | NDArray[Any], size: int) -> NDArray[Any]:
    """Fourier transforms of Gaussian filters of unit norm, (n_scale, n_frequency)."""
    x = np.minimum(np.arange(size), size - np.arange(size))
    return np.asarray(fft.rfft(np.stack([_unit(np.exp(-0.5 * (x / scale) ** 2)) for scale in scales])))


def _features(widths: tuple[float, float], n: int, size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Gaussians of unit norm, of any width between two and anywhere, (n, size)."""
    width = np.exp(rng.uniform(np.log(widths[0]), np.log(widths[1]), n))[:, None]
    away = np.abs(np.arange(size) - rng.uniform(0, size, n)[:, None])
    feature = np.exp(-0.5 * (np.minimum(away, size - away) / width) ** 2)
    return np.asarray(feature / np.linalg.norm(feature, axis=1, keepdims=True))


def _ratio(spectrum: NDArray[Any], bank: NDArray[Any], size: int, sigma: float) -> NDArray[np.float64]:
    """The mean likelihood ratio but for a constant, (n_spec,)."""
    total = np.zeros(len(spectrum))
    for response in bank:
        total += np.cosh(np.minimum(sigma * np.abs(fft.irfft(spectrum * response, size)), 600.0)).sum(axis=1)
    return total


def _unit(row: NDArray[np.float64]) -> NDArray[np.float64]:
    return row / np.linalg.norm(row)


def _strongest(spectrum: NDArray[Any], bank: NDArray[Any], size: int) -> NDArray[np.float64]:
    """The largest absolute answer of any filter anywhere, (n_spec,)."""
    best = np.zeros(len(spectrum))
    for response in bank:
        best = np.maximum(best, np.abs(fft.irfft(spectrum * response, size)).max(axis=1))
    return best
