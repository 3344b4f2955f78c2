"""Where the tested spectra of each group stand among its calibration spectra; sorted once, used by all that follows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from oddqso.significance.conformal import q_values
from oddqso.significance.params import SignificanceParams


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """One group: ``m`` tested spectra, and ``n_all`` CALIBRATION spectra of which people may have seen some.

    Parameters
    ----------
    name : str
        The group.
    rows : (m,) int64
        Which of the tested spectra these are, oddest first.
    score : (m,) float
        Their scores, falling.
    above : (m,) int64
        How many of the group's CALIBRATION spectra have at least this score, whatever people said of them.
    calibration : (n_all,) float
        Scores of CALIBRATION, falling.
    row_of_calibration : (n_all,) int64
        Which of the CALIBRATION spectra these are.
    odd, seen : (n_all,) bool
        What people found odd and took out; what they looked at.
    """

    name: str
    rows: NDArray[np.int64]
    score: NDArray[Any]
    above: NDArray[np.int64]
    calibration: NDArray[Any]
    row_of_calibration: NDArray[np.int64]
    odd: NDArray[np.bool_]
    seen: NDArray[np.bool_]

    @property
    def n_kept(self) -> int:
        """CALIBRATION spectra that nobody took out."""
        return len(self.odd) - int(self.odd.sum())

    def count_above(self, which: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many of some of the CALIBRATION spectra have at least each tested spectrum's score, (m,)."""
        counted: NDArray[np.int64] = np.concatenate([[0], np.cumsum(which)])[self.above]
        return counted

    def p_value(self, eps: float) -> NDArray[np.float64]:
        """Conformal p-values against what was kept, (m,), rising.

        Where people took something out, odd spectra may be left below the point that they reached; they make the
        calibration look larger than it is, by a share of at most ``eps``, and p is divided by ``1 - eps``.
        """
        scale = 1 - eps if self.odd.any() else 1.0
        return np.asarray(np.minimum((1.0 + self.count_above(~self.odd)) / (self.n_kept + 1.0) / scale, 1.0))


def standings(
    score: NDArray[Any],
    group: NDArray[Any],
    calibration: NDArray[Any],
    calibration_group: NDArray[Any],
    odd: NDArray[np.bool_] | None = None,
    seen: NDArray[np.bool_] | None = None,
) -> tuple[Standing, ...]:
    """One `Standing` for each group that is tested or calibrated, by name.

    Parameters
    ----------
    score, group : (m,)
        Score and group name of the tested spectra.
    calibration, calibration_group : (n_all,)
        Score and group name of the CALIBRATION spectra.
    odd, seen : (n_all,) bool, optional
        What people found odd, and what they looked at; by default nobody did.

    Examples
    --------
    >>> one, = standings(np.array([2.0, 9.0]), np.array(["a", "a"]), np.array([1.0, 2.0]), np.array(["a", "a"]))
    >>> one.p_value(0.01).round(2)
    array([0.33, 0.67])
    """
    none = np.zeros(len(calibration), bool)
    odd, seen = none if odd is None else odd, none if seen is None else seen
    made = []
    tested, held = _rows_by_name(group), _rows_by_name(calibration_group)
    empty = np.zeros(0, np.int64)
    for name in sorted(set(tested) | set(held)):
        own, kept = _odder_first(score, tested.get(name, empty)), _odder_first(calibration, held.get(name, empty))
        falling = calibration[kept]
        above = len(kept) - np.searchsorted(falling[::-1], score[own][::-1], side="left")[::-1]
        made.append(Standing(name, own, score[own], above, falling, kept, odd[kept], seen[kept]))
    return tuple(made)


def calibrated(
    groups: Sequence[Standing], n_test: int, params: SignificanceParams
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """p-values and q-values of all tested spectra, (n_test,) each.

    Examples
    --------
    >>> a, held = np.array(["a", "a"]), np.array(["a"])
    >>> groups = standings(np.array([2.0, 9.0]), a, np.array([4.0]), held)
    >>> calibrated(groups, 2, SignificanceParams())
    (array([1. , 0.5]), array([1., 1.]))
    """
    p, q = np.ones(n_test), np.ones(n_test)
    for group in groups:
        p[group.rows] = group.p_value(params.eps)
        if params.q_within_groups:
            q[group.rows] = q_values(p[group.rows])
    return p, q if params.q_within_groups else q_values(p)


def _odder_first(score: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return rows[np.argsort(-score[rows], kind="stable")]


def _rows_by_name(group: NDArray[Any]) -> dict[str, NDArray[np.int64]]:
    """The rows of each group. Text is hashed, not sorted: a million names would take seconds."""
    encoded = pc.dictionary_encode(pa.array(group, pa.string()))
    code = encoded.indices.to_numpy()
    return {name: np.flatnonzero(code == k) for k, name in enumerate(encoded.dictionary.to_pylist())}
