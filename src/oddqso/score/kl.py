"""The divergence of the posterior from the prior, kept as a column; weak alone."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from oddqso.score.evidence import Evidence
from oddqso.score.params import FitParams, ScoreParams
from oddqso.score.protocol import Arrays, Training


@dataclass(frozen=True, slots=True)
class KlScore:
    """How many nats the encoder needs to tell this spectrum from the prior."""

    name: ClassVar[str] = "KL"

    @classmethod
    def make(cls, fit: FitParams, score: ScoreParams) -> Self:
        """A detector with these settings."""
        return cls()

    def fit(self, training: Training, rng: np.random.Generator) -> Self:
        """Itself: nothing to learn."""
        return self

    def __call__(self, evidence: Evidence) -> NDArray[np.float32]:
        """(n_spec,) float32 [nat]."""
        return evidence.kl.astype(np.float32)

    def to_arrays(self) -> Arrays:
        """Nothing."""
        return {}

    def from_arrays(self, arrays: Arrays) -> Self:
        """Itself."""
        return self
