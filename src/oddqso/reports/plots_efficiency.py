"""Plots of the injection laboratory: what is found, against amplitude, S/N and class."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from oddqso.reports.style import BLUE, FAINT, GOLD, GREEN, INK, MUTED, ORANGE, PINK, SKY, new_figure
from oddqso.reports.words import NAMES
from oddqso.simulation.probes import AT_PLACE

_SNR_COLORS: Final = (GOLD, SKY, BLUE, INK, PINK, GREEN)
_AMPLITUDES: Final = {
    "depth": "depth", "covering": "covering", "log_nhi": "log N(HI) [cm$^{-2}$]", "ew": "EW [Å]",
    "ebv": "E(B−V) [mag]", "height_mag": "bump [mag]", "share": "share", "factor": "factor", "dv_kms": "Δv [km/s]",
    "ratio": "ratio", "step": "step [share]", "a": "amplitude [share]", "b": "share of the sky",
    "q": "exponent of T", "sigma": "significance [σ]", "c": "share of the star", "width_px": "width [pixel]",
    "level": "step [$10^{-17}$ cgs Å$^{-1}$]",
}  # fmt: skip


def amplitude_label(key: str) -> str:
    """The amplitude of a class as an axis says it, with its unit.

    Examples
    --------
    >>> amplitude_label("dv_kms")
    'Δv [km/s]'
    """
    return _AMPLITUDES.get(key, key.replace("_", " "))


def class_label(name: str, figures: Mapping[str, Any]) -> str:
    """A class in words; a star marks those that nothing was tuned on."""
    return name.replace("_", " ") + (" *" if figures["held_back"] else "")


def plot_curves(classes: Mapping[str, Mapping[str, Any]], cut: str) -> Figure:
    """Efficiency against amplitude, a panel a class and a line an S/N bin: counts with bands, and the fits."""
    shown = {name: figures for name, figures in classes.items() if figures["n"]}
    n_column = min(4, max(len(shown), 1))
    n_row = -(-len(shown) // n_column)
    figure = new_figure(2.6 * n_column + 0.4, 1.95 * n_row + 0.5)
    panels = np.atleast_1d(figure.subplots(n_row, n_column, sharey=True, squeeze=False)).ravel()
    for axes, (name, figures) in zip(panels, shown.items(), strict=False):
        for k, counted in enumerate(figures["by_cut"][cut]["snr"]):
            _curve(axes, counted, figures, _SNR_COLORS[k % len(_SNR_COLORS)], k)
        axes.set_title(class_label(name, figures), fontsize=9)
        axes.set_xlabel(amplitude_label(figures["amplitude"]), fontsize=8)
        axes.set_xscale("log")
        _few_ticks(axes, figures["low"], figures["high"])
        margin = (figures["high"] / figures["low"]) ** 0.03
        axes.set_xlim(figures["low"] / margin, figures["high"] * margin)
        axes.set_ylim(-0.03, 1.03)
        axes.grid(axis="y", color=FAINT, lw=0.4)
    for axes in panels[len(shown) :]:
        axes.set_visible(False)
    for axes in panels[::n_column]:
        axes.set_ylabel("share found")
    handles, words = panels[0].get_legend_handles_labels()
    figure.legend(handles, words, loc="outside upper right", ncols=len(words))
    return figure


def _curve(axes: Axes, counted: Mapping[str, Any], figures: Mapping[str, Any], color: str, k: int) -> None:
    cells = [cell for cell in counted["amplitude"] if cell["n"]]
    x = np.array([np.sqrt(cell["from"] * cell["to"]) for cell in cells]) * (figures["high"] / figures["low"]) ** (
        0.008 * (k - 1.5)
    )
    y, low, high = (np.array([cell[key] for cell in cells]) for key in ("share", "low", "high"))
    if not len(cells):
        return
    axes.errorbar(
        x, y, yerr=np.maximum([y - low, high - y], 0), fmt="o", ms=3, lw=0.9, color=color, label=counted["bin"]
    )
    fit = counted["fit"]
    if fit:
        at = np.geomspace(figures["low"], figures["high"], 80)
        axes.plot(at, logistic(at, fit), color=color, lw=1.1, alpha=0.75)


def logistic(amplitude: NDArray[Any], fit: Mapping[str, Any]) -> NDArray[np.float64]:
    """The fitted efficiency at some amplitudes."""
    x = (np.log(amplitude) - np.log(fit["half"])) / fit["width"]
    return np.asarray(fit["eps_max"] / (1 + np.exp(-np.clip(x, -60, 60))))


def _few_ticks(axes: Axes, low: float, high: float) -> None:
    if high / low > 30:
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0,)))
    else:
        subs = (1.0, 2.0, 5.0) if high / low > 4 else (1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 7.0)
        axes.xaxis.set_major_locator(LogLocator(subs=subs))
    if high / low < 1.2:
        axes.set_xticks(np.round(np.linspace(low, high, 3), 2))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def plot_heat(classes: Mapping[str, Mapping[str, Any]], cuts: Sequence[str], bins: Sequence[str]) -> Figure:
    """Share found of each class in each S/N bin, a panel a cut; and by each detector alone among the bright ones."""
    shown = {name: figures for name, figures in classes.items() if figures["n"] and not figures["probe"]}
    names = sorted(shown, key=lambda name: -(shown[name]["by_cut"][cuts[0]]["share"] or 0.0))
    detectors = list(next(iter(shown.values()))["by_detector"]) if shown else []
    figure = new_figure(2.6 + 1.75 * len(cuts) + 0.45 * len(detectors), 1.4 + 0.235 * max(len(names), 1))
    ratios = [len(bins)] * len(cuts) + [max(len(detectors), 1)]
    panels = figure.subplots(1, len(cuts) + 1, width_ratios=ratios)
    labels = [class_label(name, shown[name]) for name in names]
    for k, (axes, cut) in enumerate(zip(panels, cuts, strict=False)):
        shares = np.array([[_known(cell["share"]) for cell in shown[n]["by_cut"][cut]["snr"]] for n in names])
        _heat(axes, shares.reshape(len(names), len(bins)), labels if k == 0 else [""] * len(names), list(bins))
        axes.set_title(cut, fontsize=9)
    alone = np.array([[_known(shown[n]["by_detector"][d]["bright"]["share"]) for d in detectors] for n in names])
    _heat(
        panels[-1], alone.reshape(len(names), len(detectors)), [""] * len(names), [NAMES.get(d, d) for d in detectors]
    )
    panels[-1].set_title(f"each detector alone, {bins[-1]}", fontsize=9)
    return figure


def _known(share: float | None) -> float:
    return np.nan if share is None else share


def _heat(axes: Axes, shares: NDArray[np.float64], rows: Sequence[str], columns: Sequence[str]) -> None:
    axes.imshow(np.ma.masked_invalid(shares), cmap="Blues", vmin=0, vmax=1.15, aspect="auto")
    for i, j in np.ndindex(*shares.shape):
        known = np.isfinite(shares[i, j])
        words = f"{100 * shares[i, j]:.0f}" if known else "–"
        color = MUTED if not known else "white" if shares[i, j] > 0.6 else INK
        axes.text(j, i, words, ha="center", va="center", fontsize=7, color=color)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xticks(range(len(columns)), columns, rotation=35, ha="right", rotation_mode="anchor")
    axes.tick_params(length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def plot_probes(probes: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Share of probes found against their significance: the run, its filters alone, and what is possible."""
    figure = new_figure(4.6 * max(len(probes), 1), 3.7)
    panels = figure.subplots(1, max(len(probes), 1), sharey=True, squeeze=False).ravel()
    for axes, (name, told) in zip(panels, probes.items(), strict=False):
        levels = told["levels"]
        x = np.array([level["sigma"] for level in levels])
        for k, (who, color) in enumerate((("SCORE", ORANGE), ("NARROW", BLUE), ("BROAD", GREEN), (AT_PLACE, PINK))):
            if not levels or who not in levels[0]["found"]:
                continue
            y, low, high = (
                np.array([_known(level["found"][who][key]) for level in levels]) for key in ("share", "low", "high")
            )
            words = {"SCORE": "final score", AT_PLACE: AT_PLACE}.get(who, f"{who} alone")
            axes.errorbar(
                x + 0.08 * (k - 1), y, yerr=np.maximum([y - low, high - y], 0), fmt="o-", ms=4, color=color, label=words
            )
        for (words, ceiling), style in zip(told["ceiling"].items(), ("--", ":"), strict=False):
            y = np.array([level["share"] for level in ceiling["levels"]])
            axes.plot(x, y, style, color=INK, label=f"ideal {words}, strongest answer")
        axes.plot(x, told["optimum"], "-", color=INK, lw=1.0, label="best of all tests")
        first = next(iter(told["ceiling"].values()))["levels"]
        axes.plot(x, [level["one_trial"] for level in first], "-.", color=MUTED, label="the same, at best")
        axes.set_title(name.replace("_", " "))
        axes.set_xlabel("integrated significance [σ]")
        axes.set_ylim(-0.03, 1.03)
        axes.grid(axis="y", color=FAINT, lw=0.4)
    handles, words = panels[0].get_legend_handles_labels()
    other, more = panels[-1].get_legend_handles_labels()
    known = dict(zip([*words, *more], [*handles, *other], strict=True))
    figure.legend(known.values(), known.keys(), loc="outside lower center", ncols=4, fontsize=7)
    panels[0].set_ylabel("share found at FPR 1 %")
    return figure


def plot_means(mean: Mapping[str, Any], cuts: Sequence[str], bins: Sequence[str]) -> Figure:
    """Mean efficiency over the classes against S/N: classes known while building, and classes held back."""
    figure = new_figure(3.6 * len(cuts), 3.0)
    panels = figure.subplots(1, len(cuts), sharey=True, squeeze=False).ravel()
    for axes, cut in zip(panels, cuts, strict=True):
        for who, words, color, shift in (("known", "known", BLUE, -0.05), ("held_back", "held back *", ORANGE, 0.05)):
            cells = mean[cut][who]["snr"]
            y = np.array([_known(cell["mean"]) for cell in cells])
            error = np.array([_known(cell["se"]) for cell in cells])
            n_class = mean[cut][who]["n_class"]
            axes.errorbar(
                np.arange(len(bins)) + shift, y, yerr=error, fmt="o-", ms=4, color=color,
                label=f"{words} ({n_class} classes)",
            )  # fmt: skip
        axes.set_xticks(range(len(bins)), bins, fontsize=7)
        axes.set_ylim(0, 1)
        axes.set_title(cut, fontsize=9)
        axes.grid(axis="y", color=FAINT, lw=0.4)
    panels[0].set_ylabel("mean share found")
    panels[0].legend(loc="upper left")
    return figure


def plot_twins(twins: Mapping[str, Any]) -> Figure:
    """Spectra above each cut, as they are and upside down."""
    cuts = twins["cuts"]
    figure = new_figure(5.4, 0.9 + 0.5 * max(len(cuts), 1))
    axes = figure.subplots()
    y = np.arange(len(cuts))
    axes.barh(y - 0.18, [cut["n_real"] for cut in cuts], height=0.34, color=BLUE, label="as they are")
    axes.barh(y + 0.18, [cut["n_twin"] for cut in cuts], height=0.34, color=ORANGE, label="upside down")
    axes.set_yticks(y, [cut["cut"] for cut in cuts])
    axes.invert_yaxis()
    axes.set_xlabel(f"spectra above the cut, of {twins['n']:,}")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.28), ncols=2)
    return figure
