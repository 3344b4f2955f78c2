"""Commands that simulate."""

import os
from pathlib import Path
from typing import Annotated

import typer

from oddqso import api
from oddqso.cli.options import FinetuneOption, PretrainedOption, RunOption, WorkersOption, start_settings
from oddqso.cli.running import tell
from oddqso.console import follower


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


def demo(
    run: RunOption = Path("runs/demo"),
    n: Annotated[int, typer.Option("--n", min=300, help="Simulated targets.")] = 2000,
    workers: WorkersOption = None,
    pretrained: PretrainedOption = False,
    finetune: FinetuneOption = False,
) -> None:
    """Simulate a small survey, run it through, and write its report."""
    overrides = start_settings(pretrained, finetune)
    tell(api.demo(run, n_target=n, overrides=overrides, workers=workers, progress=follower()))
