"""The vetting desk of a run: what the review room has the stages do for the blind queue."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from oddqso.config import Settings
from oddqso.errors import StageError
from oddqso.runs.directory import RunDirectory

if TYPE_CHECKING:  # heavy: not at the start of a command line
    from oddqso.review.desk import Desk


@contextmanager
def open_desk(directory: RunDirectory, settings: Settings) -> Iterator["Desk"]:
    """The desk of a finished run; what it reads in the background ends with the block."""
    from oddqso.review.desk import Desk
    from oddqso.review.desk_work import DeskWork
    from oddqso.review.journal import try_take_over
    from oddqso.stages.batches import frozen_scores, items_of, new_batch
    from oddqso.vetting.ledger import read_ledger

    def draw(n: int | None, audit: str | None) -> str:
        ledger = read_ledger(directory.root / "vetting")
        return new_batch(directory, ledger, settings.vetting, settings.seed, n, audit)

    desk = Desk(
        directory,
        DeskWork(
            draw=draw,
            views=lambda key, batch: items_of(directory, key, batch),
            scores=lambda: frozen_scores(directory),
            update=lambda: update_run(directory),
        ),
    )
    if desk.journal.path.exists():
        try_take_over(directory)
    try:
        yield desk
    finally:
        desk.close()


def update_run(directory: RunDirectory) -> None:
    """Bring a run up to date in a process of its own, so that whoever asks goes on meanwhile.

    Raises
    ------
    StageError
        With what that process said, if it fails.
    """
    command = [
        sys.executable,
        "-P",
        "-m",
        "oddqso.cli",
        "run",
        "--run",
        str(directory.root.resolve()),
        "--workers",
        "1",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"})
    if done.returncode:
        said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise StageError(said[-1].removeprefix("oddqso: ") if said else f"oddqso run ended with {done.returncode}")
