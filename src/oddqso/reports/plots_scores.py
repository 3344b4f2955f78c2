"""Plots of scores, p-values and lists, and of what is true where that is known."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from oddqso.reports.statistics import running_quantiles
from oddqso.reports.style import BLUE, FAINT, GREEN, INK, MUTED, ORANGE, PINK, new_figure
from oddqso.reports.words import NAMES

_SNR_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)
_MOST_POINTS = 20_000
_LEVELS = ((0.5, BLUE, "median"), (0.9, GREEN, "90 %"), (0.99, PINK, "99 %"))


def plot_flatness(
    score: NDArray[np.float64], snr: NDArray[np.float64], z: NDArray[np.float64], rho: Mapping[str, float | None]
) -> Figure:
    """Score against S/N and against redshift with running quantiles, which are level if the method works."""
    figure = new_figure(9.2, 3.1)
    known = np.isfinite(score) & np.isfinite(snr) & np.isfinite(z) & (snr > 0)
    thin = max(1, int(known.sum()) // _MOST_POINTS)
    for i, (x, label, key) in enumerate(((snr, "median S/N per 0.8 Å pixel", "snr"), (z, "redshift", "z")), start=1):
        axes = figure.add_subplot(1, 2, i)
        axes.scatter(x[known][::thin], score[known][::thin], s=4, color=FAINT, lw=0, rasterized=True)
        middle, quantiles = running_quantiles(x[known], score[known], [level for level, _, _ in _LEVELS])
        for (_, color, name), quantile in zip(_LEVELS, quantiles, strict=True):
            axes.plot(middle, quantile, color=color, lw=1.8, label=name)
        if key == "snr":
            axes.set_xscale("log")
            low, high = axes.get_xlim()
            axes.set_xticks(
                [t for t in _SNR_TICKS if low <= t <= high], [f"{t:g}" for t in _SNR_TICKS if low <= t <= high]
            )
            axes.minorticks_off()
            axes.set_ylabel("score = −log₁₀ tail probability")
            axes.legend(loc="upper left", ncols=3)
        value = rho.get(key)
        axes.set_title(f"Spearman ρ = {value:+.3f}" if value is not None else "too few spectra", fontsize=9)
        axes.set_xlabel(label)
        axes.set_ylim(bottom=0)
    return figure


def plot_flat_bars(flat: Mapping[str, Mapping[str, float | None]], names: Sequence[str]) -> Figure:
    """Correlation with S/N and z of each raw score, and of what conditioning made of it."""
    figure = new_figure(9.2, 2.5)
    for i, (key, label) in enumerate((("snr", "with S/N"), ("z", "with redshift")), start=1):
        axes = figure.add_subplot(1, 2, i)
        for j, name in enumerate(names):
            for kind, color, shift in (("SCORE", ORANGE, -0.19), ("TAIL", BLUE, 0.19)):
                value = flat.get(f"{kind}_{name}", {}).get(key)
                axes.barh(j + shift, value or 0, height=0.34, color=color)
        axes.axvline(0, color=MUTED, lw=0.8)
        axes.set_xlim(-1, 1)
        axes.set_yticks(range(len(names)), [NAMES.get(n, n) for n in names] if i == 1 else [""] * len(names))
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(f"Spearman ρ {label}")
        axes.set_title(("raw", "given S/N and z")[i - 1], fontsize=9, color=(ORANGE, BLUE)[i - 1])
    return figure


def plot_p_values(p_value: NDArray[np.float64], ordinary: NDArray[np.bool_] | None = None) -> Figure:
    """Histogram of p-values (m,) with the uniform line, and their smallest ones against what is expected.

    Where the truth is known, the ordinary ones (m,) are drawn apart.
    """
    figure = new_figure(9.2, 3.0)
    left, right = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2)
    m, n_bin = len(p_value), 20
    edges = [i / n_bin for i in range(n_bin + 1)]
    left.hist(p_value, bins=edges, color=ORANGE if ordinary is not None else BLUE, alpha=0.8, rwidth=0.94, label="odd")
    if ordinary is not None:
        left.hist(p_value[ordinary], bins=edges, color=BLUE, rwidth=0.94, label="ordinary in truth")
        left.legend(ncols=2, loc="upper center", bbox_to_anchor=(0.5, 1.02))
        left.set_ylim(top=1.25 * max(left.get_ylim()[1], 1))
    expected = (m if ordinary is None else int(ordinary.sum())) / n_bin
    left.axhspan(expected - np.sqrt(expected), expected + np.sqrt(expected), color=FAINT, alpha=0.6, lw=0, zorder=0)
    left.axhline(expected, color=INK, lw=1, ls="--")
    left.set_xlim(0, 1)
    left.set_xlabel("p-value of tested spectra")
    left.set_ylabel("number")
    left.set_title("dashed: uniform, as for ordinary spectra", fontsize=9)
    ordered = np.sort(p_value)
    rank = np.arange(1, m + 1)
    right.plot(rank / (m + 1) if m else [], ordered, color=BLUE, lw=1.6, drawstyle="steps-post")
    line = [0.5 / max(m, 1), 1]
    right.plot(line, line, color=INK, lw=1, ls="--")
    right.set_xscale("log")
    right.set_yscale("log")
    right.set_xlabel("rank / (number tested + 1)")
    right.set_ylabel("p-value")
    right.set_title("below the dashed line: more small ones than chance", fontsize=9)
    return figure


def plot_discoveries(curve: Sequence[Mapping[str, Any]], marks: Sequence[Mapping[str, Any]]) -> Figure:
    """How long the list is at each false discovery rate, and the shortest that one can be."""
    figure = new_figure(9.2, 2.9)
    axes = figure.add_subplot()
    alpha = [point["alpha"] for point in curve]
    axes.step(alpha, [point["n"] for point in curve], color=BLUE, lw=2, where="post", label="on the list")
    axes.plot(alpha, [point["r_min"] for point in curve], color=ORANGE, lw=1.5, ls="--", label="shortest list possible")
    for mark in marks:
        axes.plot(mark["alpha"], mark["n"], "o", color=BLUE, ms=6)
        axes.annotate(f"{mark['n']:,}", (mark["alpha"], mark["n"]), xytext=(5, 5), textcoords="offset points")
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(bottom=0)
    axes.set_xticks([0.01, 0.02, 0.05, 0.1, 0.2, 0.5], ["1 %", "2 %", "5 %", "10 %", "20 %", "50 %"])
    axes.set_xlabel("nominal false discovery rate")
    axes.set_ylabel("spectra on the list")
    axes.legend(loc="upper center")
    return figure


def plot_agreement(figures: Mapping[str, Any]) -> Figure:
    """How many of one detector's top list stand on another's, and how many on no other's."""
    names = list(figures["overlap"])
    overlap = np.array([[figures["overlap"][a][b] for b in names] for a in names], dtype=float)
    share = overlap / max(figures["n_top"], 1)
    labels = [NAMES.get(name, name) for name in names]
    figure = new_figure(9.2, 3.1)
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    _heat(left, share, overlap.astype(int).astype(str), labels, labels)
    y = np.arange(len(names))
    right.barh(
        y - 0.19, [figures["alone"][name] for name in names], height=0.34, color=ORANGE, label="found by no other"
    )
    right.barh(y + 0.19, [figures["in_merged"][n] for n in names], height=0.34, color=BLUE, label="on the merged list")
    right.set_yticks(y, [""] * len(names))
    right.invert_yaxis()
    right.set_xlabel("spectra")
    right.legend(loc="upper center", bbox_to_anchor=(0.5, 1.17), ncols=2)
    return figure


def plot_completeness(table: Sequence[Mapping[str, Any]], false_positive_rate: float) -> Figure:
    """The share of each planted class that is found, by the merged score and by each detector."""
    names = list(table[0]["by_score"])
    figure = new_figure(9.2, 1.3 + 0.27 * len(table))
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.1))
    y = np.arange(len(table))
    for i, row in enumerate(table):
        left.plot([row["low"], row["high"]], [i, i], color=BLUE, lw=5, alpha=0.3, solid_capstyle="butt")
        left.plot(row["completeness"], i, "o", color=BLUE, ms=5)
    left.set_yticks(y, [f"{row['class'].replace('_', ' ')}  ({row['n']})" for row in table])
    left.set_ylim(len(table) - 0.5, -0.5)
    left.set_xlim(-0.03, 1.03)
    left.grid(axis="x", color=FAINT, lw=0.5)
    left.set_xlabel(f"found at a false-positive rate of {false_positive_rate:.1%}")
    shares = np.array([[row["by_score"][name] for name in names] for row in table])
    text = np.array([[f"{100 * value:.0f}" for value in line] for line in shares])
    _heat(right, shares, text, [""] * len(table), ["merged" if n == "SCORE" else NAMES.get(n, n) for n in names])
    right.set_aspect("auto")
    right.set_title("found by each, in %", fontsize=9)
    return figure


def _heat(
    axes: Axes, share: NDArray[np.float64], text: NDArray[Any], rows: Sequence[str], columns: Sequence[str]
) -> None:
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1.15, aspect="auto")
    for i, j in np.ndindex(*share.shape):
        axes.text(
            j, i, str(text[i, j]), ha="center", va="center", fontsize=8, color="white" if share[i, j] > 0.6 else INK
        )
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xticks(range(len(columns)), columns, rotation=28, ha="right", rotation_mode="anchor")
    axes.tick_params(length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
