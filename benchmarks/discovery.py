"""What the lists of a fixed simulated survey are worth: truth against claims, and against what one would pick instead.

    python benchmarks/discovery.py [--work FOLDER] [--parts survey rank gate inject speed] [--again]

- survey: simulates the survey (seed published below), runs it through, and prepares two more: one richer in odd
  spectra, that only adds members to the classes, and one like the first, of other quasars.
- rank: completeness, AUC and precision by class and S/N, for ours and its rivals (`discovery_rank`,
  `discovery_rivals`); correlations of the score with S/N and z.
- gate: `oddqso gate`: realized false discovery rates over many splits, ours and naive methods'; and ours on the third
  survey, judged by the frozen pipeline of the first.
- inject: `oddqso inject`: efficiencies of probes and of wrong redshifts, with intervals.
- speed: `discovery_speed` and `significance_speed`.

A part that is done is kept in the working folder and not done again unless the code has changed; a killed benchmark
goes on. Writes benchmarks/results/discovery.json. Needs 10 GB of disk, and about 30 minutes on two cores.
"""

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
ROOT = HERE.parent
N_TARGET, SEED = 30_000, 20_261
N_EXTRA, SEED_EXTRA, EXTRA_ODD = 12_000, 20_262, 0.6
SEED_OTHER = 20_263
SURVEY = ("resolution=false", "targets_per_pixel=1000")
PARTS = ("survey", "rank", "gate", "inject", "speed")
MODULES = ("oddqso", "numpy", "scipy", "torch", "scikit-learn", "pyod", "coniferest", "numba")


def _hash(paths: Sequence[Path]) -> str:
    """Of some files' content."""
    code = hashlib.sha256()
    for path in paths:
        code.update(path.read_bytes())
    return code.hexdigest()[:16]


class Work:
    """The working folder: survey, run, and what each part found."""

    def __init__(self, root: Path, n_target: int, replicates: int, per_bin: int) -> None:
        self.n_target, self.replicates, self.per_bin = n_target, replicates, per_bin
        self.n_extra = round(n_target * N_EXTRA / N_TARGET)
        self.code = _hash(sorted(ROOT.glob("src/oddqso/**/*.py")))
        self.root = root / f"{self.code}-{n_target}"
        for other in root.glob("*/made-by-discovery"):  # of other code: gigabytes that nobody reads again
            if other.parent != self.root:
                shutil.rmtree(other.parent)
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "made-by-discovery").touch()
        self.survey, self.run = self.root / "survey", self.root / "run"
        self.extra_survey, self.extra = self.root / "survey-odd", self.root / "run-odd"
        self.other_survey, self.other = self.root / "survey-other", self.root / "run-other"

    def part(self, name: str, again: bool) -> dict[str, Any]:
        """What a part found, done now unless it was done before with this code."""
        path = self.root / "parts" / f"{name}.json"
        mark = [_hash(sorted(HERE.glob("*.py"))), self.replicates, self.per_bin]
        if path.exists() and not again:
            kept: dict[str, Any] = json.loads(path.read_text())
            if kept["mark"] == mark:
                print(f"{name}: done before", flush=True)
                return kept
        began = time.monotonic()
        print(f"{name}: begins", flush=True)
        found: dict[str, Any] = {"found": DO[name](self), "mark": mark, "seconds": round(time.monotonic() - began, 1)}
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".aside")
        aside.write_text(json.dumps(found))
        aside.rename(path)
        print(f"{name}: {found['seconds']} s", flush=True)
        return found


def do_survey(work: Work) -> dict[str, Any]:
    import oddqso

    cores = os.cpu_count() or 1
    oddqso.simulate(work.survey, n_target=work.n_target, seed=SEED, overrides=SURVEY, workers=cores)
    oddqso.run(work.survey, work.run, workers=cores)
    odd = f"anomaly_fraction={EXTRA_ODD}"
    oddqso.simulate(work.extra_survey, n_target=work.n_extra, seed=SEED_EXTRA, overrides=(*SURVEY, odd), workers=cores)
    oddqso.run(work.extra_survey, work.extra, workers=cores, until="prepare")
    oddqso.simulate(work.other_survey, n_target=work.n_extra, seed=SEED_OTHER, overrides=SURVEY, workers=cores)
    oddqso.run(work.other_survey, work.other, workers=cores, until="prepare")
    return {"seconds_by_stage": {s.name: round(s.seconds, 1) for s in oddqso.status(work.run)}}


def _scores(work: Work) -> dict[str, Any]:
    """Scores of all judged spectra, ours and the rivals', made once."""
    from discovery_rank import scores_of

    kept = work.root / "parts" / f"scores-{_hash([HERE / 'discovery_rivals.py', HERE / 'discovery_rank.py'])}.npz"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, **scores_of(work.run, work.survey, work.extra, work.extra_survey, SEED))
    return dict(np.load(kept))


def do_rank(work: Work) -> dict[str, Any]:
    from discovery_rank import compare, correlations

    return compare(_scores(work)) | {"correlations": correlations(work.run, work.survey)}


def do_gate(work: Work) -> dict[str, Any]:
    import oddqso
    from discovery_gate import other_survey, rich_survey

    params = oddqso.GateParams(replicates=work.replicates, anew=max(2, work.replicates // 15))
    verdicts = [verdict.as_dict() for verdict in oddqso.gate(work.run, params=params)]
    other = other_survey(work.run, work.other, work.other_survey, params)
    rich = rich_survey(_scores(work), (0.01, 0.05, 0.1), work.replicates, SEED)
    return {
        "params": params.model_dump(mode="json"), "methods": verdicts, "other_survey": other.as_dict(),
        "rich_survey": {"rates": [rate.as_dict() for rate in rich]},
    }  # fmt: skip


def do_inject(work: Work) -> dict[str, Any]:
    import oddqso
    from discovery_inject import probe_figures, short, wrong_redshifts

    found = oddqso.inject(work.run, per_bin=work.per_bin, workers=os.cpu_count() or 1).figures()
    wrong = wrong_redshifts(work.run, work.survey)
    return {"figures": probe_figures(found) | wrong.pop("figures"), "wrong_redshifts": wrong} | short(found)


def do_speed(work: Work) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("discovery_speed", "significance_speed"):
        done = subprocess.run([sys.executable, str(HERE / f"{name}.py")], check=True, stdout=subprocess.PIPE, text=True)
        found |= json.loads(done.stdout)
    return {"figures": found}


DO = {"survey": do_survey, "rank": do_rank, "gate": do_gate, "inject": do_inject, "speed": do_speed}


def figures(parts: dict[str, Any]) -> dict[str, Any]:
    """The figures that the project promises, under their names."""
    found: dict[str, Any] = {}
    if "gate" in parts:
        found |= _gate_figures(parts["gate"])
    if "rank" in parts:
        rank = parts["rank"]
        ours, best = rank["methods"]["ours"], rank["methods"][rank["best_other"]]
        found |= {
            "completeness_1e3_ours": ours["completeness_1e3"], "completeness_1e3_ours_se": rank["se"]["ours"],
            "completeness_1e3_best_other": best["completeness_1e3"],
            "completeness_1e3_best_other_se": rank["se"][rank["best_other"]], "best_other": rank["best_other"],
            "completeness_1e3_ratio": round(ours["completeness_1e3"] / max(best["completeness_1e3"], 1e-9), 2),
            "completeness_1e3_ratio_se": rank["se"]["ratio"],
        }  # fmt: skip
        found |= {name: value for name, value in rank["correlations"].items() if name.startswith("score_")}
    for part in ("inject", "speed"):
        if part in parts:
            found |= parts[part].get("figures", {})
    return found


def _gate_figures(part: dict[str, Any]) -> dict[str, Any]:
    """Realized rates of each method: of the composition that is worst for it, at each promised rate.

    Ours goes through the third survey and the rich one as well.
    """
    found: dict[str, Any] = {"gate_naive": {}}
    others = [rate for name in ("other_survey", "rich_survey") for rate in part[name]["rates"]]
    for method in part["methods"]:
        if method["method"] == "ours":
            holds = method["holds"] and all(rate["holds"] for rate in others)
            method = method | {"rates": [*method["rates"], *others], "holds": holds, "passes": holds}
        own: dict[str, Any] = {"passes": method["passes"], "holds": method["holds"], "finds": method["finds"]}
        for alpha, name in ((0.01, "01"), (0.05, "05"), (0.1, "10")):
            rates = [rate for rate in method["rates"] if abs(rate["alpha"] - alpha) < 1e-9]
            worst = max(rates, key=lambda rate: (not rate["holds"], rate["fdr"]))
            own |= {
                f"gate_fdr_{name}": round(worst["fdr"], 5), f"gate_fdr_{name}_se": round(worst["se"], 5),
                f"gate_fdr_{name}_where": f"{worst['composition']}; {worst['group']}",
                f"gate_lists_{name}": sum(rate["n_lists"] for rate in rates if rate["group"] == "all"),
            }  # fmt: skip
        if method["method"] == "ours":
            found |= own | {"fpr_upper": round(method["fpr_upper"], 5)}
        else:
            own["fpr_upper"] = round(method["fpr_upper"], 5)
            found["gate_naive"][method["method"]] = own
    return found


def machine() -> dict[str, Any]:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    return {"processor": model, "cores": os.cpu_count(), "load_average": round(os.getloadavg()[0], 2)}


def _version(name: str) -> str:
    try:
        return version(name)
    except ModuleNotFoundError:
        return "not installed"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "bench-discovery")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--again", action="store_true", help="do the parts again even if nothing changed")
    parser.add_argument("--n", type=int, default=N_TARGET, help="targets, to try it out")
    parser.add_argument("--replicates", type=int, default=300)
    parser.add_argument("--per-bin", type=int, default=200, help="injections a class and S/N bin")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "discovery.json")
    args = parser.parse_args()
    work = Work(args.work, args.n, args.replicates, args.per_bin)
    at_start, done = machine(), {}
    for name in PARTS:
        if name in args.parts:
            done[name] = work.part(name, args.again)
    parts = {name: part["found"] for name, part in done.items()}
    old = json.loads(args.out.read_text()) if args.out.exists() and set(args.parts) != set(PARTS) else {}
    new = {
        "machine": at_start, "versions": {name: _version(name) for name in MODULES},
        "survey": {"n_target": args.n, "seed": SEED, "set": SURVEY, "n_extra": work.n_extra, "seed_extra": SEED_EXTRA,
                   "seed_other": SEED_OTHER, "extra_anomaly_fraction": EXTRA_ODD},
        "seconds": old.get("seconds", {}) | {name: part["seconds"] for name, part in done.items()},
        "parts": old.get("parts", {}) | parts,
    }  # fmt: skip
    result = figures(new["parts"]) | new
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    for name, value in result.items():
        if not isinstance(value, dict):
            print(f"{name}: {value}")


if __name__ == "__main__":
    main()
