"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

RunOption = Annotated[Path, typer.Option("--run", help="The run's directory.")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="One setting, section.name=value; may be repeated.")]
WorkersOption = Annotated[int | None, typer.Option(min=1, help="Worker processes; by default one a core.")]
