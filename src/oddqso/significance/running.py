"""p-values, claim and certificate from scores that stay: what changes when people look, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddqso.significance.certificate import Tier, certify
from oddqso.significance.claim import Claim, claim
from oddqso.significance.labels import Labels
from oddqso.significance.params import SignificanceParams
from oddqso.significance.standing import calibrated, standings


@dataclass(frozen=True, slots=True, eq=False)
class FrozenScores:
    """Scores that no verdict moves.

    Parameters
    ----------
    target_id : (n_spec,) int64
        DESI TARGETID.
    score : (n_spec,) float32
        SCORE as it is published; NaN where there is none.
    group : (n_spec,) str
        Calibration group.
    split : (n_spec,) str
        FIT, CALIBRATION or TEST.
    """

    target_id: NDArray[np.int64]
    score: NDArray[np.float32]
    group: NDArray[Any]
    split: NDArray[Any]

    def claims(self, labels: Labels | None, params: SignificanceParams) -> tuple[Claim, tuple[Tier, ...]]:
        """What may be claimed with these labels: to the bit what the stage significance makes of them.

        Examples
        --------
        >>> held = FrozenScores(np.array([1, 2, 3]), np.array([1.0, 2.0, 9.0], np.float32),
        ...     np.array(["strict"] * 3), np.array(["CALIBRATION", "CALIBRATION", "TEST"]))
        >>> claim, tiers = held.claims(Labels(np.array([2]), np.array([True]), 0.0), SignificanceParams())
        >>> claim.n_looked, claim.n_taken_out, [tier.n_listed for tier in tiers]
        (1, 1, [0, 0, 0])
        """
        none = np.zeros(len(self.target_id), bool)
        odd, seen = labels.among(self.target_id, self.split) if labels else (none, none)
        return calibrate(self, odd, seen, params, labels.false_alarm if labels else 0.0)[1:]


def certificate_of(made: Claim, tiers: Sequence[Tier]) -> dict[str, Any]:
    """The certificate as plain numbers: each list, and the vetting that it rests on."""
    told = made.as_dict()
    vetting = {name: told[name] for name in ("n_looked", "n_taken_out", "false_alarm", "progress")}
    return {"tiers": [tier.as_dict() for tier in tiers], "vetting": vetting, "levels": told["levels"]}


def calibrate(
    frozen: FrozenScores,
    odd: NDArray[np.bool_],
    seen: NDArray[np.bool_],
    params: SignificanceParams,
    false_alarm: float,
) -> tuple[dict[str, pa.Array], Claim, tuple[Tier, ...]]:
    """P_VALUE, Q_VALUE, GROUP, TIER and FDP_95, null except for TEST; the claim and the certificates.

    Parameters
    ----------
    odd, seen : (n_spec,) bool
        What people found odd, and what they looked at.
    false_alarm : float
        Upper limit of the share of ordinary spectra that they call odd.
    """
    score = frozen.score
    scored = np.isfinite(score)
    test, held = scored & (frozen.split == "TEST"), scored & (frozen.split == "CALIBRATION")
    groups = standings(score[test], frozen.group[test], score[held], frozen.group[held], odd[held], seen[held])
    if not odd.any():
        false_alarm = 0.0  # nothing was taken out, so no ordinary one was
    p, q = calibrated(groups, int(test.sum()), params)
    tiers = certify(groups, q, params, false_alarm)
    tier, limit = np.full(len(q), None, object), np.full(len(q), np.nan)
    for made in reversed(tiers):
        listed = q <= made.alpha_applied
        tier[listed], limit[listed] = made.name, made.fdp_95
    columns = {}
    for name, values in {"P_VALUE": p, "Q_VALUE": q, "FDP_95": limit}.items():
        column = np.full(len(score), np.nan)
        column[test] = values
        columns[name] = pa.array(column, mask=~np.isfinite(column))
    columns["GROUP"] = pa.array(frozen.group, pa.string(), mask=~test)
    named = np.full(len(score), None, object)
    named[test] = tier
    columns["TIER"] = pa.array(named, pa.string())
    order = ("P_VALUE", "Q_VALUE", "GROUP", "TIER", "FDP_95")
    return {name: columns[name] for name in order}, claim(groups, q, params, false_alarm), tiers
