"""What the learning holds at a moment, and what it has to do: data, without threads."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddqso.review.learning.features import Features
from oddqso.review.learning.judging import Judgment
from oddqso.review.learning.labels import Labels, labels_of
from oddqso.review.learning.params import LearningParams
from oddqso.review.learning.report import Report

SHARED: Final = None
"""The scope of all reviewers together; any other scope is a reviewer's name."""
Scope = str | None


class VerdictStore(Protocol):
    """What is needed of the store of verdicts."""

    def current(self, reviewer: str | None = None) -> pa.Table:
        """Verdicts that stand: ID, TARGETID, VERDICT, SUBTYPE, INTEREST."""

    def labels(self) -> list[Any]:
        """What all reviewers together hold of each object; see `oddqso.review.learning.labels.Judged`."""

    def last_id(self) -> int:
        """The last entry; it changes with every entry."""


@dataclass(frozen=True, slots=True)
class Said:
    """A verdict of one reviewer, as `oddqso.review.learning.labels.Judged` asks for it."""

    target_id: int
    verdict: str | None
    subtype: str | None
    interest: float | None


def read_labels(store: VerdictStore, scope: Scope, params: LearningParams) -> Labels:
    """The labels of a scope: what all hold together, or what one reviewer holds."""
    return labels_of(store.labels() if scope is SHARED else in_time(store.current(scope)), params)


def in_time(current: pa.Table) -> list[Said]:
    """The verdicts of a table, in the order in which they were given."""
    order = np.argsort(current["ID"].to_numpy(), kind="stable") if current.num_rows else np.zeros(0, np.intp)
    names = ("TARGETID", "VERDICT", "SUBTYPE", "INTEREST")
    rows: Iterable[Any] = zip(*(current[name].take(pa.array(order)).to_pylist() for name in names), strict=True)
    return [Said(*row) for row in rows]


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What was learned in one scope.

    Parameters
    ----------
    labels : Labels
        From what; objects that are not in the catalog are left out.
    last_id : int
        The last entry of the store at that time.
    features : Features
        From what.
    judgment : Judgment
        What came out.
    promise : (n,) float32
        Larger for what is offered earlier; NaN for what is not offered.
    seconds : float
        Until the screen was judged [s].
    time : str
        When (UTC, ISO 8601).
    report : Report or None
        How good it is; None where labels are few, or while it is worked out.
    finished : bool
        Whether report and rest are there.
    """

    labels: Labels
    last_id: int
    features: Features
    judgment: Judgment
    promise: NDArray[np.float32]
    seconds: float
    time: str
    report: Report | None = None
    finished: bool = False


@dataclass(slots=True)
class State:
    """What changes; the learner alone touches it, under its lock."""

    features: Features | None = None
    """Those of the catalog, then all."""
    share: float = 0.0
    """Share of the features of spectra that is computed."""
    complete: bool = False
    """Whether the features of spectra are there."""
    features_error: str = ""
    wanted: "OrderedDict[Scope, None]" = field(default_factory=OrderedDict)
    """Scopes to learn anew, in the order in which they were asked for."""
    at_work: set[Scope] = field(default_factory=set)
    learned: "OrderedDict[Scope, Learned]" = field(default_factory=OrderedDict)
    """Results, the last used last."""
    errors: dict[Scope, tuple[str, int]] = field(default_factory=dict)
    """What went wrong, and the last entry of the store at that time."""
    chosen: dict[str, Scope] = field(default_factory=dict)
    """Which scope a reviewer follows."""
    closed: bool = False
