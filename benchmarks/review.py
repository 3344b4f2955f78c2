"""The review room, measured: pages in a browser, the map, learning, what comes next, and fifty reviewers at once.

    python benchmarks/review.py [--run RUN] [--work FOLDER] [--parts next load pages map learning]

Without --run a survey is simulated and run through in the working folder (an hour on two cores), and kept there. Each
part is a module with ``measure(run, scratch)``, in a process of its own. Writes benchmarks/results/review.json; parts
that are not asked for keep the figures that they had.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from parts import in_own_process, machine

HERE = Path(__file__).parent
OUT = HERE / "results" / "review.json"
PARTS = ("next", "load", "pages", "map", "learning")
MODULES = (
    "oddqso",
    "numpy",
    "fastapi",
    "uvicorn",
    "starlette",
    "sqlalchemy",
    "umap-learn",
    "scikit-learn",
    "playwright",
)
N_TARGET, SEED = 30_000, 20_271  # a survey that no choice was made on
FIGURES = (
    "page_flip_ms_p50", "page_flip_ms_p95", "map_open_s", "lasso_ms", "next_ms", "refresh_s", "looks_100", "looks_200",
    "plain_100", "plain_200", "load_p95_ms", "load_errors",
)  # fmt: skip
"""What the file holds at least when all parts were measured."""


def made_run(work: Path) -> Path:
    """A complete run on a simulated survey; what is there is not made again."""
    survey, run = work / "survey", work / "run"
    if not survey.exists():
        simulate = ["simulate", survey, "--n", N_TARGET, "--seed", SEED, "--set", "resolution=false"]
        _oddqso(*simulate, "--set", "targets_per_pixel=1000")
    _oddqso("run", survey, "--run", run)
    return run


def _oddqso(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "oddqso.cli", *map(str, words)], check=True)


def _part(name: str, run: Path, scratch: Path, out: Path) -> None:
    sys.path.insert(0, str(HERE))
    out.write_text(json.dumps(importlib.import_module(f"review_{name}").measure(run, scratch)))


def main() -> None:
    """Measure what is asked for, and write it down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="a complete run on a simulated survey; only read")
    parser.add_argument("--work", type=Path, default=Path("runs/bench-review"))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    run = (given.run or made_run(given.work)).resolve()
    result: dict[str, Any] = json.loads(OUT.read_text()) if OUT.exists() else {}
    result["machine"] = machine(MODULES)
    for name in given.parts:
        print(f"{name} ...", flush=True)
        start, load = time.monotonic(), os.getloadavg()[0]
        result |= in_own_process(_part, name, (run,), given.work)
        about = {"seconds": round(time.monotonic() - start, 1), "load_average_before": round(load, 2), "run": run.name}
        result.setdefault("parts", {})[name] = about
        OUT.parent.mkdir(exist_ok=True)
        OUT.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")
    print(f"wrote {OUT}")
    for name in FIGURES:
        print(f"  {name:20s} {result.get(name, 'not measured yet')}")


if __name__ == "__main__":
    main()
