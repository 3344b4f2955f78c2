"""The command for new deliveries."""

from pathlib import Path
from typing import Annotated

import typer

from oddqso import api
from oddqso.cli.options import RunOption


def deliver(
    input: Annotated[Path, typer.Argument(help="Folder of new DESI files.")],
    run: RunOption,
    name: Annotated[str | None, typer.Option(help="Name of the delivery; by default the folder's.")] = None,
) -> None:
    """Judge new spectra with a finished run; what is found is provisional."""
    made = api.deliver(input, run, name)
    told = made.summary()
    print(f"{told['n_judged']:,} new quasars, {told['n_scored']:,} of them scored; {told['n_left_out']:,} known before")
    for level in told["levels"]:
        print(f"provisional at FDR {level['alpha']:.0%} over all deliveries: {level['n_found']:,}")
    for which, test in told["drift"].items():
        if test["alarm"]:
            print(f"drift: p-values of the {which} spectra are not uniform (p = {test['p_value']:.1e}); see the how-to")
    print(f"\ncatalog:    {made.path / 'catalog.parquet'}")
