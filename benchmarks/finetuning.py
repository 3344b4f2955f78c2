"""How many spectra finetuning needs: the weights as they are against the same finetuned on more and more spectra.

    make bench-finetuning       (benchmarks/finetuning.py REAL [--weights FOLDER] [--scratch FOLDER])

REAL holds ``sdss-desi-layout`` (see `model_real`). All models are measured on the same spectra, which none has learned
from. Of the simulated ones the weights know all that there is to know: there finetuning must do no harm. Widths are
half the central 68.27 % of the whitened residual, median over spectra; those of means of 16 pixels tell whether the
error is right where it counts, for on real spectra noise is correlated between neighbors.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import oddqso
from model_real import coarse
from oddqso.api.pretraining import ordinary_survey
from oddqso.config import Settings
from oddqso.desi.mock_spectra import pixel_spectra
from oddqso.desi.survey import plan_survey
from oddqso.embed.encoding import encode
from oddqso.embed.params import TrainParams
from oddqso.embed.scratch import median_snr
from oddqso.embed.starting import SHIPPED
from oddqso.embed.training import train
from oddqso.embed.weights import load_model
from oddqso.prepare.prepare import prepare
from oddqso.reports.accuracy import measure_accuracy
from oddqso.reports.results import SpectrumView
from oddqso.runs.files import read_table
from oddqso.spectra import UNSCORABLE, Spectra
from parts import machine

SEED = 5
N_REAL, N_REAL_TEST = (50, 100, 200), 120
N_SIMULATED, N_SIMULATED_TEST = (200, 1000, 5000), 1500
RESULTS = Path(__file__).parent / "results" / "finetuning.json"


def real_spectra(folder: Path, scratch: Path) -> list[Spectra]:
    """The strict spectra of a run, by shard."""
    run = oddqso.run(folder, scratch / "run", overrides=["train.start=pretrained"], until="prepare").path
    tables = [read_table(path) for path in sorted((run / "prepare").glob("*.arrow"))]
    return [Spectra.from_table(one)[np.flatnonzero(one["STRICT"].to_numpy())] for one in tables]


def simulated_spectra(n_target: int) -> list[Spectra]:
    """Ordinary quasars of a survey that the weights have not seen."""
    settings, found = Settings(), []
    survey = ordinary_survey(n_target, 73_019)
    for plan in plan_survey(survey):
        native, strict = pixel_spectra(plan, survey, settings.sample, settings.ingest)
        prepared, snr, _ = prepare(native, settings.prepare)
        found.append(prepared[strict & (snr >= settings.prepare.strict_snr_min) & (prepared.quality & UNSCORABLE == 0)])
    return found


def joined(parts: list[Spectra]) -> Spectra:
    """All of them, in an order that chance decides."""
    names = ("target_id", "z", "ebv", "scale", "quality", "flux", "ivar")
    whole = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    order = np.random.default_rng(SEED).permutation(len(whole["z"]))
    return Spectra(wave=parts[0].wave, **{name: values[order] for name, values in whole.items()})


def compare(weights: Path, spectra: Spectra, counts: tuple[int, ...], n_test: int, scratch: Path) -> dict[str, Any]:
    """Figures of the weights as they are and finetuned on so many spectra; the last ``n_test`` are measured."""
    test, learn = spectra[len(spectra) - n_test :], spectra[: len(spectra) - n_test]
    rows = [{"n_learn": 0, **figures(weights, test)}]
    for n in [*(n for n in counts if n < len(learn)), *([len(learn)] if len(learn) < counts[-1] else [])]:
        out = scratch / str(n)
        some = learn[:n]
        train(lambda some=some: iter([some]), TrainParams(start="finetune", weights=str(weights)), SEED, out)  # type: ignore[misc]
        card = json.loads((out / "model.json").read_text())
        rows.append({"n_learn": n, "calibration": card["calibration"], **figures(out, test)})
        print(rows[-1])
    return {"n_test": n_test, "models": rows}


def figures(weights: Path, test: Spectra) -> dict[str, Any]:
    """Accuracy and widths in bins of S/N, of single pixels and of means of 16."""
    made = encode(load_model(weights), test)
    model, sigma = made.model, made.model_sigma.astype(np.float32) * np.abs(made.model)
    views = [
        SpectrumView(
            int(test.target_id[i]), float(test.z[i]), test.wave, test.flux[i], test.ivar[i], model[i], sigma[i]
        )
        for i in range(len(test))
    ]
    snr = median_snr(test.flux, test.ivar).tolist()
    single, means = (
        measure_accuracy(some, snr, np.random.default_rng(SEED), 1000).bins[1:]
        for some in (views, [coarse(view) for view in views])
    )
    return {"bins": [one for one in means if one["n"]], "single_pixels": [one for one in single if one["n"]]}


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("real", type=Path)
    parser.add_argument("--weights", type=Path, default=SHIPPED)
    parser.add_argument("--scratch", type=Path)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--n-simulated", type=int, default=N_SIMULATED[-1], help="most simulated spectra to learn from")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.scratch) as work:
        scratch = Path(work)
        (scratch / "real").mkdir()
        real = joined(real_spectra(given.real / "sdss-desi-layout", scratch))
        found = {
            "weights_sha256": load_model(given.weights).card.get("weights_sha256"), "machine": machine(["torch"]),
            "real": compare(given.weights, real, (*N_REAL, len(real)), N_REAL_TEST, scratch / "real"),
        }  # fmt: skip
        given.out.write_text(json.dumps(found, indent=1) + "\n")
        counts = tuple(n for n in N_SIMULATED if n <= given.n_simulated)
        simulated = joined(simulated_spectra(int(1.2 * (counts[-1] + N_SIMULATED_TEST))))
        simulated = simulated[: counts[-1] + N_SIMULATED_TEST + 1]
        found["simulated"] = compare(given.weights, simulated, counts, N_SIMULATED_TEST, scratch / "simulated")
        given.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
