"""The command line: parse, call, print; nothing else."""

import logging
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from oddqso import __version__
from oddqso.cli import (
    delivering,
    exchanging,
    injecting,
    pretraining,
    reviewers,
    reviewing,
    running,
    simulating,
    validating,
    vetting,
)
from oddqso.errors import OddqsoError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Find strange quasars in DESI spectra.",
)
for command in (
    running.init, running.run, running.status, running.show, running.report, simulating.simulate, simulating.demo,
    validating.gate, validating.entrap, injecting.inject, delivering.deliver, reviewing.review,
    pretraining.pretrain,
):  # fmt: skip
    app.command()(command)
app.add_typer(vetting.app, name="vet")
app.add_typer(reviewers.people, name="reviewers")
app.add_typer(reviewers.store, name="store")
app.add_typer(exchanging.verdicts, name="verdicts")


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
