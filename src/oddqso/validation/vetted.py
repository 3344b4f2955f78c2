"""Our own method, for the gate: an oracle vets the top of CALIBRATION, and the lists are drawn up as in a run."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oddqso.shares import upper_limit
from oddqso.significance.conformal import grouped_conformal_p, q_values
from oddqso.significance.params import SignificanceParams
from oddqso.validation.pool import Lists, Method, Pool


@dataclass(frozen=True, slots=True)
class Vetters:
    """Simulated people.

    Parameters
    ----------
    miss, false_alarm : float
        Share of the odd spectra that they call ordinary, and of the ordinary ones that they call odd.
    control_share : float
        Known-ordinary spectra mixed into what they look at, as a share of it; their false alarms are counted on these.
    """

    miss: float = 0.05
    false_alarm: float = 0.01
    control_share: float = 0.1


def vetted(params: SignificanceParams, vetters: Vetters) -> Method:
    """The method of `oddqso.significance`, after vetters went down each group's CALIBRATION until the stop rule."""

    def method(calibration: Pool, test: Pool, alphas: tuple[float, ...], rng: np.random.Generator) -> Lists:
        seen_as_odd = np.where(
            calibration.odd,
            rng.random(len(calibration)) >= vetters.miss,
            rng.random(len(calibration)) < vetters.false_alarm,
        )
        removed = np.zeros(len(calibration), bool)
        looks = 0
        for group in np.unique(calibration.group):
            rows = np.flatnonzero(calibration.group == group)
            rows = rows[np.argsort(-calibration.score[rows], kind="stable")]
            n_looks = stop(calibration.score[rows], seen_as_odd[rows], test.score[test.group == group], max(alphas))
            removed[rows[:n_looks][seen_as_odd[rows[:n_looks]]]] = True
            looks += n_looks
        n_controls = max(1, round(vetters.control_share * looks))
        error = upper_limit(int(rng.binomial(n_controls, vetters.false_alarm)), n_controls)
        kept = calibration[~removed]
        p = np.minimum(grouped_conformal_p(test.score, test.group, kept.score, kept.group) / 0.99, 1)
        q = q_values(p)
        if params.q_within_groups:
            for group in np.unique(test.group):
                q[test.group == group] = q_values(p[test.group == group])
        return Lists(np.array([q <= alpha * (1 - error) for alpha in alphas]), np.full(len(alphas), np.nan), looks)

    return method


def stop(
    score: NDArray[np.float64], seen_as_odd: NDArray[np.bool_], test: NDArray[np.float64], alpha_max: float
) -> int:
    """Looks until K >= 5 and (m / (n + 1)) (1 + K) / R > 2 alpha_max."""
    k = np.cumsum(~seen_as_odd)
    n = len(score) - np.cumsum(seen_as_odd)
    ordered = np.sort(test)
    r = len(test) - np.searchsorted(ordered, score, side="left")
    enough = (k >= 5) & (len(test) / (n + 1) * (1 + k) > 2 * alpha_max * r)
    return int(np.argmax(enough)) + 1 if enough.any() else len(score)
