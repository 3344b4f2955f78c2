"""The command of the injection laboratory."""

import os
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from oddqso import api
from oddqso.cli.options import RunOption, SetOption, WorkersOption
from oddqso.console import follower


def inject(
    run: RunOption,
    classes: Annotated[
        str | None, typer.Option(help="Classes and probes, parted by commas, or all; kept for the next time.")
    ] = None,
    per_bin: Annotated[int | None, typer.Option(min=1, help="Injections a class and S/N bin.")] = None,
    set: SetOption = None,
    workers: WorkersOption = None,
) -> None:
    """Plant anomalies into a finished run's spectra and measure which are found."""
    laboratory = api.inject(
        run,
        classes=[name.strip() for name in classes.split(",") if name.strip()] if classes else (),
        per_bin=per_bin,
        overrides=set or (),
        workers=workers or os.cpu_count() or 1,
        progress=follower(),
    )
    figures = laboratory.figures()
    cuts = figures["flagged_by"][:2]
    bright = figures["snr_bins"][-1]
    table = Table(title="Share found")
    table.add_column("class", no_wrap=True)
    for name in ("planted", *cuts, f"{cuts[0]}, {bright}", f"A50, {bright}"):
        table.add_column(name, justify="right")
    for name, told in figures["classes"].items():
        first = told["by_cut"][cuts[0]]
        words = name.replace("_", " ") + (" *" if told["held_back"] else "")
        shares = [_share(told["by_cut"][cut]) for cut in cuts]
        table.add_row(words, f"{told['n']:,}", *shares, _share(first["snr"][-1]), _a50(first["snr"][-1]["fit"]))
    Console(width=None if sys.stdout.isatty() else 110).print(table)
    for cut in cuts:
        means = (f"{words} {_mean(figures['mean'][cut][name])}" for name, words in _MEANS.items())
        print(f"mean over the classes at {cut}: {', '.join(means)}")
    if figures["short"]:
        print(f"{len(figures['short'])} bins had too few hosts; the page names them")
    print(f"\npage:       {laboratory.page()}")
    print(f"selection:  {laboratory.path / 'selection.parquet'} (oddqso.read_selection)")


_MEANS = {"known": "known", "held_back": "held back (*)"}


def _share(counted: dict[str, Any]) -> str:
    return f"{100 * counted['share']:.0f} %" if counted["n"] else "-"


def _mean(mean: dict[str, Any]) -> str:
    return f"{100 * mean['mean']:.1f} +- {100 * mean['se']:.1f} %" if mean["n_class"] else "-"


def _a50(fit: dict[str, Any] | None) -> str:
    return "-" if fit is None or fit["a50"]["value"] is None else f"{fit['a50']['value']:.3g}"
