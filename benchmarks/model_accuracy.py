"""How well a model reconstructs held-out ordinary simulated spectra: against the data, and against the truth.

    python benchmarks/model_accuracy.py WEIGHTS SAMPLE [--n N]

SAMPLE is a folder that `model_sample.make` made.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from model_sample import Chunk, chunks
from oddqso.embed.consistency import measure_consistency
from oddqso.embed.encoding import encode
from oddqso.embed.scratch import unlearned
from oddqso.embed.threads import threads
from oddqso.embed.weights import Model, load_model
from oddqso.reports.accuracy import (
    OBSERVED_EDGES,
    REST_EDGES,
    SNR_BINS,
    SNR_MIN,
    Accuracy,
    measure_accuracy,
)
from oddqso.reports.results import SpectrumView, TrueFlux
from oddqso.reports.truth_error import TruthErrors, truth_bins, truth_errors
from oddqso.spectra import Spectra
from oddqso.stages.views import views_of

SEED, N_BOOTSTRAP = 5, 1000
KINDS = ("no broad absorption", "broad absorption, high ionization", "broad absorption, low ionization")
Z_EDGES = (0.0, 0.7, 1.2, 1.8, 2.6, 7.0)


def measure(folder: Path, sample: Path, scratch: Path, n_most: int | None = None) -> dict[str, Any]:
    """Everything about the model in ``folder``, on the sample of `model_sample`."""
    model = load_model(folder)
    found = measure_model(model, first(list(chunks(sample)), n_most))
    figures = headline(found)
    del figures["redshift_r2"]  # `model_leakage` has more spectra
    return {
        **figures, "active_units": model.card["active_units"], "accuracy": found,
        "weights": {name: model.card.get(name) for name in ("weights_sha256", "n_train", "seed", "n_component_used")},
    }  # fmt: skip


def headline(found: dict[str, Any]) -> dict[str, Any]:
    """The figures that there are bars for."""
    bins = [one for one in found["bins"][1:] if one["n"]]
    truth = {(one["snr_min"], one["snr_max"]): one for one in found["truth"] if one["n"]}
    errors = {
        f"truth_error_{words}{end}": truth[edges][name]
        for words, edges in (("2_5", (2.0, 5.0)), ("5", (5.0, None)))
        for end, name in (("", "error"), ("_light", "light"))
        if edges in truth
    }
    widths = [one["chi_width"] for one in bins]
    return {
        "accuracy_min": min(one["accuracy"] for one in bins if one["snr_min"] >= SNR_MIN),
        **errors,
        "chi_width_min": min(widths), "chi_width_max": max(widths),
        "redshift_r2": (found["redshift_leakage"] or {}).get("r2"),
        "shift_consistency": (found["shift_consistency"] or {}).get("share"),
    }  # fmt: skip


def first(sample: Sequence[Chunk], n_most: int | None) -> list[Chunk]:
    """The first ``n_most`` spectra of a sample."""
    kept: list[Chunk] = []
    for chunk in sample:
        n_left = len(chunk.truth) if n_most is None else min(n_most, len(chunk.truth))
        n_most = None if n_most is None else n_most - n_left
        if n_left:
            kept.append(chunk if n_left == len(chunk.truth) else chunk[np.arange(n_left)])
    return kept


def measure_model(model: Model, sample: Sequence[Chunk]) -> dict[str, Any]:
    """Accuracy, truth error, widths of the whitened residual, lines, leakage and shift consistency of a model."""
    snr, bal = (np.concatenate([chunk.prepared[name].to_numpy() for chunk in sample]) for name in ("SNR", "BAL"))
    off = np.full((3, len(snr)), np.nan)  # rows as in `TruthErrors`

    def views() -> Iterator[SpectrumView]:
        place = 0
        for chunk in sample:
            embedded = encode(model, Spectra.from_table(chunk.prepared)).to_table()
            seen = views_of(chunk.ingested, chunk.prepared, embedded)
            for view, truth, delivered in zip(seen, chunk.truth, chunk.delivered, strict=True):
                off[:, place] = truth_errors(view, TrueFlux(without_noise=delivered, light=truth)) or np.nan
                place += 1
                yield view

    accuracy = measure_accuracy(views(), snr.tolist(), np.random.default_rng(SEED), N_BOOTSTRAP)
    parts = [Spectra.from_table(chunk.prepared) for chunk in sample]
    data, target_id = unlearned(parts, snr), np.concatenate([part.target_id for part in parts])
    with threads(1):
        consistency = measure_consistency(model.vae, data, np.flatnonzero(model.active).tolist(), SEED)
    return {
        "n_spec": len(snr), "bins": accuracy.bins, "truth": by_snr(snr, off),
        "lines": accuracy.lines,
        "groups": groups(accuracy, target_id, snr, data.z, bal, off),
        "chi_width_observed": _curve(OBSERVED_EDGES, accuracy.observed),
        "chi_width_rest": _curve(REST_EDGES, accuracy.rest),
        **consistency,
    }  # fmt: skip


def by_snr(snr: Any, off: Any) -> list[dict[str, Any]]:
    """Median `TruthErrors` in bins of S/N, all of them with S/N > 5 together last, with 95 % intervals."""
    known = np.isfinite(off).all(axis=0)
    errors = [TruthErrors(*row) for row in off[:, known].T.tolist()]
    return truth_bins(snr[known], errors, np.random.default_rng(SEED), N_BOOTSTRAP, (*SNR_BINS, (5.0, np.inf)))


def groups(accuracy: Accuracy, target_id: Any, snr: Any, z: Any, bal: Any, off: Any) -> list[dict[str, Any]]:
    """Accuracy and truth errors by S/N, of kinds of quasars and of redshifts."""
    error = dict(zip(accuracy.target_id.tolist(), accuracy.error.tolist(), strict=True))
    missed = np.array([error.get(one, np.nan) for one in target_id.tolist()])
    named = [(name, bal == k) for k, name in enumerate(KINDS)]
    for low, high in pairwise(Z_EDGES):
        named.append((f"z {low:g} to {high:g}", (z >= low) & (z < high)))
    found = []
    for name, chosen in named:
        for low, high in SNR_BINS[1:]:
            here = chosen & (snr >= low) & (snr < high) & np.isfinite(missed)
            if here.sum() >= 10:
                found.append({
                    "group": name, "snr_min": low, "snr_max": high if np.isfinite(high) else None,
                    "n": int(here.sum()), "accuracy": round(1 - float(np.median(missed[here])), 5),
                    "truth_error": round(float(np.nanmedian(off[0, here])), 5),
                    "light": round(float(np.nanmedian(off[1, here])), 5),
                })  # fmt: skip
    return found


def _curve(edges: Any, width: Any) -> list[dict[str, float]]:
    return [
        {"wave_min": round(float(low), 1), "wave_max": round(float(high), 1), "width": round(float(value), 4)}
        for low, high, value in zip(edges[:-1], edges[1:], width, strict=True)
        if np.isfinite(value)
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("sample", type=Path)
    parser.add_argument("--n", type=int, help="most spectra")
    given = parser.parse_args()
    print(json.dumps(measure(given.weights, given.sample, Path(), given.n), indent=1))
