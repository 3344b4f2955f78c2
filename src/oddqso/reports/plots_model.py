"""Plots of the sample and of the model: waterfall, training, quality of the reconstruction."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator

from oddqso.reports.accuracy import OBSERVED_EDGES, REST_EDGES, Accuracy
from oddqso.reports.style import BLUE, FAINT, GREEN, INK, MUTED, ORANGE, SHADE, SKY, new_figure
from oddqso.spectra.grid import JOINS_ANGSTROM
from oddqso.spectra.lines import LINES, SKY_LINES_ANGSTROM, TELLURIC_ANGSTROM

_TARGET = 0.95
_GOOD_WIDTH = (0.95, 1.05)
_STRONG = ("Lyα", "Si IV", "C IV", "C III]", "Mg II", "Hγ", "Hβ", "Hα")


def plot_waterfall(steps: Sequence[Mapping[str, Any]]) -> Figure:
    """How many objects are left after each cut."""
    figure = new_figure(9.2, 0.8 + 0.27 * len(steps))
    axes = figure.add_subplot()
    most = max([step["n_in"] for step in steps] + [1])
    for i, step in enumerate(steps):
        axes.barh(i, step["n_in"], color=FAINT, height=0.68)
        axes.barh(i, step["n_out"], color=GREEN if step.get("strict") else BLUE, height=0.68)
        lost = f"  (−{step['n_in'] - step['n_out']:,})" if step["n_in"] > step["n_out"] else ""
        axes.text(step["n_in"] + 0.01 * most, i, f"{step['n_out']:,}{lost}", va="center", fontsize=8.5)
    axes.set_yticks(range(len(steps)), [step["name"] for step in steps])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.16 * most)
    axes.set_xlabel("objects: left after the cut (blue; green in the strict sample), cut away (gray)")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure


def plot_training(curves: pa.Table) -> Figure:
    """What the training measured, epoch by epoch."""
    figure = new_figure(9.2, 2.7)
    draw_curves(figure, curves.to_pylist())
    return figure


def draw_curves(figure: Figure | SubFigure, rows: Sequence[Mapping[str, Any]]) -> None:
    """Fill a figure with the loss, a close-up of that of held-out spectra, and the divergence, a panel each.

    Parameters
    ----------
    figure : Figure or SubFigure
        An empty one.
    rows : sequence of mapping
        As in ``curves.parquet`` or ``curves.csv``.
    """
    linear = [row for row in rows if row["split"] == "linear"]
    splits = {split: [row for row in rows if row["split"] == split] for split in ("train", "held_out")}
    if not any([linear, *splits.values()]):
        figure.text(0.5, 0.5, "no training: weights were taken as they are", ha="center", color=MUTED)
        return
    panels = [figure.add_subplot(1, 3, i + 1) for i in range(3)]
    for axes, name, label in zip(
        panels,
        ("loss", "loss", "kl"),
        ("loss [nat per pixel]", "held-out loss, close up", "KL from the prior [nat per pixel]"),
        strict=True,
    ):
        for (split, some), color in zip(splits.items(), (BLUE, ORANGE), strict=True):
            if split == "train" and axes is panels[1]:
                continue
            places, values = [row["epoch"] + 1 for row in some], [row[name] for row in some]
            axes.plot(places, values, color=color, label=split.replace("_", " "), marker="o", ms=2.5)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_title(label, fontsize=9)
    if linear:
        _linear(panels[0], linear)
    _limit(panels[0], [row["loss"] for row in rows])
    if splits["held_out"]:
        _best(panels[1], splits["held_out"])
        _beta(panels[2], splits["held_out"])
    panels[0].legend()


def _limit(axes: Axes, values: Sequence[float]) -> None:
    """Limits that a few wild epochs do not set."""
    low, high = min(values), float(np.percentile(values, 98))
    room = max(high - low, 1e-6)
    axes.set_ylim(low - 0.08 * room, high + 0.15 * room)


def _best(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    """Mark the epoch that is kept."""
    best = min(rows, key=lambda row: float(row["loss"]))
    axes.plot(best["epoch"] + 1, best["loss"], "D", color=ORANGE, mfc="white", ms=6, label=f"best: {best['epoch'] + 1}")
    axes.legend()


def _linear(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    """The fit of the linear part, before the first epoch, to the left of it."""
    places = [row["epoch"] + 1 - len(rows) for row in rows]
    axes.plot(places, [row["loss"] for row in rows], color=GREEN, label="linear part", marker="s", ms=2.5, lw=1)
    axes.axvline(0.5, color=FAINT, lw=0.8)
    axes.set_xlabel("iteration of the linear part, up to 0; epoch")


def _beta(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    beta = {row["epoch"] + 1: row["beta"] for row in rows}
    other = axes.twinx()
    other.plot(list(beta), list(beta.values()), color=MUTED, lw=1, ls=":")
    other.set_ylim(0, 1.1 * max([*beta.values(), 1e-9]))
    other.set_ylabel("β (dotted)", color=MUTED)
    other.spines["right"].set_visible(True)


def plot_accuracy(accuracy: Accuracy) -> Figure:
    """Accuracy and pixel coverage in bins of S/N."""
    figure = new_figure(9.2, 3.0)
    bins = [b for b in accuracy.bins[1:] if b["n"]]
    labels = [
        f"{b['snr_min']:g}–{b['snr_max']:g}\n{b['n']:,}" if b["snr_max"] else f"> {b['snr_min']:g}\n{b['n']:,}"
        for b in bins
    ]
    left, right = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2)
    for i, b in enumerate(bins):
        if b["accuracy_low"] is not None:
            left.plot([i, i], [b["accuracy_low"], b["accuracy_high"]], color=BLUE, lw=5, alpha=0.35,
                      solid_capstyle="butt")  # fmt: skip
        left.plot(i, b["accuracy"], "o", color=BLUE, ms=7)
        left.text(i + 0.12, b["accuracy"], f"{b['accuracy']:.3f}", va="center", fontsize=8.5)
        if b["accuracy_lines"] is not None:
            left.plot(i, b["accuracy_lines"], "D", color=ORANGE, ms=4.5, mfc="white")
    left.axhline(_TARGET, color=MUTED, lw=0.9, ls="--")
    left.set_xticks(range(len(bins)), labels)
    left.set_xlim(-0.5, len(bins) - 0.2)
    left.set_xlabel("median S/N per 0.8 Å pixel; number of spectra")
    left.set_title("accuracy A (dot, 95 %); in lines (diamond)", fontsize=9)
    expected = (0.6827, 0.9545, 0.9973)
    for k, (color, share) in enumerate(zip((SKY, BLUE, INK), expected, strict=True), start=1):
        right.axhline(share, color=color, lw=0.9, ls="--")
        right.plot(range(len(bins)), [b[f"within_{k}_sigma"] for b in bins], "o-", color=color, ms=5)
        right.text(len(bins) - 0.52, share - 0.006, f"{k}σ", va="top", ha="right", fontsize=8, color=color)
    right.set_xticks(range(len(bins)), labels)
    right.set_xlim(-0.5, len(bins) - 0.5)
    right.set_ylim(top=1.02)
    right.set_xlabel("median S/N per 0.8 Å pixel; number of spectra")
    right.set_title("share of pixels within 1, 2, 3 σ (dashed: Gaussian)", fontsize=9)
    return figure


def plot_chi_width(accuracy: Accuracy) -> Figure:
    """Width of the whitened residual against observed and rest wavelength; 1 is perfect."""
    figure = new_figure(9.2, 2.7)
    left, right = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2)
    for low, high in SKY_LINES_ANGSTROM + TELLURIC_ANGSTROM:
        left.axvspan(low, high, color=SHADE, lw=0, zorder=0)
    for low, high in JOINS_ANGSTROM:
        left.axvspan(low, high, facecolor="none", edgecolor=FAINT, hatch="/////", lw=0, zorder=0)
    left.stairs(accuracy.observed, OBSERVED_EDGES, color=BLUE, lw=1.4, baseline=None)
    left.set_xlabel("observed wavelength [Å] (gray: sky and telluric; //: joins)")
    right.stairs(accuracy.rest, REST_EDGES, color=GREEN, lw=1.4, baseline=None)
    right.set_xlabel("rest wavelength [Å]")
    right.set_xscale("log")
    ticks = [1000, 1500, 2000, 3000, 4000, 5000, 7000]
    right.set_xticks(ticks, [str(tick) for tick in ticks])
    right.set_xticks([], minor=True)
    for line in LINES:
        if line.name in _STRONG:
            right.axvline(line.wave_angstrom, color=FAINT, lw=0.8, ls=":")
            right.text(line.wave_angstrom, 1.0, line.name, transform=right.get_xaxis_transform(), rotation=90,
                       fontsize=7, ha="right", va="top", color=MUTED)  # fmt: skip
    known = np.concatenate([accuracy.observed, accuracy.rest])
    known = known[np.isfinite(known)]
    top = max(1.5, float(known.max()) * 1.15) if len(known) else 1.5
    for axes in (left, right):
        axes.axhspan(*_GOOD_WIDTH, color=SKY, alpha=0.18, lw=0, zorder=0)
        axes.axhline(1, color=MUTED, lw=0.9, ls="--")
        axes.set_ylim(0.5 if not len(known) else min(0.5, float(known.min()) * 0.9), min(top, 4))
    left.set_ylabel("width of χ (blue band: 0.95 to 1.05)")
    return figure
