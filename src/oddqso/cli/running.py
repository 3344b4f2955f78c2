"""Commands that make a run and look into it."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from oddqso import api
from oddqso.cli.options import FinetuneOption, PretrainedOption, RunOption, SetOption, WorkersOption, start_settings
from oddqso.console import follower


def init(path: Annotated[Path, typer.Argument(help="Where to write.")] = Path("oddqso.toml")) -> None:
    """Write a commented file of all settings."""
    print(f"wrote {api.init(path)}: change what you need, then `oddqso run INPUT --run RUN --config {path}`")


def run(
    run: RunOption,
    input: Annotated[
        Path | None, typer.Argument(help="A folder of DESI files; not needed to go on with a run.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A file of settings, as `oddqso init` writes it.")] = None,
    set: SetOption = None,
    workers: WorkersOption = None,
    until: Annotated[str | None, typer.Option(help="Stop after this stage.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="Do this stage and the later ones again.")] = None,
    only: Annotated[str | None, typer.Option(help="Do this stage alone, again.")] = None,
    pretrained: PretrainedOption = False,
    finetune: FinetuneOption = False,
) -> None:
    """From DESI files to a ranked catalog and its report; goes on with what was left unfinished."""
    done = api.run(
        input,
        run,
        config=config,
        overrides=[*start_settings(pretrained, finetune), *(set or ())],
        workers=workers or os.cpu_count() or 1,
        start=only or from_,
        until=only or until,
        progress=follower(),
    )
    tell(done)


def status(run: RunOption) -> None:
    """How far a run has come."""
    table = Table("stage", "state", "spectra", "shards", "seconds")
    for s in api.status(run):
        table.add_row(
            s.name, s.state, f"{s.n_rows:,}" if s.n_rows else "", f"{s.n_shards:,}" if s.n_shards else "",
            f"{s.seconds:,.1f}" if s.seconds else "",
        )  # fmt: skip
    Console().print(table)
    for path in api.watched(run):
        print(f"the training, as it goes on: {path}")


def show(
    target_id: Annotated[int, typer.Argument(metavar="TARGETID", help="The target.")],
    run: RunOption,
    plot: Annotated[Path | None, typer.Option(help="Where to write the image.")] = None,
) -> None:
    """One target in words and as a plot."""
    words, path = api.show(target_id, run, plot)
    print("\n".join(words))
    print(f"\nplot: {path}")


def report(run: RunOption) -> None:
    """Make the report of a complete run again."""
    print(f"report: {api.report(run, progress=follower())}")


def tell(done: api.Run) -> None:
    """What was found, where the report is, and what to do next."""
    states = {s.name: s.state for s in done.status()}
    if states["report"] != "complete":
        waiting = next(name for name, state in states.items() if state != "complete")
        print(f"\nnext: oddqso run --run {done.path}   (goes on with {waiting})")
        return
    catalog = done.catalog()
    scored = catalog.num_rows - catalog["SCORE"].null_count
    print(f"\n{catalog.num_rows:,} quasars, {scored:,} of them scored. {done.claim()['sentence']}\n")
    table = Table(title="The ten oddest")
    for name in ("RANK", "TARGETID", "Z", "S/N", "SCORE", "P", "Q", "SPLIT"):
        table.add_column(name, no_wrap=True, overflow="ignore", justify="left" if name == "SPLIT" else "right")
    for row in catalog.slice(0, 10).to_pylist():
        p, q = ("" if row[name] is None else f"{row[name]:.2g}" for name in ("P_VALUE", "Q_VALUE"))
        table.add_row(
            str(row["RANK"]), str(row["TARGETID"]), f"{row['Z']:.4f}", f"{row['SNR']:.1f}", f"{row['SCORE']:.2f}",
            p, q, row["SPLIT"],
        )  # fmt: skip
    Console(width=None if sys.stdout.isatty() else 100).print(table)
    print(f"\nreport:   {done.report()}")
    print(f"catalog:  {done.path / 'release' / 'catalog.fits'} (also .parquet, .vot)")
    print(f"next:     oddqso show {catalog['TARGETID'][0].as_py()} --run {done.path}")
