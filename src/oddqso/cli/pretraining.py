"""The command that trains a model on a large simulated survey."""

import os
from pathlib import Path
from typing import Annotated

import typer

from oddqso import api
from oddqso.cli.options import SetOption, WorkersOption
from oddqso.console import follower


def pretrain(
    out: Annotated[Path, typer.Argument(help="Folder of the model; its spectra take 32 kB each.")],
    n: Annotated[int, typer.Option("--n", min=100, help="Quasars to simulate.")] = 250_000,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 1,
    set: SetOption = None,
    workers: WorkersOption = None,
) -> None:
    """Train a model on a large simulated survey, to start runs from; goes on with what was left unfinished."""
    cores = workers or os.cpu_count() or 1
    api.pretrain(out, n_target=n, seed=seed, overrides=set or (), workers=cores, progress=follower())
    print(f"model: {out / 'model.safetensors'}; {out / 'spectra'} may be deleted")
