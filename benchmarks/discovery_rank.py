"""Ours and its rivals on one survey: who finds which class, at which false-positive rate.

Everything is judged on held-out spectra, CALIBRATION and TEST. Cuts, precision and what is ordinary come from the fixed
survey, whose composition nobody touched; a second survey of the same recipe, in which six of ten quasars carry a
planted anomaly, passes through the same frozen pipeline and only adds members to the classes.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from discovery_rivals import NAMES, Sample, fit_rivals
from oddqso.runs.files import read_table
from oddqso.shares import cut_at, share_interval
from oddqso.simulation.injections import INJECTIONS
from oddqso.simulation.truth import ORDINARY, true_classes

RATES, TOPS, SNR_EDGES, BRIGHT = (1e-3, 1e-2), (100, 500), (0.0, 1.0, 2.0, 5.0, np.inf), 5.0

_KNOWN = "known to be ordinary by definition: "
_SMOOTH = "a smooth change that the mean and components of the model follow; only the density of latents sees it"
NOT_FOUND = {
    "bal": _KNOWN + "15 % of the ordinary quasars at z > 1.6 have such troughs and set the cut",
    "lobal": _KNOWN + "troughs like those of the ordinary BAL quasars, which set the cut",
    "redshifted_bal": "the same troughs as ordinary BAL quasars have, on the other side of the line",
    "dla": _KNOWN + "6 % of the ordinary quasars at z > 2.2 have one, in the forest where the model expects scatter",
    "proximate_dla": "a damped line like those of ordinary quasars, nearer",
    "strong_mg2": _KNOWN + "6 % of the ordinary quasars have a doublet stronger than 2 Angstrom",
    "reddened": _SMOOTH,
    "dust_bump": _SMOOTH,
    "host": _SMOOTH,
    "extreme_iron": _SMOOTH,
    "calibration_warp": "a curve of 3-30 %, as wide as the differences between ordinary continua",
    "scattered_light": "an excess of 2-20 % at the ends of the range, within what ordinary continua do",
    "telluric_residual": "in bands where ordinary spectra have residuals too, and the learned error is large",
    "weak_line": "absence of lines: residuals vanish because the model follows; only the line channel sees it, and the "
    "lines of ordinary bright quasars differ as much",
    "double_peaked": "splits of 1500-6000 km/s inside lines that are as wide; few are resolved",
    "offset_broad": "shifts of 1000-6000 km/s, the small ones within those of ordinary lines",
    "oiii_outflow": "blue wings that the model's components for [O III] follow, at z < 0.9 where few quasars teach it",
    "coronal_lines": "lines of 0.2-1 times [O III], faint, narrow, at z < 0.75 where few quasars teach the model",
    "blend": "a second spectrum of 10-100 % of the light, most of it continuum that the model follows",
    "cosmic_ray": "its strength is in units of the noise; in a bright spectrum the model errs by more than that, and "
    "the same spike is less of it",
    "cross_talk": "an absolute flux, the same for all; in a bright spectrum it is within the model's own error",
    "dead_column": "its strength is in units of the noise, which in a bright spectrum is below the model's own error",
    "arm_offset": "a step of less than 10 % is within what the calibration of ordinary spectra does at an arm's end",
}
"""Why a class may stay at zero, from its recipe and the truth of the survey; others that stay there are UNEXPLAINED."""


def scores_of(run: Path, survey: Path, extra: Path, extra_survey: Path, seed: int) -> dict[str, Any]:
    """Scores of all judged spectra by ours and by each rival, with class, S/N and from which survey they are."""
    sample = Sample.read(run)
    rivals = fit_rivals(sample[sample.teaches], seed)
    catalog = pq.read_table(run / "release" / "catalog.parquet")
    truth = pq.read_table(survey / "truth.parquet")
    order = np.argsort(sample.target_id)
    rows = order[np.searchsorted(sample.target_id, catalog["TARGETID"].to_numpy(), sorter=order)]
    main = _columns(catalog, truth, from_extra=False)
    main |= {name: rival(sample)[rows] for name, rival in rivals.items()}
    held = main.pop("split") != "FIT"
    parts = [{name: values[held] for name, values in main.items()}, *_extra(run, extra, extra_survey, rivals)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _extra(run: Path, extra: Path, survey: Path, rivals: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of the second survey with a planted anomaly, through the frozen pipeline of the first."""
    from oddqso.embed.encoding import encode
    from oddqso.embed.weights import load_model
    from oddqso.spectra import Spectra
    from oddqso.stages.published import Published

    published, model, truth = Published.open(run), load_model(run / "train"), pq.read_table(survey / "truth.parquet")
    planted = {injection.name for injection in INJECTIONS}
    parts = []
    for path in sorted((extra / "prepare").glob("*.arrow")):
        judged = published(read_table(extra / "ingest" / path.name))
        prepared = read_table(path)
        sample = Sample.of(prepared, encode(model, Spectra.from_table(prepared)))
        part = _columns(judged.append_column("SPLIT", prepared["SPLIT"]), truth, from_extra=True)
        part |= {name: rival(sample) for name, rival in rivals.items()}
        wanted = np.isin(part["class"], list(planted))
        part.pop("split")
        parts.append({name: values[wanted] for name, values in part.items()})
    return parts


def _columns(table: pa.Table, truth: pa.Table, *, from_extra: bool) -> dict[str, Any]:
    classes = true_classes(table["TARGETID"].to_numpy(), table["Z"].to_numpy(), truth)
    score, snr = (table[name].to_numpy(zero_copy_only=False).astype(float) for name in ("SCORE", "SNR"))
    return {
        "class": np.array(["unknown" if name is None else name for name in classes], dtype="U24"),
        "snr": snr,
        "z": table["Z"].to_numpy(),
        "strict": table["STRICT"].to_numpy(),
        "extra": np.full(len(score), from_extra),
        "ours": score,
        "split": np.array(table["SPLIT"].to_pylist()),
    } | {
        name: table[name].to_numpy(zero_copy_only=False).astype(float)
        for name in table.column_names
        if name.startswith("TAIL_")
    }


def compare(scores: dict[str, Any]) -> dict[str, Any]:
    """Completeness, AUC and precision of each method, by class and S/N; and who is best."""
    classes, snr, main = scores["class"], scores["snr"], ~scores["extra"]
    ordinary = main & (classes == ORDINARY)
    names = [injection.name for injection in INJECTIONS if (classes == injection.name).any()]
    contaminants = sorted(set(classes[main].tolist()) - {ORDINARY, "unknown"} - {i.name for i in INJECTIONS})
    methods = {}
    for method in ("ours", *NAMES):
        score = np.where(np.isfinite(scores[method]), scores[method], -np.inf)
        cuts = {rate: cut_at(score[main], ordinary[main], rate) for rate in RATES}
        null = np.sort(score[ordinary])
        table = []
        for name in (*names, *contaminants):
            here = classes == name
            row: dict[str, Any] = {"class": name, "planted": name in names, "n": int(here.sum())}
            row["auc"] = round(_auc(score[here], null), 3)
            for rate, cut in cuts.items():
                row[f"at_{rate:g}"] = _share((score > cut)[here])
            row["by_snr"] = [
                {"snr_min": low, "snr_max": None if np.isinf(high) else high, **_share((score > cuts[1e-2])[bin_])}
                for low, high in pairwise(SNR_EDGES)
                if (bin_ := here & (snr >= low) & (snr < high)).any()
            ]
            table.append(row)
        own = [row for row in table if row["planted"]]
        top = np.argsort(-score[main], kind="stable")
        odd = (classes[main] != ORDINARY)[top]
        methods[method] = {
            "completeness_1e3": _mean(own, "at_0.001"), "completeness_1e2": _mean(own, "at_0.01"),
            "completeness_1e3_bright": _bright(score, cuts[1e-3], classes, names, snr),
            "auc": round(float(np.mean([row["auc"] for row in own])), 4),
            "precision": {str(n): round(float(odd[:n].mean()), 4) for n in TOPS}, "classes": table,
        }  # fmt: skip
    best = max(NAMES, key=lambda name: methods[name]["completeness_1e3"])
    return {
        "n_ordinary": int(ordinary.sum()), "n_main": int(main.sum()), "n_extra": int((~main).sum()),
        "n_classes": len(names), "methods": methods, "best_other": best,
        "se": _standard_errors(scores, ordinary, names, best), "zeros": _zeros(scores, ordinary, names),
    }  # fmt: skip


def _auc(odd: Any, null: Any) -> float:
    """Probability that an odd one scores higher than an ordinary one, ties counted half."""
    below, upto = np.searchsorted(null, odd, side="left"), np.searchsorted(null, odd, side="right")
    return float((below + upto).mean() / (2 * len(null)))


def _share(found: Any) -> dict[str, Any]:
    n, k = len(found), int(found.sum())
    low, high = share_interval(k, n)
    return {"n": n, "found": k, "share": round(k / n, 4), "low": round(low, 4), "high": round(high, 4)}


def _mean(rows: list[dict[str, Any]], key: str) -> float:
    return round(float(np.mean([row[key]["share"] for row in rows])), 4)


def _bright(score: Any, cut: float, classes: Any, names: list[str], snr: Any) -> float:
    """Mean over the classes that have bright members."""
    members = [rows for name in names if (rows := (classes == name) & (snr > BRIGHT)).any()]
    return round(float(np.mean([(score > cut)[rows].mean() for rows in members])), 4)


def _standard_errors(scores: dict[str, Any], ordinary: Any, names: list[str], best: str) -> dict[str, float]:
    """Of the mean completeness at 1e-3, over ordinary and odd spectra drawn again (bootstrap), and of its ratio."""
    rng = np.random.default_rng(0)
    values: dict[str, list[float]] = {"ours": [], best: [], "ratio": []}
    members = [np.flatnonzero(scores["class"] == name) for name in names]
    null = np.flatnonzero(ordinary)
    for _ in range(200):
        drawn_null, drawn = rng.choice(null, len(null)), [rng.choice(rows, len(rows)) for rows in members]
        for method in ("ours", best):
            score = np.where(np.isfinite(scores[method]), scores[method], -np.inf)
            cut = np.partition(score[drawn_null], -int(1e-3 * len(null)) - 1)[-int(1e-3 * len(null)) - 1]
            values[method].append(float(np.mean([(score[rows] > cut).mean() for rows in drawn])))
        values["ratio"].append(values["ours"][-1] / max(values[best][-1], 1e-9))
    return {name: round(float(np.std(some)), 4) for name, some in values.items()}


def _zeros(scores: dict[str, Any], ordinary: Any, names: list[str]) -> list[dict[str, Any]]:
    """Classes of which not one at S/N > 5 is found at a false-positive rate of 0.1 %, each with the reason."""
    main = ~scores["extra"]
    cut, lower = (cut_at(scores["ours"][main], ordinary[main], rate) for rate in RATES)
    zeros = []
    for name in names:
        here = (scores["class"] == name) & (scores["snr"] > BRIGHT)
        if here.any() and not (scores["ours"][here] > cut).any():
            found = int((scores["ours"][here] > lower).sum())
            why = NOT_FOUND.get(name, "") or "UNEXPLAINED"
            alone, share = _best_alone(scores, here, main, ordinary)
            zeros.append(
                {"class": name, "n": int(here.sum()), "found_1e2": found, "best_alone": alone, "best_alone_1e2": share,
                 "why": why}
            )  # fmt: skip
    return zeros


def _best_alone(scores: dict[str, Any], here: Any, main: Any, ordinary: Any) -> tuple[str, float]:
    """The detector that finds most of some spectra by itself at a false-positive rate of 1 %, and the share."""
    found = {}
    for name, tail in scores.items():
        if name.startswith("TAIL_"):
            known = np.where(np.isfinite(tail), tail, -np.inf)
            found[name.removeprefix("TAIL_")] = float((known[here] > cut_at(known[main], ordinary[main], 1e-2)).mean())
    best = max(found, key=lambda name: found[name])
    return best, round(found[best], 3)


def correlations(run: Path, survey: Path) -> dict[str, Any]:
    """Rank correlation of the final score with S/N and z on held-out spectra that are ordinary in truth.

    Cross-fitted: the normalization of each half of the held-out spectra is learned from the other half.
    """
    from oddqso.api.validating import read_held_out
    from oddqso.config import make_settings
    from oddqso.runs.directory import RunDirectory
    from oddqso.significance.crossfit import cross_fitted
    from oddqso.significance.flatness import flatness

    directory = RunDirectory(run)
    held = read_held_out(directory, survey)
    params = make_settings((directory.record() or {})["settings"], "the settings in run.json").significance
    score = cross_fitted(held.table, params)
    axes = {name: held.table[column].to_numpy().astype(float) for name, column in (("snr", "SNR"), ("z", "Z"))}
    found: dict[str, Any] = {}
    strict = held.table["STRICT"].to_numpy()
    for suffix, sample in (("", np.ones(len(score), bool)), ("_strict", strict)):
        here = held.told & ~held.odd & np.isfinite(score) & sample
        flat = flatness(score[here], {name: axis[here] for name, axis in axes.items()})
        for name in axes:
            found[f"score_{name}_corr{suffix}"] = round(flat[f"spearman_{name}"], 4)
            found[f"score_{name}_corr{suffix}_se"] = round(1 / float(np.sqrt(here.sum())), 4)
            found[f"top_1_percent_by_{name}{suffix}"] = [round(share, 3) for share in flat[f"top_{name}"]]
    return found
