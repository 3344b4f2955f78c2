"""How well real spectra are reconstructed: with the weights as they are, and finetuned on half of them.

    python benchmarks/model_real.py WEIGHTS REAL --scratch FOLDER

REAL holds ``sdss-desi-layout`` (SDSS quasars written as DESI files) and ``desi-edr`` (quasars of the DESI early data
release). What is odd among them is not known: all strict spectra are measured.

Accuracy is what is left of the residuals beyond their noise, and so needs the noise. An SDSS pixel was spread over up
to three DESI pixels with its information kept: single pixels scatter by two thirds of what their ivar says, and nothing
at all is left beyond that. In means of 16 pixels (13 Angstrom) the noise is what ivar says, and these are measured.
"""

import argparse
import json
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import oddqso
from oddqso.embed.params import EmbedParams
from oddqso.embed.weights import load_model
from oddqso.reports.accuracy import OBSERVED_EDGES, measure_accuracy
from oddqso.reports.binning import bin_pixels
from oddqso.reports.reconstruction import reconstruction_of
from oddqso.reports.results import SpectrumView
from oddqso.runs.files import read_table
from oddqso.stages.views import views_of

SEED, N_BOOTSTRAP, N_PIXEL = 5, 1000, 16
FOLDERS = ("sdss-desi-layout", "desi-edr")
HALF = "sample.fit_fraction=0.5"
BINS = {"real_accuracy_2_5": (2.0, 5.0), "real_accuracy_5_10": (5.0, 10.0), "real_accuracy_10": (10.0, None)}


def measure(folder: Path, real: Path | None, scratch: Path) -> dict[str, Any]:
    """Accuracy of the weights in ``folder`` on real spectra; null, and why, where there are none.

    ``real_accuracy_5_10`` and its like are of the finetuned model, on the half that it has not learned from.
    """
    why = missing(real)
    if real is None or why is not None:
        return {"real": None, "real_why": why} | dict.fromkeys(BINS)
    zero, tuned = (made_run(real / "sdss-desi-layout", scratch, folder, start) for start in ("pretrained", "finetune"))
    held_out = {target_id for target_id, split in splits(tuned) if split != "FIT"}
    tables = {
        "zero_shot": figures(zero, None), "zero_shot_held_out": figures(zero, held_out),
        "finetuned_held_out": figures(tuned, held_out), "n_learned": len(splits(tuned)) - len(held_out),
        "edr": early(made_run(real / "desi-edr", scratch, folder, "pretrained")),
    }  # fmt: skip
    bins = {(one["snr_min"], one["snr_max"]): one for one in tables["finetuned_held_out"]["bins"]}
    return {name: bins[edges].get("accuracy") for name, edges in BINS.items()} | {"real": tables, "real_why": None}


def missing(real: Path | None) -> str | None:
    """What is missing to measure real spectra, and how to give it; None if nothing is."""
    wanted = " and ".join(FOLDERS)
    if real is None:
        return (
            f"the variable ODDQSO_REAL_DATA is not set: set it, or --real, to the folder of real spectra, with {wanted}"
        )
    gone = [name for name in FOLDERS if not (real / name).is_dir()]
    if not gone:
        return None
    return f"the folder {real.name} of real spectra (ODDQSO_REAL_DATA or --real) holds no {' and no '.join(gone)}"


def made_run(spectra: Path, scratch: Path, folder: Path, start: str) -> Path:
    """A run on real spectra, as far as their reconstructions."""
    network, usual = load_model(folder).vae.params.model_dump(), EmbedParams().model_dump()
    settings = [f"train.network.{name}={value}" for name, value in network.items() if value != usual[name]]
    settings += [f"train.start={start}", f"train.weights={folder.resolve()}", HALF]
    out: Path = oddqso.run(spectra, scratch / f"{start}-{spectra.name}", overrides=settings, until="embed").path
    return out


def strict(run: Path) -> Iterator[tuple[pa.Table, pa.Table, pa.Table]]:
    """Ingested, prepared and embedded strict spectra, shard by shard."""
    for path in sorted((run / "prepare").glob("*.arrow")):
        prepared = read_table(path)
        rows = pa.array(np.flatnonzero(prepared["STRICT"].to_numpy()))
        yield (
            read_table(run / "ingest" / path.name).take(rows), prepared.take(rows),
            read_table(run / "embed" / path.name).take(rows),
        )  # fmt: skip


def splits(run: Path) -> list[tuple[int, str]]:
    """TARGETID and split of the strict spectra."""
    tables = [prepared for _, prepared, _ in strict(run)]
    return [pair for one in tables for pair in zip(one["TARGETID"].to_pylist(), one["SPLIT"].to_pylist(), strict=True)]


def figures(run: Path, only: Collection[int] | None) -> dict[str, Any]:
    """Accuracy in bins of S/N, and the width of the whitened residual by observed wavelength."""
    views: list[SpectrumView] = []
    snr: list[float] = []
    for ingested, prepared, embedded in strict(run):
        for view, ratio in zip(views_of(ingested, prepared, embedded), prepared["SNR"].to_pylist(), strict=True):
            if only is None or view.target_id in only:
                views.append(view)
                snr.append(ratio)
    accuracy, native = (
        measure_accuracy(some, snr, np.random.default_rng(SEED), N_BOOTSTRAP)
        for some in ([coarse(view) for view in views], views)
    )
    edges = zip(OBSERVED_EDGES[:-1], OBSERVED_EDGES[1:], accuracy.observed, strict=True)
    curve = [
        {"wave_min": round(float(low), 1), "wave_max": round(float(high), 1), "width": round(float(width), 4)}
        for low, high, width in edges
        if np.isfinite(width)
    ]
    return {"n_spec": len(views), "bins": accuracy.bins, "single_pixels": native.bins, "chi_width_observed": curve}


def coarse(view: SpectrumView) -> SpectrumView:
    """Means of `N_PIXEL` pixels by ivar; the error of the model is the same for neighbors, and its mean is taken."""
    flux, model, sigma = (
        bin_pixels(replace(view, flux=values), N_PIXEL) for values in (view.flux, view.model, view.model_sigma)
    )
    known = np.isfinite(flux.flux)
    arrays = (flux.flux, flux.sigma**-2.0, model.flux, sigma.flux)
    return SpectrumView(
        view.target_id, view.z, flux.wave, *(np.where(known, array, 0).astype(np.float32) for array in arrays)
    )


def early(run: Path) -> list[dict[str, Any]]:
    """Each quasar of the early data release, as the weights reconstruct it."""
    found = []
    for path in sorted((run / "prepare").glob("*.arrow")):
        ingested, prepared, embedded = (read_table(run / name / path.name) for name in ("ingest", "prepare", "embed"))
        for view, ratio in zip(views_of(ingested, prepared, embedded), prepared["SNR"].to_pylist(), strict=True):
            row: dict[str, Any] = {"target_id": str(view.target_id), "z": round(view.z, 4), "snr": round(ratio, 2)}
            for end, one in (("", reconstruction_of(coarse(view))), ("_single_pixels", reconstruction_of(view))):
                if one is not None:
                    row |= {f"accuracy{end}": round(1 - one.error, 4), f"chi_width{end}": round(one.chi_width, 4)}
            found.append(row)
    return sorted(found, key=lambda row: row["target_id"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("real", type=Path)
    parser.add_argument("--scratch", type=Path, required=True)
    given = parser.parse_args()
    print(json.dumps(measure(given.weights, given.real, given.scratch), indent=1))
