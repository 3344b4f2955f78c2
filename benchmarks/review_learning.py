"""What learning from verdicts is worth: interesting objects in the first looks on a simulated survey; and its speed.

An oracle judges each object as it is looked at: interesting are fixed classes of odd astrophysics, and nothing else.
After every ten looks the ranking is made anew. Plain ranking goes down the list by SCORE. coniferest's forests get the
same features, the same screen and the same looks. Each seed reviews another nine tenths of the survey, so that the
standard error is that of surveys and not of a random generator alone; seed 0 reviews all of it.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from oddqso.review.learning.feature_file import compute_features, read_features
from oddqso.review.learning.features import CHUNK_ROWS, Features
from oddqso.review.learning.judging import judge
from oddqso.review.learning.learner import Learner
from oddqso.review.learning.params import LearningParams
from oddqso.review.learning.ranking import screen
from oddqso.runs.directory import RunDirectory
from oddqso.simulation.truth import true_classes

INTERESTING = (
    "felobal", "lobal", "redshifted_bal", "weak_line", "peaked_line", "nitrogen_rich", "extreme_iron", "double_peaked",
    "offset_broad", "changing_look", "reddened", "dust_bump", "oiii_outflow", "coronal_lines",
)  # fmt: skip
"""The fixed set: what a quasar itself does. Not: artifacts, wrong redshifts and classes, blends, and what is known and
counts as ordinary (BAL, DLA, Mg II absorbers, host light)."""
BATCH, LOOKS, N_SEEDS, N_LARGE = 10, (100, 200), 4, 1_600_000
WAYS: dict[str, dict[str, Any]] = {
    "learned": {}, "gaussian": {"method": "gaussian"}, "forest": {"method": "forest"},
    "one_percent": {"screen_rows": 10}, "aad": {"method": "aad"}, "pine": {"method": "pine"},
}  # fmt: skip


def review(features: Features, score: Any, interesting: Any, params: LearningParams | None) -> Any:
    """Whether each of the first looks was at an interesting object, (200,) bool; without params by plain ranking."""
    plain = screen(score, LearningParams())
    order, seen = plain, plain[:0]
    while len(seen) < max(LOOKS):
        if params is not None and len(seen):
            rows = np.sort(seen)
            order = judge(features, score, rows, 4.0 * interesting[rows], params).order
            order = np.concatenate([order, plain[~np.isin(plain, order)]])  # where the screen is used up
        seen = np.concatenate([seen, order[~np.isin(order, seen)][:BATCH]])
    return interesting[seen]


def looks(features: Features, score: Any, interesting: Any, n_seeds: int) -> dict[str, Any]:
    """Interesting objects in the first looks, by way of ranking: on the whole survey, and mean and standard error."""
    plain = screen(score, LearningParams())
    result: dict[str, Any] = {
        "n": len(score), "n_interesting": int(interesting.sum()),
        "n_interesting_in_top": {str(n): int(interesting[plain[:n]].sum()) for n in (200, 500, 1000, 2000)},
    }  # fmt: skip
    for name, settings in {"plain": None, **WAYS}.items():
        found = []
        for seed in range(n_seeds + 1):
            kept = np.ones(len(score), bool) if seed == 0 else np.random.default_rng(seed).random(len(score)) < 0.9
            part = Features(features.names, features.values[kept])
            params = None if settings is None else LearningParams(seed=seed, **settings)
            seen = review(part, score[kept], interesting[kept], params)
            found.append([int(seen[:n].sum()) for n in LOOKS])
        print(name, found, file=sys.stderr, flush=True)
        table = np.array(found, float)
        result[name] = {
            str(n): {
                "whole": int(table[0, k]), "mean": round(float(table[1:, k].mean()), 2),
                "se": round(float(table[1:, k].std(ddof=1) / np.sqrt(n_seeds)), 2),
            }
            for k, n in enumerate(LOOKS)
        }  # fmt: skip
    return result


@dataclass(frozen=True)
class Source:
    """A run, or one made larger by drawing its rows again."""

    directory: RunDirectory
    columns: Mapping[str, Any]

    @property
    def n(self) -> int:
        """Objects."""
        return len(self.columns["TARGETID"])

    def rows_of(self, target_ids: Any) -> Any:
        """Places in the catalog."""
        order = np.argsort(self.columns["TARGETID"], kind="stable")
        place = np.minimum(np.searchsorted(self.columns["TARGETID"][order], target_ids), self.n - 1)
        return np.where(self.columns["TARGETID"][order][place] == target_ids, order[place], -1)


class Labels:
    """A store that holds the labels of an oracle."""

    def __init__(self) -> None:
        self.said: list[Any] = []

    def labels(self) -> list[Any]:
        """All of them."""
        return self.said

    def current(self, reviewer: str | None = None) -> pa.Table:
        """None of one reviewer."""
        return pa.table({name: [] for name in ("ID", "TARGETID", "VERDICT", "SUBTYPE", "INTEREST")})

    def last_id(self) -> int:
        """Their number."""
        return len(self.said)


@dataclass(frozen=True)
class Said:
    """A label."""

    target_id: int
    verdict: str
    subtype: None = None
    interest: None = None


def speed(source: Source, features: Features, interesting: Any, scratch: Path, n_large: int) -> dict[str, Any]:
    """Seconds until a refresh is there and milliseconds until the next object is known, on so many rows."""
    rng = np.random.default_rng(1)
    drawn = rng.integers(0, source.n, n_large)
    columns = {"TARGETID": np.arange(n_large), "SCORE": np.asarray(source.columns["SCORE"])[drawn]}
    columns["SCORE"] = (columns["SCORE"] + rng.normal(0, 1e-3, n_large)).astype(np.float32)
    values = np.lib.format.open_memmap(scratch / "large.npy", "w+", np.float16, (n_large, len(features.names)))
    for start in range(0, n_large, CHUNK_ROWS):
        values[start : start + CHUNK_ROWS] = features.values[drawn[start : start + CHUNK_ROWS]]
    values.flush()
    large = Features(features.names, np.load(scratch / "large.npy", mmap_mode="r"))
    store = Labels()
    learner = Learner(Source(RunDirectory(scratch), columns), store, LearningParams())
    learner.take_features(large)
    learner.start()
    told: dict[str, Any] = {"n_rows": n_large, "n_features": len(features.names)}
    order = np.argsort(-columns["SCORE"])
    for n_labels in (50, 200, 1000):
        store.said = [
            Said(int(row), "ANOMALY" if interesting[drawn[row]] else "ORDINARY") for row in order[: 2 * n_labels : 2]
        ]
        start = time.monotonic()
        learner.refresh()
        learner.wait()
        screened = time.monotonic() - start
        times = []
        while not _finished(learner) and time.monotonic() - start < 120:  # readers ask while the rest is judged
            before = time.monotonic()
            _next(learner.offered())
            times.append(1e3 * (time.monotonic() - before))
            time.sleep(0.02)
        told[str(n_labels)] = {
            "refresh_s": round(screened, 3), "all_s": round(time.monotonic() - start, 2),
            "next_ms": round(float(np.quantile(times or [0.0], 0.95)), 3),
        }  # fmt: skip
    learner.close()
    told["peak_memory_gib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
    return told


def _next(order: Any) -> Any:
    """The next five objects after the one on the screen that have no verdict yet, as a queue finds them."""
    is_open = ~np.zeros(int(order.max()) + 1, bool)[order]
    place = int(np.flatnonzero(order == order[10])[0])
    return order[place + 1 :][is_open[place + 1 :]][:5]


def _finished(learner: Learner) -> bool:
    found = learner.learned()
    return found is not None and found.finished


def measure(
    run: Path, scratch: Path, truth: Path | None = None, n_seeds: int = N_SEEDS, n_large: int = N_LARGE
) -> dict[str, Any]:
    """All figures of a run on a simulated survey; its truth lies beside its input."""
    directory = RunDirectory(run)
    record = directory.record()
    survey = Path(record["input"] if record else "")
    truth_table = pq.read_table(truth or survey / "truth.parquet")
    catalog = pq.read_table(run / "release" / "catalog.parquet")
    wanted = ("SCORE", "Z", "TARGETID", "TAIL_", "PEAK_", "SNR", "COVERAGE", "EBV", "DELTACHI2", "JOIN_", "REDSHIFT_")
    names = [name for name in catalog.column_names if name.startswith(wanted)]
    source = Source(directory, {name: catalog[name].to_numpy(zero_copy_only=False) for name in names})
    scratch.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    features = read_features(source, scratch) or compute_features(source, folder=scratch)
    seconds = time.monotonic() - start
    classes = true_classes(source.columns["TARGETID"], source.columns["Z"], truth_table)
    interesting = np.isin([name or "" for name in classes], INTERESTING)
    score = np.asarray(source.columns["SCORE"], np.float32)
    found = looks(features, score, interesting, n_seeds)
    large = speed(source, features, interesting, scratch, n_large)
    return {
        "looks_100": found["learned"]["100"]["whole"], "looks_200": found["learned"]["200"]["whole"],
        "plain_100": found["plain"]["100"]["whole"], "plain_200": found["plain"]["200"]["whole"],
        "refresh_s": max(large[n]["refresh_s"] for n in ("50", "200")),
        "next_ms": max(large[n]["next_ms"] for n in ("50", "200")),
        "interesting_classes": list(INTERESTING), "looks": found, "large": large,
        "features_us_per_spectrum": round(1e6 * seconds / max(source.n, 1), 1),
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a complete run on a simulated survey")
    parser.add_argument("--truth", type=Path, help="truth.parquet, if it does not lie beside the run's input")
    parser.add_argument("--scratch", type=Path, default=Path("runs/bench-review-learning"))
    parser.add_argument("--seeds", type=int, default=N_SEEDS)
    parser.add_argument("--rows", type=int, default=N_LARGE)
    given = parser.parse_args()
    json.dump(measure(given.run, given.scratch, given.truth, given.seeds, given.rows), sys.stdout, indent=1)
    print()
