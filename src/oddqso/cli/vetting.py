"""Commands of the blind queue."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from oddqso import api
from oddqso.cli.options import RunOption, WorkersOption
from oddqso.console import follower

app = typer.Typer(no_args_is_help=True, help="Judge spectra blind, and so certify lists.")


def export(
    run: RunOption,
    n: Annotated[int | None, typer.Option("--n", min=5, help="Items, controls included.")] = None,
    audit: Annotated[
        str | None, typer.Option(help="Ask a random sample of this tier's list, to bound its false share.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The folder to write.")] = None,
    new: Annotated[bool, typer.Option("--new", help="Draw another batch though one is open.")] = False,
) -> None:
    """Write spectra to be judged blind: a page to look at and a table to fill in."""
    batch = api.vet_export(run, n=n, audit=audit, out=out, new=new)
    drawn = "drawn" if batch.is_new else f"open, {batch.n_waiting} items wait; --new draws another"
    print(f"{batch.name}: {batch.n_items} items ({drawn})")
    print(f"look at:  {batch.path / 'index.html'}")
    print(f"fill in:  {batch.path / 'queue.csv'}")
    print(f"then:     oddqso vet import {batch.path / 'queue.csv'} --run {run} --vetter NAME")


def import_(
    path: Annotated[Path, typer.Argument(help="A filled queue.csv.")],
    run: RunOption,
    vetter: Annotated[str | None, typer.Option(help="Who judged; the login by default.")] = None,
    adjudicate: Annotated[
        bool, typer.Option("--adjudicate", help="These verdicts decide where vetters contradict each other.")
    ] = False,
    workers: WorkersOption = None,
) -> None:
    """Take in verdicts, and bring the run's claims up to date."""
    added = api.vet_import(
        path, run, vetter=vetter, adjudicate=adjudicate, workers=workers or os.cpu_count() or 1, progress=follower()
    )
    print(f"\n{added:,} verdicts added\n")
    print(api.Run(run).claim()["sentence"])
    _tell(run)


def status(run: RunOption) -> None:
    """How far the vetting has come, how the vetters do, and what may be claimed."""
    print(api.Run(run).claim()["sentence"])
    _tell(run)


def oracle(
    run: RunOption,
    batch: Annotated[str | None, typer.Argument(help="The batch; by default the open one.")] = None,
    miss: Annotated[float, typer.Option(min=0, max=1, help="Share of odd spectra called ordinary.")] = 0.0,
    false_alarm: Annotated[float, typer.Option(min=0, max=1, help="Share of ordinary spectra called odd.")] = 0.0,
    unsure: Annotated[float, typer.Option(min=0, max=1, help="Share left undecided.")] = 0.0,
    out: Annotated[Path | None, typer.Option(help="The file to write.")] = None,
) -> None:
    """Fill the queue of a simulated survey from its truth."""
    path = api.vet_oracle(run, batch=batch, miss=miss, false_alarm=false_alarm, unsure=unsure, out=out)
    print(f"filled: {path}\nthen:   oddqso vet import {path} --run {run} --vetter oracle")


def _tell(run: Path) -> None:
    told = api.vet_status(run)
    tiers = Table("tier", "FDR", "objects", "expected false", "FDP 95 %")
    for tier in told.certificate["tiers"]:
        limit = f"{tier['fdp_95']:.1%}" if tier["fdp_95"] is not None else ""
        tiers.add_row(
            tier["name"], f"{tier['alpha']:.0%}", f"{tier['n_listed']:,}",
            f"{tier['expected_false']:.1f}" if tier["n_listed"] else "", limit,
        )  # fmt: skip
    groups = Table("group", "looked through", "odd", "ordinary", "looks to go")
    for row in told.certificate["vetting"]["progress"]:
        to_go = (
            "done"
            if row["may_stop"]
            else ("many" if row["looks_to_stop"] is None else f"about {row['looks_to_stop']:,}")
        )
        groups.add_row(row["name"], f"{row['depth']:,}", f"{row['n_odd']:,}", f"{row['n_ordinary']:,}", to_go)
    people = Table("vetter", "judged", "unsure", "planted missed", "false alarms", "at most (95 %)")
    for one in told.vetters:
        people.add_row(
            one.name, f"{one.n_judged:,}", f"{one.n_unsure:,}", f"{one.n_missed:,} of {one.n_planted:,}",
            f"{one.n_false:,} of {one.n_ordinary:,}", f"{one.false_upper:.0%}",
        )  # fmt: skip
    console = Console(width=None if os.isatty(1) else 100)
    for table in (tiers, groups, people):
        if table.row_count:
            console.print(table)
    for audit in told.audits:
        bound = audit.bound
        older = "" if audit.current else " (the list has changed since)"
        print(
            f"audit {audit.batch}: {bound.n_false} of {bound.n_sample} on the list {audit.tier} not odd; the false "
            f"share of its {bound.n_list:,} at most {bound.upper_of_list:.1%} with 95 % confidence{older}"
        )
    if told.conflicts:
        names = ", ".join(conflict.entries[0].item for conflict in told.conflicts)
        print(f"vetters contradict each other on {names}: settle them (oddqso vet import FILE --adjudicate)")
    print(
        f"{told.n_judged:,} of {told.n_items:,} items judged"
        + (f"; open: {told.open_batch}" if told.open_batch else "")
    )


for name, command in (("export", export), ("import", import_), ("status", status), ("oracle", oracle)):
    app.command(name)(command)
