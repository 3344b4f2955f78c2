"""What latents know of the redshift, on as many simulated quasars as pairs of latents ask for.

    python benchmarks/model_leakage.py WEIGHTS WORK [--n-target N]

Of a survey of ordinary quasars that no model has seen, the spectra with S/N of at least 2 and a redshift that is asked
for; they are kept in WORK.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from oddqso.api.pretraining import make_chunk, ordinary_survey
from oddqso.config import read_settings
from oddqso.desi.survey import plan_survey
from oddqso.embed.consistency import INTERVALS, SNR_MIN, measure_consistency
from oddqso.embed.scratch import median_snr, unlearned
from oddqso.embed.threads import threads
from oddqso.embed.weights import load_model
from oddqso.runs.files import read_table
from oddqso.spectra import Spectra

SEED, N_TARGET = 50_262, 60_000


def measure(folder: Path, sample: Path, scratch: Path, n_target: int = N_TARGET) -> dict[str, Any]:
    """Redshift leakage of the model in ``folder``, with and without products of pairs of latents.

    The spectra are kept beside the folder ``sample``.
    """
    model = load_model(folder)
    parts = bright(sample.parent / f"leakage-{SEED}-{n_target}", n_target)
    data = unlearned(parts, np.concatenate([median_snr(part.flux, part.ivar) for part in parts]))
    with threads(1):
        found = measure_consistency(model.vae, data, np.flatnonzero(model.active).tolist(), SEED)
    leakage = found["redshift_leakage"]
    return {
        "leakage": {"n_target": n_target, "seed": SEED, "redshift_leakage": leakage},
        "redshift_r2": (leakage or {}).get("r2"),
        "redshift_r2_products": (leakage or {}).get("r2_products"),
    }


def bright(folder: Path, n_target: int) -> list[Spectra]:
    """Spectra that leakage is measured on, chunk by chunk, simulated where they are not there yet."""
    survey, settings = ordinary_survey(n_target, SEED), read_settings(None, [f"prepare.strict_snr_min={SNR_MIN}"])
    found = []
    for plan in plan_survey(survey):
        path = folder / f"{plan.name}.arrow"
        if not path.exists():
            make_chunk(plan, folder=folder, survey=survey, settings=settings)
        part = Spectra.from_table(read_table(path))
        asked = np.any([(part.z >= low) & (part.z < high) for low, high in INTERVALS], axis=0)
        found.append(part[asked])
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--n-target", type=int, default=N_TARGET)
    given = parser.parse_args()
    print(json.dumps(measure(given.weights, given.work / "sample", given.work, given.n_target), indent=1))
