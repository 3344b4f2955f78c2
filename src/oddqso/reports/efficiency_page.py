"""The page of the injection laboratory: its plots and tables, in one file of HTML."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from oddqso.errors import StoreError
from oddqso.reports import plots_efficiency as plots
from oddqso.reports.style import data_uri, save, styled

_N_CUTS = 2


def write_efficiency_page(figures: Mapping[str, Any], out: Path, *, pdf: bool = False) -> None:
    """Write ``index.html`` and ``plots/`` into the folder ``out``.

    Parameters
    ----------
    figures : mapping
        What stands in ``efficiency.json``.
    out : Path
        The folder.
    pdf : bool
        Whether plots are written as PDF too.

    Raises
    ------
    StoreError
        If a file cannot be written.
    """
    try:
        (out / "plots").mkdir(parents=True, exist_ok=True)
        drawn = draw(figures, out / "plots", pdf=pdf)
        (out / "index.html").write_text(render(figures, drawn), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"cannot write into {out}: {error}; is the disk full or read-only?") from error


def draw(figures: Mapping[str, Any], folder: Path, *, pdf: bool) -> dict[str, bytes]:
    """Draw the plots and write them; their PNGs by name."""
    cuts, bins = figures["flagged_by"][:_N_CUTS], figures["snr_bins"]
    classes = {name: c for name, c in figures["classes"].items() if not c["probe"]}
    with styled():
        drawn: dict[str, Any] = {}
        if any(c["n"] for c in classes.values()):
            drawn["heat"] = plots.plot_heat(classes, cuts, bins)
            drawn["means"] = plots.plot_means(figures["mean"], cuts, bins)
            drawn["curves"] = plots.plot_curves(classes, cuts[0])
        if figures["probes"]:
            drawn["probes"] = plots.plot_probes(figures["probes"])
            drawn["probe_curves"] = plots.plot_curves({n: figures["classes"][n] for n in figures["probes"]}, cuts[0])
        if figures["twins"]["n"]:
            drawn["twins"] = plots.plot_twins(figures["twins"])
        return {name: save(figure, folder / f"{name}.png", pdf=pdf) for name, figure in drawn.items()}


def render(figures: Mapping[str, Any], drawn: Mapping[str, bytes]) -> str:
    """The page as HTML that loads nothing from elsewhere."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("oddqso.reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(
        png=lambda content: data_uri(content, "png"), percent=_percent, band=_band, crossing=_crossing,
        count=lambda value: f"{value:,}", plain=lambda name: name.replace("_", " "),
        unit=plots.amplitude_label, number=lambda value: "–" if value is None else f"{value:.3g}",
    )  # fmt: skip
    cuts = figures["flagged_by"][:_N_CUTS]
    return environment.get_template("efficiency.html.j2").render(m=figures, plots=drawn, cuts=cuts, first=cuts[0])


def _percent(value: float | None, n_digit: int = 0) -> str:
    return "–" if value is None else f"{100 * value:.{n_digit}f} %"


def _band(counted: Mapping[str, Any]) -> str:
    """A share with its interval, as ``71 % (65-77)``."""
    if not counted["n"]:
        return "no hosts"
    return f"{100 * counted['share']:.0f} % ({100 * counted['low']:.0f}-{100 * counted['high']:.0f})"


def _crossing(fit: Mapping[str, Any] | None, name: str) -> str:
    """A50 or A90 with its interval, or why there is none."""
    if fit is None:
        return "too few"
    crossing = fit[name]
    if crossing["value"] is None:
        return "not reached" if crossing["reason"].startswith("not") else "above it throughout"
    ends = ["…" if crossing[end] is None else f"{crossing[end]:.3g}" for end in ("low", "high")]
    return f"{crossing['value']:.3g} ({ends[0]}-{ends[1]})"
