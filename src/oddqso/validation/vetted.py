"""Our own method, for the gate: simulated people vet the top of CALIBRATION, and the lists are drawn up as in a run."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from oddqso.shares import upper_limit
from oddqso.significance.certificate import certify
from oddqso.significance.params import SignificanceParams
from oddqso.significance.progress import MOST_LOOKS, progress
from oddqso.significance.standing import Standing, calibrated, standings
from oddqso.validation.pool import Lists, Method, Pool

BATCH: Final = 20
"""Looks at a group before people ask whether to go on."""


@dataclass(frozen=True, slots=True)
class Vetters:
    """Simulated people.

    Parameters
    ----------
    miss, false_alarm : float
        Share of the odd spectra that they call ordinary, and of the ordinary ones that they call odd.
    control_share : float
        Known-ordinary spectra mixed into what they look at, as a share of it. Only on these are false alarms counted.
    """

    miss: float = 0.05
    false_alarm: float = 0.01
    control_share: float = 0.125


def vetted(params: SignificanceParams, vetters: Vetters) -> Method:
    """The method of `oddqso.significance` after people went down the CALIBRATION of each group until they may stop.

    They see the truth of a spectrum and err at their rates; what they call odd leaves the calibration, and the limit
    of their false alarms is measured on the controls, not known.
    """

    def method(calibration: Pool, test: Pool, alphas: tuple[float, ...], rng: np.random.Generator) -> Lists:
        asked = params.model_copy(update={"alphas": alphas})
        chance = rng.random(len(calibration))
        verdict = np.where(calibration.odd, chance >= vetters.miss, chance < vetters.false_alarm)
        groups = tuple(
            _vet(group, verdict[group.row_of_calibration], asked)
            for group in standings(test.score, test.group, calibration.score, calibration.group)
        )
        looks = sum(int(group.seen.sum()) for group in groups)
        n_controls = max(1, round(vetters.control_share * looks))
        limit = upper_limit(int(rng.binomial(n_controls, vetters.false_alarm)), n_controls)
        false_alarm = limit if any(group.odd.any() for group in groups) else 0.0  # as in `assess`
        q = calibrated(groups, len(test), asked)[1]
        tiers = certify(groups, q, asked, false_alarm)
        called = np.array([q <= tier.alpha_applied for tier in tiers])
        return Lists(called, np.array([np.nan if t.fdp_95 is None else t.fdp_95 for t in tiers]), looks)

    return method


def _vet(group: Standing, verdict: NDArray[np.bool_], params: SignificanceParams) -> Standing:
    """One group, looked through from the top in batches until the rule says that it is enough."""
    order = np.arange(len(verdict))
    for depth in range(0, min(len(verdict), MOST_LOOKS) + BATCH, BATCH):
        seen = order < depth
        group = replace(group, seen=seen, odd=seen & verdict)
        if len(group.rows) == 0 or progress(group, params).may_stop:
            break
    return group
