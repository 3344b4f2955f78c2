"""What every detector promises."""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from oddqso.score.evidence import Evidence
from oddqso.score.params import FitParams, ScoreParams
from oddqso.spectra import Embedding
from oddqso.spectra.templates import RestTemplates

Arrays = dict[str, NDArray[Any]]
"""A fitted detector as plain arrays: what is stored, and nothing else is."""


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """What detectors learn from.

    Parameters
    ----------
    embedding : Embedding
        Latent vectors of ordinary spectra of the FIT split.
    templates : RestTemplates or None
        Mean and strongest components of the trained model; None where there is no model, and then detectors that need
        them cannot be fitted.
    """

    embedding: Embedding
    templates: RestTemplates | None = None


class Score(Protocol):
    """A detector: made from settings, fitted, then called; frozen, so that `fit` gives a new one.

    Higher is odder. The score of a row depends on that row alone: not on its neighbors in the batch, not on their
    order. The same training rows and the same generator give the same detector, and a detector stored and restored
    gives the same scores. ``tests/contracts/test_scores.py`` holds any detector to this.
    """

    name: ClassVar[str]
    """In capitals, as in the column SCORE_<NAME>."""

    @classmethod
    def make(cls, fit: FitParams, score: ScoreParams) -> Self:
        """A detector with these settings, not yet fitted."""

    def fit(self, training: Training, rng: np.random.Generator) -> Self:
        """The detector fitted to ordinary spectra; itself if there is nothing to learn."""

    def __call__(self, evidence: Evidence) -> NDArray[np.float32]:
        """(n_spec,) float32, higher is odder."""

    def to_arrays(self) -> Arrays:
        """What was fitted."""

    def from_arrays(self, arrays: Arrays) -> Self:
        """The detector with what `to_arrays` of a fitted one gave."""


@runtime_checkable
class Explains(Protocol):
    """A detector that also says where and what it saw."""

    def columns(self, evidence: Evidence) -> Arrays:
        """Columns by name, (n_spec,) each; SCORE_<NAME>, equal to the call's result, is the first."""
