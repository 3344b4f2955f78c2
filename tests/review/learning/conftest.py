"""Objects whose interest is known, and a store of verdicts in memory."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pytest

from oddqso.review.learning.features import Features
from oddqso.runs.directory import RunDirectory

N = 3000


@dataclass
class Source:
    """A run without files."""

    directory: RunDirectory
    columns: dict

    @property
    def n(self):
        return len(self.columns["TARGETID"])

    def rows_of(self, target_ids):
        rows = np.asarray(target_ids) - 1000
        return np.where((rows >= 0) & (rows < self.n), rows, -1)


@dataclass
class Said:
    target_id: int
    verdict: str | None
    subtype: str | None = None
    interest: float | None = None


@dataclass
class Store:
    """All verdicts, by reviewer."""

    said: dict = field(default_factory=dict)
    fails: bool = False
    n: int = 0

    def say(self, reviewer, *said):
        self.said.setdefault(reviewer, []).extend(said)
        self.n += len(said)

    def labels(self):
        if self.fails:
            raise OSError("the disk is gone")
        return [one for said in self.said.values() for one in said]

    def current(self, reviewer=None):
        rows = self.said.get(reviewer, [])
        return pa.table({
            "ID": pa.array(range(len(rows)), pa.int64()), "TARGETID": pa.array([r.target_id for r in rows], pa.int64()),
            "VERDICT": pa.array([r.verdict for r in rows], pa.string()),
            "SUBTYPE": pa.array([r.subtype for r in rows], pa.string()),
            "INTEREST": pa.array([r.interest for r in rows], pa.int8()),
        })  # fmt: skip

    def last_id(self):
        return self.n


@dataclass
class World:
    """Objects in which one kind of oddness is interesting and another is not."""

    features: Features
    score: np.ndarray
    interesting: np.ndarray

    def labels(self, rows):
        return 5.0 * self.interesting[rows]


@pytest.fixture(scope="session")
def world() -> World:
    """Artifacts are oddest; interesting objects are as odd as a crowd of ordinary ones, in a direction of their own."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(N, 12))
    score = rng.exponential(0.5, N)
    artifact, interesting = np.arange(N) < 100, (np.arange(N) >= 100) & (np.arange(N) < 200)
    x[artifact, 1:4] += 4
    x[interesting, 5:8] += 4
    score[artifact] += 3
    score[interesting] += 1
    mixed = rng.permutation(N)
    values = np.column_stack([score, x])[mixed].astype(np.float16)
    return World(Features(("SCORE", *(f"latent {k}" for k in range(12))), values), score[mixed], interesting[mixed])


@pytest.fixture
def source(world, tmp_path) -> Source:
    return Source(RunDirectory(tmp_path), {"TARGETID": np.arange(1000, 1000 + N), "SCORE": world.score})


@pytest.fixture
def store() -> Store:
    return Store()
