"""The command line: parse, call, print; nothing else."""

import logging
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from oddqso import __version__, api
from oddqso.console import follower
from oddqso.errors import OddqsoError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Find strange quasars in DESI spectra.",
)
RunOption = Annotated[Path, typer.Option("--run", help="The run's directory.")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="One setting, section.name=value; may be repeated.")]
WorkersOption = Annotated[int | None, typer.Option(min=1, help="Worker processes; by default one a core.")]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"oddqso {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log details to the terminal.")] = False,
) -> None:
    """Find strange quasars in DESI spectra."""
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    for noisy in ("numba", "matplotlib", "fsspec", "urllib3", "PIL"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


@app.command()
def init(path: Annotated[Path, typer.Argument(help="Where to write.")] = Path("oddqso.toml")) -> None:
    """Write a commented file of all settings."""
    print(f"wrote {api.init(path)}: change what you need, then `oddqso run INPUT --run RUN --config {path}`")


@app.command()
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
) -> None:
    """From DESI files to a ranked catalog and its report; goes on with what was left unfinished."""
    done = api.run(
        input,
        run,
        config=config,
        overrides=set or (),
        workers=workers or os.cpu_count() or 1,
        start=only or from_,
        until=only or until,
        progress=follower(),
    )
    _tell(done)


@app.command()
def status(run: RunOption) -> None:
    """How far a run has come."""
    table = Table("stage", "state", "spectra", "shards", "seconds")
    for s in api.status(run):
        table.add_row(
            s.name, s.state, f"{s.n_rows:,}" if s.n_rows else "", f"{s.n_shards:,}" if s.n_shards else "",
            f"{s.seconds:,.1f}" if s.seconds else "",
        )  # fmt: skip
    Console().print(table)


@app.command()
def show(
    target_id: Annotated[int, typer.Argument(metavar="TARGETID", help="The target.")],
    run: RunOption,
    plot: Annotated[Path | None, typer.Option(help="Where to write the image.")] = None,
) -> None:
    """One target in words and as a plot."""
    words, path = api.show(target_id, run, plot)
    print("\n".join(words))
    print(f"\nplot: {path}")


@app.command()
def report(run: RunOption) -> None:
    """Make the report of a complete run again."""
    print(f"report: {api.report(run, progress=follower())}")


@app.command()
def simulate(
    out: Annotated[Path, typer.Argument(help="Where to write the survey.")],
    n: Annotated[int, typer.Option("--n", min=10, help="Targets, contaminants included.")] = 2000,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 1,
    set: Annotated[
        list[str] | None, typer.Option("--set", help="One more parameter, name=value; may be repeated.")
    ] = None,
    workers: WorkersOption = None,
) -> None:
    """Write a simulated survey in the layout of DESI DR1."""
    cores = workers or os.cpu_count() or 1
    api.simulate(out, n_target=n, seed=seed, overrides=set or (), workers=cores, progress=follower())
    print(f"next: oddqso run {out} --run RUN")


@app.command()
def demo(
    run: RunOption = Path("runs/demo"),
    n: Annotated[int, typer.Option("--n", min=300, help="Simulated targets.")] = 2000,
    workers: WorkersOption = None,
) -> None:
    """Simulate a small survey, run it through, and write its report."""
    _tell(api.demo(run, n_target=n, workers=workers, progress=follower()))


def _tell(done: api.Run) -> None:
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


def main() -> None:
    """Run the command line; errors become one clear message."""
    try:
        app()
    except OddqsoError as error:
        print(f"oddqso: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("oddqso: interrupted; what was finished is kept, run the same command to go on", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        log = Path("oddqso-error.log")
        try:
            log.write_text(traceback.format_exc())
            where = f"the details are in {log.resolve()}; please report them"
        except OSError:
            where = "run again with --verbose for details"
        print(f"oddqso: unexpected {type(error).__name__}: {error}; {where}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
