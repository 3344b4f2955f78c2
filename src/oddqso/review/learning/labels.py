"""What verdicts say of interest: the one place where words become numbers.

These labels are no random sample: people were led to the objects. They order what is looked at next and nothing else;
they never reach the calibration of p-values (see `oddqso.significance`), which takes blind verdicts alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from oddqso.review.learning.params import LearningParams


class Judged(Protocol):
    """What is needed of a verdict, of one reviewer or of all together."""

    @property
    def target_id(self) -> int:
        """DESI TARGETID."""

    @property
    def verdict(self) -> str | None:
        """A word; None where reviewers contradict each other."""

    @property
    def subtype(self) -> str | None:
        """A finer word."""

    @property
    def interest(self) -> float | None:
        """0 to 5, if it was given."""


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Objects with their interest.

    Parameters
    ----------
    target_id : (n,) int64
        Ascending, each once.
    interest : (n,) float64
        0 (dull) to 5.
    """

    target_id: NDArray[np.int64]
    interest: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.target_id)

    def same(self, other: "Labels") -> bool:
        """Whether others are the same."""
        return np.array_equal(self.target_id, other.target_id) and np.array_equal(self.interest, other.interest)

    def __getitem__(self, rows: NDArray[np.intp]) -> "Labels":
        """Some of them."""
        return Labels(self.target_id[rows], self.interest[rows])


def interest_of(judged: Judged, params: LearningParams) -> float | None:
    """The interest that a verdict stands for, 0 to 5; None if it teaches nothing.

    Examples
    --------
    >>> from types import SimpleNamespace as Said
    >>> params = LearningParams()
    >>> interest_of(Said(target_id=1, verdict="ANOMALY", subtype=None, interest=5), params)
    5.0
    >>> interest_of(Said(target_id=1, verdict="ARTIFACT", subtype="sky", interest=5), params)
    0.0
    >>> interest_of(Said(target_id=1, verdict="UNSURE", subtype=None, interest=None), params) is None
    True
    """
    if judged.verdict is None or judged.verdict in params.no_answer:
        return None
    if judged.verdict not in params.interesting or judged.subtype in params.dull_subtypes:
        return 0.0
    return params.interest_default if judged.interest is None else float(judged.interest)


def labels_of(judgments: Iterable[Judged], params: LearningParams) -> Labels:
    """The labels that some verdicts stand for; of several on one object the last that teaches counts."""
    known = {one.target_id: interest for one in judgments if (interest := interest_of(one, params)) is not None}
    target_id = np.array(sorted(known), dtype=np.int64)
    return Labels(target_id, np.array([known[one] for one in target_id.tolist()], dtype=np.float64))
