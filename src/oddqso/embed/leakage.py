"""Does the latent vector know the redshift? And do seeds agree? Pure functions of arrays.

Redshift is predicted from latents beyond what luminosity and signal-to-noise ratio tell: a model may know that luminous
quasars have weak lines, but not how far away they are. The spectra must have been encoded from a rest-frame window that
all of them cover (`oddqso.embed.consistency`), for coverage is redshift by another name.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.stats import rankdata

Float = NDArray[np.float64]

_N_FOLD = 5
_RIDGES = (1e-3, 1e-2, 1e-1, 1.0)
_N_BOOTSTRAP = 200


def redshift_leakage(
    latent: NDArray[Any], z: Float, controls: Float, rng: np.random.Generator, n_most: int = 1000
) -> dict[str, Any]:
    """R^2 of the prediction of ln(1 + z) from latents, beyond that of the controls.

    ``1 - SS(y - p) / SS(y)``: y is what a cross-validated prediction from the controls leaves of ln(1 + z), p the
    cross-validated prediction of y from latents and controls. Each prediction is by ridge regression with a linear, a
    Gaussian or an additive kernel, whichever is best: it is better to find too much than too little.

    Parameters
    ----------
    latent : (n_spec, n_active)
        Active latents of spectra with the same coverage.
    z : (n_spec,) float64
        Redshift.
    controls : (n_spec, n_control) float64
        What may know of z: logarithms of luminosity and signal-to-noise ratio.
    rng : Generator
        For the folds and the bootstrap.
    n_most : int
        Most spectra used, at random.

    Returns
    -------
    dict
        ``r2`` (0 if negative) with the 16th and 84th percentile of resampled spectra, ``r2_controls`` of what the
        controls alone predict, ``n_spec``.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> z, noise = rng.uniform(1, 2, 300), rng.normal(size=(300, 4))
    >>> luminosity = (z + 0.3 * rng.normal(size=300))[:, None]
    >>> bool(redshift_leakage(noise, z, luminosity, rng)["r2"] < 0.1)
    True
    >>> bool(redshift_leakage(noise + z[:, None] * 10, z, luminosity, rng)["r2"] > 0.9)
    True
    """
    rows = rng.permutation(len(z))[:n_most]
    target = np.log1p(z[rows])
    known, more = standard(controls[rows]), standard(np.asarray(latent[rows], np.float64))
    fold = np.arange(len(rows)) % _N_FOLD  # the rows are in random order
    left = target - predicted(known, target, fold)
    guess = predicted(np.concatenate([more, known], axis=1), left, fold)
    draws = rng.integers(len(rows), size=(_N_BOOTSTRAP, len(rows)))
    low, high = np.percentile([_r2(left[draw], guess[draw]) for draw in draws], (16, 84))
    return {
        "r2": max(_r2(left, guess), 0.0), "r2_low": max(float(low), 0.0), "r2_high": max(float(high), 0.0),
        "r2_controls": max(1 - float(left @ left / np.sum((target - target.mean()) ** 2)), 0.0), "n_spec": len(rows),
    }  # fmt: skip


def _r2(value: Float, guess: Float) -> float:
    return 1 - float(np.sum((value - guess) ** 2) / max(float(np.sum((value - value.mean()) ** 2)), 1e-300))


def standard(columns: Float) -> Float:
    """Columns (n, k) with median 0 and half the central 68 % 1, clipped at 6; those that never change are 0."""
    low, middle, high = np.percentile(columns, (15.865, 50, 84.135), axis=0)
    width = (high - low) / 2
    scaled: Float = np.clip((columns - middle) / np.where(width > 0, width, np.inf), -6, 6)
    return scaled


def predicted(features: Float, target: Float, fold: NDArray[np.int64]) -> Float:
    """Cross-validated prediction (n,) of ``target`` (n,) by the kernel and ridge whose error is least.

    Parameters
    ----------
    features : (n, k) float64
        Standardized.
    fold : (n,) int64
        The fold of each row.
    """
    best, least = np.zeros(len(target)), np.inf
    for kernel in _kernels(features):
        for ridge in _RIDGES:
            guess = np.empty(len(target))
            for out in np.unique(fold):
                learn, test = np.flatnonzero(fold != out), np.flatnonzero(fold == out)
                mean = target[learn].mean()
                matrix = kernel[np.ix_(learn, learn)] + ridge * np.eye(len(learn))
                weight = cho_solve(cho_factor(matrix), target[learn] - mean)
                guess[test] = mean + kernel[np.ix_(test, learn)] @ weight
            error = float(np.sum((target - guess) ** 2))
            if error < least:
                best, least = guess, error
    return best


def _kernels(features: Float) -> Iterator[Float]:
    n_feature = features.shape[1]
    product = features @ features.T
    yield product / n_feature
    square = np.diag(product)
    distance = np.maximum(square[:, None] + square[None, :] - 2 * product, 0)
    for width in (0.5, 1.0):
        yield np.exp(-0.5 * distance / (width**2 * 2 * n_feature))
    additive = np.zeros_like(product)
    for column in features.T:
        additive += np.exp(-0.5 * (column[:, None] - column[None, :]) ** 2)
    yield additive / n_feature


def shift_distance(first: NDArray[Any], second: NDArray[Any]) -> dict[str, Any]:
    """How far latents move when a quasar is placed at another redshift, against how far apart quasars are.

    Parameters
    ----------
    first, second : (n_spec, n_active)
        Active latents of the same quasars at two redshifts, from the same rest-frame window.

    Returns
    -------
    dict
        ``share``: ``distance``, the median distance between the two places of a quasar, over ``neighbor``, the median
        distance to the nearest other quasar, both in units of each latent's width; ``n_spec``, on which the latter
        depends.

    Examples
    --------
    >>> latent = np.random.default_rng(1).normal(size=(200, 5))
    >>> shift_distance(latent, latent)["share"]
    0.0
    >>> bool(shift_distance(latent, latent[::-1])["share"] > 1)
    True
    """
    one, two = np.asarray(first, np.float64), np.asarray(second, np.float64)
    low, high = np.percentile(one, (15.865, 84.135), axis=0)
    width = np.where(high > low, (high - low) / 2, np.inf)
    one, two = one / width, two / width
    moved = float(np.median(np.linalg.norm(one - two, axis=1)))
    square = np.sum(one**2, axis=1)
    distance = np.maximum(square[:, None] + square[None, :] - 2 * one @ one.T, 0)
    np.fill_diagonal(distance, np.inf)
    neighbor = float(np.median(np.sqrt(distance.min(axis=1))))
    return {
        "share": moved / neighbor if neighbor > 0 else None, "distance": moved, "neighbor": neighbor, "n_spec": len(one)
    }  # fmt: skip


def seed_stability(scores: Sequence[NDArray[Any]], top_share: float = 0.01) -> dict[str, Any]:
    """How well the scores of models that differ in nothing but the seed agree.

    Parameters
    ----------
    scores : sequence of (n_spec,)
        A score of the same spectra by each model; those that any leaves out (NaN) do not count.
    top_share : float
        Length of the top list.

    Returns
    -------
    dict
        Mean and lowest Spearman rank correlation of two seeds, and the mean share that two top lists have in common.

    Examples
    --------
    >>> seed_stability([np.arange(200.0), np.arange(200.0) ** 2])
    {'rank_correlation': 1.0, 'rank_correlation_min': 1.0, 'top_in_common': 1.0, 'n_spec': 200, 'n_seed': 2}
    """
    table = np.stack([np.asarray(score, np.float64) for score in scores])
    table = table[:, np.isfinite(table).all(axis=0)]
    ranks = np.stack([rankdata(score) for score in table])
    n_top = max(round(top_share * table.shape[1]), 1)
    tops = [set(np.argsort(-score, kind="stable")[:n_top].tolist()) for score in table]
    pairs = list(combinations(range(len(table)), 2))
    correlation = [float(np.corrcoef(ranks[i], ranks[j])[0, 1]) for i, j in pairs]
    return {
        "rank_correlation": round(float(np.mean(correlation)), 6),
        "rank_correlation_min": round(min(correlation), 6),
        "top_in_common": float(np.mean([len(tops[i] & tops[j]) / n_top for i, j in pairs])),
        "n_spec": table.shape[1],
        "n_seed": len(table),
    }
