"""What people found in the calibration: settled verdicts, and how often their makers err."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddqso.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Settled verdicts on CALIBRATION spectra.

    Odd ones leave the calibration. Everything else stays, whether somebody found it ordinary or nobody saw it, so
    that p-values stay valid however far the vetting has gone.

    Parameters
    ----------
    target_id : (n,) int64
        Spectra that were judged, each once.
    odd : (n,) bool
        Whether the verdict is odd.
    false_alarm : float
        An upper limit of the share of ordinary spectra that vetters call odd, in [0, 1).

    Raises
    ------
    DataError
        If a TARGETID stands twice, lengths differ, or the share is none.

    Examples
    --------
    >>> Labels(np.array([7, 7]), np.array([True, False]), 0.0)
    Traceback (most recent call last):
        ...
    oddqso.errors.DataError: TARGETID 7 has 2 verdicts; settle them into one
    """

    target_id: NDArray[np.int64]
    odd: NDArray[np.bool_]
    false_alarm: float

    def __post_init__(self) -> None:
        if self.target_id.shape != self.odd.shape or self.target_id.ndim != 1:
            raise DataError(f"verdicts on {self.target_id.shape} spectra, but {self.odd.shape} verdicts")
        values, counts = np.unique(self.target_id, return_counts=True)
        if len(values) != len(self.target_id):
            twice = counts.argmax()
            raise DataError(f"TARGETID {values[twice]} has {counts[twice]} verdicts; settle them into one")
        if not 0 <= self.false_alarm < 1:
            raise DataError(f"the rate of false alarms is a share below 1; found {self.false_alarm}")

    def among(self, target_id: NDArray[np.int64], split: NDArray[Any]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which of a run's spectra are labeled odd, and which are labeled at all, (n_spec,) each.

        Raises
        ------
        DataError
            If a verdict is on a spectrum outside the run, or outside its CALIBRATION.

        Examples
        --------
        >>> labels = Labels(np.array([7]), np.array([True]), 0.0)
        >>> labels.among(np.array([5, 7]), np.array(["TEST", "CALIBRATION"]))
        (array([False,  True]), array([False,  True]))
        """
        odd, seen = np.zeros(len(target_id), bool), np.zeros(len(target_id), bool)
        order = np.argsort(target_id, kind="stable")
        at = np.searchsorted(target_id, self.target_id, sorter=order)
        inside = at < len(target_id)
        row = order[at[inside]]
        inside[inside] = target_id[row] == self.target_id[inside]
        if not inside.all():
            raise DataError(
                f"there are verdicts on {_some(self.target_id[~inside])}, no spectra of this run; "
                "import the verdicts into the run that they were asked for"
            )
        row = order[at]
        elsewhere = split[row] != "CALIBRATION"
        if elsewhere.any():
            raise DataError(
                f"there are verdicts on {_some(self.target_id[elsewhere])}, of the split {split[row][elsewhere][0]}; "
                "only CALIBRATION spectra may be vetted before a claim"
            )
        odd[row], seen[row] = self.odd, True
        return odd, seen


def _some(target_id: NDArray[np.int64]) -> str:
    named = ", ".join(str(value) for value in target_id[:3].tolist())
    return f"TARGETID {named}" + (f" and {len(target_id) - 3:,} more" if len(target_id) > 3 else "")
