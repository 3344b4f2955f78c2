"""Commands that write verdicts of reviewers into files, and take them in."""

from pathlib import Path
from typing import Annotated

import typer

from oddqso import api
from oddqso.cli.options import DatabaseOption

verdicts = typer.Typer(no_args_is_help=True, help="Verdicts of the review room as files.")

RunOfStore = Annotated[Path | None, typer.Option("--run", help="The run whose own store it is.")]
FormatOption = Annotated[
    str | None, typer.Option("--format", help="csv, parquet, votable, fits or desi-vi; by default by the file's name.")
]


def export(
    path: Annotated[Path, typer.Argument(help="The file to write.")],
    run: RunOfStore = None,
    database: DatabaseOption = None,
    format: FormatOption = None,
    reviewer: Annotated[str | None, typer.Option(help="Only the verdicts of one reviewer.")] = None,
) -> None:
    """Write the verdicts that stand into a file."""
    n = api.export_verdicts(api.StorePlace(run, database), path, format, reviewer)
    print(f"{path}: {n:,} verdicts")


def import_(
    path: Annotated[Path, typer.Argument(help="A file of verdicts.")],
    run: RunOfStore = None,
    database: DatabaseOption = None,
    format: FormatOption = None,
    reviewer: Annotated[str | None, typer.Option(help="In whose name rows without a REVIEWER are.")] = None,
) -> None:
    """Take in verdicts, all of a file or nothing; the same file again adds nothing."""
    done = api.import_verdicts(api.StorePlace(run, database), path, format, reviewer)
    made = f"; accounts without password for {', '.join(done.made)}" if done.made else ""
    print(f"{done.n_new:,} of {done.n_rows:,} verdicts are new{made}")


verdicts.command("export")(export)
verdicts.command("import")(import_)
