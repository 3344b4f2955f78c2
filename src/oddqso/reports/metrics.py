"""Every figure of the report: what stands in ``metrics.json``."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddqso.reports import statistics, truth
from oddqso.reports.accuracy import OBSERVED_EDGES, REST_EDGES, SNR_BINS, Accuracy, measure_accuracy
from oddqso.reports.params import ReportParams
from oddqso.reports.results import Results, SpectrumView
from oddqso.reports.training import training_figures
from oddqso.reports.truth_error import TruthErrors, truth_bins, truth_errors
from oddqso.reports.words import is_mock
from oddqso.shares import cut_at
from oddqso.simulation.truth import ORDINARY, true_classes

_CHUNK: Final = 200
_SEED: Final = 20_260
_TOP_SHARE: Final = 0.01
_TOP_LEAST: Final = 20


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """The figures, and what the plots need besides.

    Parameters
    ----------
    figures : dict
        What stands in ``metrics.json``.
    accuracy : Accuracy
        Of the reconstruction.
    held_out : (n_spec,) bool
        Rows of the catalog that show whether the scores are flat.
    classes : list of str or None, optional
        What each row of the catalog is in truth; None where no truth is known.
    """

    figures: dict[str, Any]
    accuracy: Accuracy
    held_out: NDArray[np.bool_]
    classes: list[str | None] | None


def measure(results: Results, params: ReportParams) -> Measured:
    """Every figure of the report.

    Parameters
    ----------
    results : Results
        What the run found.
    params : ReportParams
        Numbers of spectra and resamplings, the false-positive rate.
    """
    catalog = results.catalog
    classes = None
    if results.truth is not None:
        classes = true_classes(catalog["TARGETID"].to_numpy(), catalog["Z"].to_numpy(), results.truth)
    scored = np.isfinite(statistics.column(catalog, "SCORE"))
    strict = np.asarray(catalog["STRICT"].to_numpy(), dtype=np.bool_)
    held_out = scored & strict & (statistics.words(catalog, "SPLIT") != "FIT")
    if classes is not None:
        held_out &= np.array([name == ORDINARY for name in classes], dtype=np.bool_)
    accuracy, against_truth = _accuracy(results, classes, params)
    levels = {level["alpha"]: level["r_min"] for level in results.claim.get("levels", [])}
    alphas = sorted(set(statistics.ALPHAS) | set(levels))
    p_value = statistics.column(catalog, "P_VALUE")
    n_top = max(_TOP_LEAST, round(_TOP_SHARE * int(scored.sum())))
    figures: dict[str, Any] = {
        "sample": {"title": params.title or results.title, "simulated": results.is_simulated or _mocks(catalog)}
        | statistics.counts(catalog),
        "waterfall": [{"n_flagged": 0, "strict": False, **step} for step in results.waterfall],
        "quality": statistics.quality_counts(catalog),
        "claim": {key: value for key, value in results.claim.items() if key != "flatness"},
        "discoveries": statistics.discoveries(catalog, alphas, levels),
        "p_values": statistics.p_value_figures(p_value[np.isfinite(p_value)]),
        "flatness": statistics.flatness(catalog, held_out),
        "accuracy": accuracy.bins,
        "lines": accuracy.lines,
        "chi_width": {
            "observed": _profile(OBSERVED_EDGES, accuracy.observed),
            "rest": _profile(REST_EDGES, accuracy.rest),
        },
        "agreement": statistics.agreement(catalog, n_top),
        "training": training_figures(results.curves.to_pylist(), results.model_card),
    }
    if classes is not None:
        figures["truth"] = _truth(catalog, classes, params, alphas) | {"reconstruction": against_truth}
    return Measured(_plain(figures), accuracy, held_out, classes)


def ordinary_rows(results: Results, classes: Sequence[str | None] | None) -> list[dict[str, Any]]:
    """Catalog rows of the held-out ordinary spectra, neighbors on the sky together; the odd ones left out if known."""
    catalog = results.catalog
    wanted = np.isin(catalog["TARGETID"].to_numpy(), np.array(results.ordinary, dtype=np.int64))
    rows = np.flatnonzero(wanted).tolist()
    if classes is not None:
        rows = [i for i in rows if classes[i] == ORDINARY]
    table = catalog.take(pa.array(rows, pa.int64())).to_pylist()
    return sorted(table, key=lambda row: (row["SURVEY"], row["PROGRAM"], row["HEALPIX"], row["TARGETID"]))


def _accuracy(
    results: Results, classes: Sequence[str | None] | None, params: ReportParams
) -> tuple[Accuracy, list[dict[str, Any]]]:
    """The accuracy of the reconstruction, and its errors against the truth where that is known, by S/N."""
    rows = ordinary_rows(results, classes)[: params.n_quality]
    rows = [row for row in rows if row["SNR"] is not None]

    truths = results.noiseless([row["TARGETID"] for row in rows]) if results.noiseless is not None else {}
    off: dict[int, TruthErrors | None] = {}

    def views() -> Iterator[SpectrumView]:
        for start in range(0, len(rows), _CHUNK):
            for view in results.spectra([row["TARGETID"] for row in rows[start : start + _CHUNK]]):
                if view.target_id in truths:
                    off[view.target_id] = truth_errors(view, truths[view.target_id])
                yield view

    rng = np.random.default_rng(_SEED)
    accuracy = measure_accuracy(views(), [row["SNR"] for row in rows], rng, params.n_bootstrap)
    known = [(row["SNR"], found) for row in rows if (found := off.get(row["TARGETID"])) is not None]
    snr = np.array([ratio for ratio, _ in known], np.float64)
    bins = (*SNR_BINS, (5.0, np.inf))
    return accuracy, truth_bins(snr, [found for _, found in known], rng, params.n_bootstrap, bins)


def _mocks(catalog: pa.Table) -> bool:
    return catalog.num_rows > 0 and is_mock(int(catalog["TARGETID"][0].as_py()))


def _profile(edges: NDArray[np.float64], width: NDArray[np.float64]) -> list[dict[str, Any]]:
    return [
        {"wave_min": float(low), "wave_max": float(high), "width": float(value)}
        for low, high, value in zip(edges[:-1], edges[1:], width, strict=True)
        if np.isfinite(value)
    ]


def _truth(
    catalog: pa.Table, classes: Sequence[str | None], params: ReportParams, alphas: Sequence[float]
) -> dict[str, Any]:
    score, q_value = statistics.column(catalog, "SCORE"), statistics.column(catalog, "Q_VALUE")
    known = np.array([name is not None for name in classes], dtype=np.bool_)
    names = np.array([name or "" for name in classes], dtype=np.str_)
    tested = known & np.isfinite(q_value)
    judged = known & np.isfinite(score) & (statistics.words(catalog, "SPLIT") != "FIT")
    scores = {"SCORE": score} | {n: statistics.column(catalog, f"TAIL_{n}") for n in statistics.detectors(catalog)}
    rate = params.false_positive_rate
    table = truth.completeness(names[judged], {key: value[judged] for key, value in scores.items()}, rate)
    for row in table:
        of_class = tested & (names == row["class"])
        row["n_tested"], row["n_listed"] = int(of_class.sum()), int((of_class & (q_value <= alphas[-1])).sum())
    odd = judged & (names != ORDINARY)
    cuts = {key: cut_at(value[judged], names[judged] == ORDINARY, rate) for key, value in scores.items()}
    by_rank = [classes[i] for i in np.argsort(-np.where(np.isfinite(score), score, -np.inf), kind="stable")]
    ordinary = tested & (names == ORDINARY)
    p_value = statistics.column(catalog, "P_VALUE")[ordinary]
    return {
        "false_positives": truth.false_positives(q_value[ordinary] <= alphas[-1]),
        "ordinary_p_values": statistics.p_value_figures(p_value),
        "n_odd": int((known & (names != ORDINARY)).sum()),
        "n_ordinary": int((known & (names == ORDINARY)).sum()),
        "n_judged": int(judged.sum()),
        "false_positive_rate": rate,
        "completeness": {key: float(np.mean(v[odd] > cuts[key])) if odd.any() else None for key, v in scores.items()},
        "classes": table,
        "by_snr": truth.completeness_by_snr(score[odd] > cuts["SCORE"], statistics.column(catalog, "SNR")[odd]),
        "fdr": truth.realized_fdr(names[tested], q_value[tested], alphas),
        "top": truth.top_lists(by_rank),
    }


def _plain(value: Any) -> Any:
    """Numbers that JSON knows: NaN and infinity become None, and floats keep six digits."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value
