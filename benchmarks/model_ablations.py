"""What each part of the model is worth: the model and its variants, trained on the same few thousand spectra.

    python benchmarks/model_ablations.py WEIGHTS SAMPLE --scratch FOLDER [--learn N] [--n N]

The spectra are simulated and prepared as by `oddqso pretrain`. The model is trained on them with a shorter schedule
than the weights that are shipped, its variants (`oddqso.embed.variants`) on the same ones. All are measured by the same
function on the same held-out survey.
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from model_accuracy import first, headline, measure_model
from model_sample import chunks
from oddqso.api.pretraining import make_chunk, ordinary_survey
from oddqso.config import read_settings
from oddqso.desi.survey import plan_survey
from oddqso.embed.scratch import map_parts
from oddqso.embed.threads import threads
from oddqso.embed.training import train_mapped
from oddqso.embed.variants import VARIANTS, without_network
from oddqso.embed.weights import Model, load_model
from oddqso.runs.files import read_table
from oddqso.spectra import Spectra

SEED, N_LEARN, N_MEASURED = 50_262, 4_000, 2_000
SCHEDULE = ("train.n_em=12", "train.max_epochs=16")
N_EPOCH = 48
"""Epochs of the autoencoder, which has no components to start from."""


def measure(folder: Path, sample: Path, scratch: Path, n_learn: int = N_LEARN, n_most: int = N_MEASURED) -> Any:
    """The table of variants; the weights in ``folder``, trained on far more, stand beside them."""
    held_out, settings = first(list(chunks(sample)), n_most), read_settings(None, SCHEDULE)
    plan = ordinary_survey(n_learn, SEED)
    for one in plan_survey(plan):
        make_chunk(one, folder=scratch / "spectra", survey=plan, settings=settings)
    parts = [Spectra.from_table(read_table(path)) for path in sorted((scratch / "spectra").glob("*.arrow"))]
    params = settings.train.model_copy(update={"max_epochs": N_EPOCH})
    data = map_parts(parts, params, SEED, scratch / "places", lambda message, share: None)

    def train() -> Model:
        train_mapped(parts, settings.train, SEED, scratch / "model")
        return load_model(scratch / "model")

    recipes: dict[str, Callable[[], Model]] = {
        "weights": lambda: load_model(folder),
        "weights_without_network": lambda: without_network(load_model(folder), data),
        "model": train,
        "without_network": lambda: without_network(load_model(scratch / "model"), data),
        **{name: partial(recipe, data, params, SEED) for name, recipe in VARIANTS.items()},
    }
    table: dict[str, Any] = {}
    for name, make in recipes.items():
        began = time.process_time()
        with threads(1):
            model = make()
        seconds = time.process_time() - began
        found = measure_model(model, held_out)
        table[name] = headline(found) | {
            "n_active": len(model.card["active_latents"]),
            "train_cpu_s": None if name.startswith("weights") else round(seconds, 1),
            "bins": found["bins"], "truth": found["truth"],
        }  # fmt: skip
    return {
        "ablations": {
            "n_learned": int((~data.held_out).sum()), "n_measured": sum(len(chunk.truth) for chunk in held_out),
            "seed": SEED, "schedule": list(SCHEDULE), "variants": table,
        }
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("sample", type=Path)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--learn", type=int, default=N_LEARN, help="spectra to simulate and learn from")
    parser.add_argument("--n", type=int, default=N_MEASURED, help="most spectra measured")
    given = parser.parse_args()
    print(json.dumps(measure(given.weights, given.sample, given.scratch, given.learn, given.n), indent=1))
