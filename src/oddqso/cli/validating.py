"""Commands that show what a run's lists are worth."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from oddqso import api
from oddqso.cli.options import RunOption
from oddqso.console import follower

_WIDTH = 120


def gate(
    run: RunOption,
    replicates: Annotated[int, typer.Option(min=2, help="Splits drawn for each composition.")] = 200,
    anew: Annotated[int, typer.Option(min=2, help="Splits with the normalization learned anew.")] = 20,
    miss: Annotated[float, typer.Option(min=0, max=1, help="Odd spectra that the simulated vetters miss.")] = 0.05,
    false_alarm: Annotated[float, typer.Option(min=0, max=1, help="Ordinary spectra that they call odd.")] = 0.01,
    seed: Annotated[int, typer.Option(help="Of the splits and the vetters.")] = 1,
) -> None:
    """Whether lists from a simulated run keep their promise, by its truth; exit status 1 if they do not."""
    params = api.GateParams(replicates=replicates, anew=anew, miss=miss, false_alarm=false_alarm, seed=seed)
    ours, *others = api.gate(run, params=params, progress=follower())
    alphas = sorted({rate.alpha for rate in ours.rates})
    table = Table("what", "group", *(f"FDR at {alpha:g}" for alpha in alphas), "power", "looks", "")
    for what, group in dict.fromkeys((rate.composition, rate.group) for rate in ours.rates):
        rates = [ours.rate(what, alpha, group) for alpha in alphas]
        table.add_row(
            what, group, *(f"{rate.fdr:.4f} ± {rate.se:.4f}" if rate.n_lists else "no list" for rate in rates),
            f"{rates[-1].power:.3f}", f"{rates[-1].looks:,.0f}",
            "holds" if all(rate.holds for rate in rates) else "FAILS",
        )  # fmt: skip
    Console(width=_WIDTH).print(table)
    limits = [rate.fdp_95_held for rate in ours.rates if rate.fdp_95_held is not None]
    if limits:
        print(f"FDP_95 held in {min(limits):.1%} of the splits where it held least")
    for other in others:
        if not other.finds:
            print(f"{other.method}: never finds anything")
            continue
        broken = [rate for rate in other.rates if not rate.holds]
        worst = max(broken or other.rates, key=lambda rate: rate.fdr - rate.alpha)
        print(
            f"{other.method}: {f'fails {len(broken)} of {len(other.rates)}' if broken else 'holds'}; at "
            f"{worst.alpha:.0%} it realizes {worst.fdr:.0%} ({worst.composition})"
        )
    print(f"written to {Path(run) / 'validation' / 'gate.json'}")
    if not ours.finds:
        print(
            "our method claimed nothing: there is too little calibration for any list, so its promises were not tested"
        )
    if not ours.holds:
        raise typer.Exit(1)


def entrap(
    run: RunOption,
    ordinary: Annotated[
        Path | None, typer.Option(help="A file of TARGETIDs known to be ordinary; by default from the truth.")
    ] = None,
    share: Annotated[float, typer.Option(help="Share of the ordinary TEST spectra that is hidden by default.")] = 0.2,
    seed: Annotated[int, typer.Option(help="Of that choice.")] = 1,
) -> None:
    """The false share of a run's lists, estimated from known-ordinary spectra hidden in TEST."""
    table = Table("promised", "on the list", "hidden", "hidden on the list", "false share", "95 % interval")
    for found in api.entrap(run, ordinary=ordinary, share=share, seed=seed):
        empty = found.fdp is None
        table.add_row(
            f"{found.alpha:.2f}", f"{found.n_hidden_called + found.n_others_called:,}", f"{found.n_hidden:,}",
            f"{found.n_hidden_called:,}", "empty list" if empty else f"{found.fdp:.4f}",
            "" if empty else f"{found.low:.4f}-{found.high:.4f}",
        )  # fmt: skip
    Console(width=_WIDTH).print(table)
    print(f"written to {Path(run) / 'validation' / 'entrapment.json'}")
