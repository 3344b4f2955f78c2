"""What is often done instead, from the very same score: to be shown to fail.

Each of these is a habit of the field, stated as kindly as it can be. None of them looks at held-out spectra that
people have vetted, and none of them controls the false discovery rate; `oddqso.validation.gate` measures by how much.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from oddqso.significance.conformal import grouped_conformal_p, q_values
from oddqso.validation.pool import Lists, Method, Pool

CONTAMINATION: Final = 0.01
"""What a user guesses who has to give a share of outliers."""


def _lists(q: NDArray[np.float64], alphas: tuple[float, ...]) -> Lists:
    return Lists(np.array([q <= alpha for alpha in alphas]), np.full(len(alphas), np.nan))


def contamination(calibration: Pool, test: Pool, alphas: tuple[float, ...], rng: np.random.Generator) -> Lists:
    """The top 1 % are the anomalies, as ``contamination=0.01`` says in many libraries.

    Examples
    --------
    >>> pool = Pool(np.arange(200), np.arange(200.0), np.full(200, "all"), np.zeros(200, bool))
    >>> contamination(pool, pool, (0.05,), np.random.default_rng(0)).called.sum()
    np.int64(2)
    """
    cut = np.quantile(test.score, 1 - CONTAMINATION)
    return Lists(np.tile(test.score > cut, (len(alphas), 1)), np.full(len(alphas), np.nan))


def mad_z_score(calibration: Pool, test: Pool, alphas: tuple[float, ...], rng: np.random.Generator) -> Lists:
    """Robust z-scores of the sample against itself, Gaussian p-values, Benjamini-Hochberg."""
    middle = np.median(test.score)
    width = 1.4826 * np.median(np.abs(test.score - middle))
    return _lists(q_values(ndtr(-(test.score - middle) / max(float(width), 1e-12))), alphas)


def self_rank(calibration: Pool, test: Pool, alphas: tuple[float, ...], rng: np.random.Generator) -> Lists:
    """The rank in the sample itself taken for a p-value: ``rank / m <= alpha`` is called significant."""
    return _lists(_rank_p(test.score), alphas)


def self_rank_adjusted(calibration: Pool, test: Pool, alphas: tuple[float, ...], rng: np.random.Generator) -> Lists:
    """The same with Benjamini-Hochberg: safe, and never finds anything, whatever there is."""
    return _lists(q_values(_rank_p(test.score)), alphas)


def same_score_trimming(calibration: Pool, test: Pool, alphas: tuple[float, ...], rng: np.random.Generator) -> Lists:
    """Conformal p-values after the top 1 % of CALIBRATION are taken out as anomalies, by the score that is judged."""
    kept = calibration[calibration.score <= np.quantile(calibration.score, 1 - CONTAMINATION)]
    return _lists(q_values(grouped_conformal_p(test.score, test.group, kept.score, kept.group)), alphas)


def _rank_p(score: NDArray[np.float64]) -> NDArray[np.float64]:
    ordered = np.sort(score)
    p: NDArray[np.float64] = (len(score) - np.searchsorted(ordered, score, side="left")) / len(score)
    return p


NAIVE: Final[dict[str, Method]] = {
    "contamination": contamination,
    "mad_z_score": mad_z_score,
    "self_rank": self_rank,
    "self_rank_adjusted": self_rank_adjusted,
    "same_score_trimming": same_score_trimming,
}
"""The naive methods by name."""
