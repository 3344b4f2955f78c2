"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from oddqso.errors import ConfigError

RunOption = Annotated[Path, typer.Option("--run", help="The run's directory.")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="One setting, section.name=value; may be repeated.")]
WorkersOption = Annotated[int | None, typer.Option(min=1, help="Worker processes; by default one a core.")]
PretrainedOption = Annotated[
    bool, typer.Option("--pretrained", help="Use trained weights as they are: train.start=pretrained.")
]
FinetuneOption = Annotated[
    bool, typer.Option("--finetune", help="Start training from trained weights: train.start=finetune.")
]


def start_settings(pretrained: bool, finetune: bool) -> tuple[str, ...]:
    """What two options say of where the training starts.

    Raises
    ------
    ConfigError
        If both are given.
    """
    if pretrained and finetune:
        raise ConfigError("--pretrained and --finetune exclude each other; give one of them")
    return ("train.start=pretrained",) if pretrained else ("train.start=finetune",) if finetune else ()


DatabaseOption = Annotated[
    str | None,
    typer.Option(
        envvar="ODDQSO_DATABASE",
        help="A SQLite file or a PostgreSQL URL; by default the run's own file. A URL with a password is better "
        "given in the environment.",
    ),
]
