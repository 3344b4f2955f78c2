"""The model, measured: accuracy, truth error, redshift leakage, real spectra, what its parts are worth, seeds, speed.

    python benchmarks/model.py [--weights FOLDER] [--real FOLDER] [--work FOLDER] [--n N]
                               [--parts accuracy leakage real ablations seeds speed]

Without --weights it is the model that is shipped. A survey that nothing was trained or tuned on is simulated in the
working folder and kept there. --real is the folder of real spectra, by default what ODDQSO_REAL_DATA names; without it
their figures are null. Each part is a module with a function ``measure``, in a process of its own; two at a time, speed
alone. Writes benchmarks/results/model.json; parts that are not asked for keep the figures that they had. The file says
with which commit each part was measured, and in ``not_one_commit`` why they do not tell of one code, if they do not.
"""

import argparse
import importlib
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from parts import code_version, in_own_process, machine, one_commit

HERE = Path(__file__).parent
OUT = HERE / "results" / "model.json"
TOGETHER, ALONE = ("ablations", "seeds", "leakage", "accuracy", "real"), ("speed",)
MODULES = ("oddqso", "numpy", "scipy", "torch", "lightning", "numba", "pyarrow")
FIGURES = (
    "accuracy_min", "truth_error_2_5", "truth_error_5", "truth_error_2_5_light", "truth_error_5_light",
    "chi_width_min", "chi_width_max", "redshift_r2", "redshift_r2_products", "shift_consistency", "active_units",
    "encode_decode_per_s", "real_accuracy_2_5", "real_accuracy_5_10", "real_accuracy_10",
)  # fmt: skip
"""What the file holds at least when all parts were measured."""


def _part(name: str, weights: Path, given: Path | None, scratch: Path, out: Path) -> None:
    sys.path.insert(0, str(HERE))
    module = importlib.import_module(f"model_{name}")
    if name in ("speed", "seeds"):
        from model_sample import prepared

        found = {name: module.measure(weights, prepared(given), scratch)}
        found |= {key: value for key, value in found[name].items() if key in FIGURES}
    else:
        found = module.measure(weights, given, scratch)
    out.write_text(json.dumps(found))


def measured(name: str, weights: Path, given: Path | None, work: Path) -> dict[str, Any]:
    """What a part finds, how long it took, and how busy the machine was before."""
    began, load, code = time.monotonic(), os.getloadavg()[0], code_version()
    found = in_own_process(_part, name, (weights, given), work)
    seconds = round(time.monotonic() - began, 1)
    print(f"{name}: {seconds} s", flush=True)
    return {"found": found, "seconds": seconds, "load_average_before": round(load, 2), "code": code}


def made_sample(work: Path, n_target: int) -> tuple[Path, dict[str, Any]]:
    """The survey, and what it is."""
    sys.path.insert(0, str(HERE))
    from model_sample import SEED, make

    folder = work / f"sample-{SEED}-{n_target}"
    make(folder, n_target, os.cpu_count() or 1)
    return folder, {"n_target": n_target, "seed": SEED}


def main() -> None:
    """Measure what is asked for, and write it down."""
    from oddqso.embed.starting import SHIPPED, file_hash

    parts = (*TOGETHER, *ALONE)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=SHIPPED, help="folder of a trained model")
    parser.add_argument("--real", type=Path, default=os.environ.get("ODDQSO_REAL_DATA") or None)
    parser.add_argument("--work", type=Path, default=Path("runs/bench-model"))
    parser.add_argument("--n", type=int, default=12_500, help="quasars of the simulated survey")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    given = parser.parse_args()
    weights = {"folder": "shipped" if given.weights == SHIPPED else given.weights.name,
               "sha256": file_hash(given.weights / "model.safetensors")}  # fmt: skip
    work = given.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    sample, survey = made_sample(work, given.n)
    result: dict[str, Any] = json.loads(given.out.read_text()) if given.out.exists() else {}
    if result and result["measured"] != {"weights": weights, "survey": survey}:
        print("the file tells of other weights or another survey: it is begun anew", flush=True)
        result = {}
    result |= {"machine": machine(MODULES), "measured": {"weights": weights, "survey": survey}}

    def measure(name: str) -> dict[str, Any]:
        return measured(name, given.weights.resolve(), given.real if name == "real" else sample, work)

    for names, n_process in ((TOGETHER, 2), (ALONE, 1)):
        asked = [name for name in names if name in given.parts]
        with ThreadPoolExecutor(n_process) as pool:
            for name, one in zip(asked, pool.map(measure, asked), strict=True):
                result |= one.pop("found")
                result.setdefault("parts", {})[name] = one
                result["not_one_commit"] = one_commit(result["parts"])
                given.out.parent.mkdir(exist_ok=True)
                given.out.write_text(json.dumps(result, indent=1, sort_keys=True, allow_nan=False) + "\n")
    print(f"wrote {given.out}")
    for name in ("not_one_commit", "real_why"):
        if result.get(name):
            print(f"  NOTE: {result[name]}")
    for name in FIGURES:
        print(f"  {name:26s} {result.get(name, 'not measured yet')}")


if __name__ == "__main__":
    main()
