"""The report: one page that needs nothing else, its plots for papers, and every figure as JSON."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddqso.errors import StoreError
from oddqso.reports import plots_model, plots_scores, statistics
from oddqso.reports.candidates import Example, Shown, candidate_examples, compact_examples, reconstruction_examples
from oddqso.reports.metrics import Measured, measure, ordinary_rows
from oddqso.reports.page import Plot, render_page
from oddqso.reports.params import ReportParams
from oddqso.reports.results import Results
from oddqso.reports.style import save, styled
from oddqso.simulation.truth import ORDINARY

_HEAD = 4
_CURVE: NDArray[np.float64] = np.geomspace(0.005, 0.5, 60)


def write_report(results: Results, out: Path, params: ReportParams) -> dict[str, Any]:
    """Write ``index.html``, ``metrics.json`` and ``plots/`` into the folder ``out``.

    Parameters
    ----------
    results : Results
        What the run found.
    out : Path
        The folder, made if needed.
    params : ReportParams
        What is shown.

    Returns
    -------
    dict
        What stands in ``metrics.json``.

    Raises
    ------
    StoreError
        If a file cannot be written.
    """
    measured = measure(results, params)
    try:
        (out / "plots").mkdir(parents=True, exist_ok=True)
        with styled():
            plots = draw_plots(results, measured, out / "plots", params)
            candidates = candidate_examples(results, measured.classes, params)
            head = compact_examples(results, candidates[:_HEAD], params)
            typical, worst = reconstruction_examples(
                results, ordinary_rows(results, measured.classes), measured.accuracy, params
            )
        figures = measured.figures | {"candidates": [_brief(example) for example in candidates]}
        page = render_page(results, figures, plots, Shown(candidates, head, typical, worst), params)
        (out / "index.html").write_text(page, encoding="utf-8")
        text = json.dumps(figures, indent=1, ensure_ascii=False, allow_nan=False)
        (out / "metrics.json").write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise StoreError(f"cannot write the report into {out}: {error}; is the disk full or read-only?") from error
    return figures


def draw_plots(results: Results, measured: Measured, folder: Path, params: ReportParams) -> dict[str, Plot]:
    """Draw the summary plots and write them as PNG and PDF; by name."""
    catalog, figures = results.catalog, measured.figures
    drawn: dict[str, tuple[Any, str]] = {}
    if results.waterfall:
        steps = ", ".join(f"{step['name']} {step['n_out']:,}" for step in results.waterfall)
        drawn["waterfall"] = (plots_model.plot_waterfall(results.waterfall), f"Objects left after each cut: {steps}.")
    if results.curves.num_rows:
        drawn["training"] = (
            plots_model.plot_training(results.curves),
            f"Loss, reconstruction term and KL over {figures['training']['n_epoch']} epochs.",
        )
    if len(measured.accuracy.error):
        first = figures["accuracy"][0]
        words = f"Accuracy {first['accuracy']:.3f} at S/N of at least 2. " if first["n"] else ""
        drawn["accuracy"] = (
            plots_model.plot_accuracy(measured.accuracy),
            f"{words}Accuracy and share of pixels within 1, 2 and 3 sigma against S/N.",
        )
        drawn["chi_width"] = (
            plots_model.plot_chi_width(measured.accuracy),
            "Width of the whitened residual against observed and rest wavelength.",
        )
    held_out = measured.held_out
    score, snr, z = (statistics.column(catalog, name)[held_out] for name in ("SCORE", "SNR", "Z"))
    drawn["flatness"] = (
        plots_scores.plot_flatness(score, snr, z, figures["flatness"]["SCORE"]),
        "Score against S/N and redshift with running quantiles: "
        f"Spearman {_signed(figures['flatness']['SCORE']['snr'])} and {_signed(figures['flatness']['SCORE']['z'])}.",
    )
    names = statistics.detectors(catalog)
    drawn["conditioning"] = (
        plots_scores.plot_flat_bars(figures["flatness"], names),
        "Rank correlation of each detector with S/N and redshift, raw and after conditioning.",
    )
    p_value = statistics.column(catalog, "P_VALUE")
    if figures["p_values"]["n"]:
        drawn["p_values"] = (
            plots_scores.plot_p_values(p_value[np.isfinite(p_value)], _ordinary(measured, np.isfinite(p_value))),
            f"Histogram of {figures['p_values']['n']:,} p-values, and the smallest ones against expectation.",
        )
        curve = statistics.discoveries(catalog, _CURVE.tolist())
        listed = ", ".join(f"{mark['n']} at {mark['alpha']:.0%}" for mark in figures["discoveries"])
        drawn["discoveries"] = (
            plots_scores.plot_discoveries(curve, figures["discoveries"]),
            f"Length of the list against the false discovery rate: {listed}.",
        )
    drawn["agreement"] = (
        plots_scores.plot_agreement(figures["agreement"]),
        f"Overlap of the {figures['agreement']['n_top']} oddest spectra of each pair of detectors.",
    )
    if figures.get("truth", {}).get("classes"):
        drawn["completeness"] = (
            plots_scores.plot_completeness(figures["truth"]["classes"], params.false_positive_rate),
            "Share of each planted class that is found, by the merged score and by each detector.",
        )
    return {
        name: Plot(save(figure, folder / f"{name}.png", pdf=params.pdf), alt) for name, (figure, alt) in drawn.items()
    }


def _ordinary(measured: Measured, rows: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    if measured.classes is None:
        return None
    return np.array([name == ORDINARY for name in measured.classes], dtype=np.bool_)[rows]


def _signed(value: float | None) -> str:
    return "unknown" if value is None else f"{value:+.3f}"


def _brief(example: Example) -> dict[str, Any]:
    return {
        "rank": example.row["RANK"],
        "target_id": str(example.row["TARGETID"]),
        "fired": example.fired,
        "words": example.words,
    }
