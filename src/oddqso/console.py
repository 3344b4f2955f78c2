"""How a run tells of its progress: bars on a terminal, plain lines in a log."""

import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from oddqso.runs.progress import Progress as Follower


class Lines:
    """Plain lines: one when a stage begins and ends, and one every ``every_s`` seconds in between."""

    def __init__(self, every_s: float = 15.0) -> None:
        self.every_s = every_s
        self._stage, self._unit = "", ""
        self._total = self._done = self._begun_with = 0.0
        self._began = self._told = 0.0

    def begin(self, stage: str, total: float, done: float, unit: str) -> None:
        """Tell that a stage begins."""
        self._stage, self._unit, self._total, self._done, self._begun_with = stage, unit, total, done, done
        self._began = self._told = time.monotonic()
        resumed = f", {done:,.0f} of them done before" if done and unit else ""
        print(f"{stage}: {f'{total:,.0f} {unit}{resumed}' if unit else 'begins'}", flush=True)

    def advance(self, amount: float) -> None:
        """Tell rate and time left, now and then."""
        self._done += amount
        now = time.monotonic()
        if now - self._told < self.every_s or self._done <= self._begun_with:
            return
        self._told = now
        rate = (self._done - self._begun_with) / (now - self._began)
        left = (self._total - self._done) / rate
        speed = f", {rate:,.0f} {self._unit}/s" if self._unit else ""
        print(f"{self._stage}: {100 * self._done / self._total:.0f} %{speed}, {left:,.0f} s left", flush=True)

    def end(self, stage: str, seconds: float, words: str) -> None:
        """Tell that a stage is complete."""
        print(f"{stage}: done in {seconds:.1f} s{', ' + words if words else ''}", flush=True)

    def skip(self, stage: str) -> None:
        """Tell that a stage was complete."""
        print(f"{stage}: up to date", flush=True)


class Bars:
    """A bar a stage, with rate and time left."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description:>13}"),
            BarColumn(bar_width=32),
            TextColumn("{task.percentage:3.0f} %"),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self._task: TaskID | None = None
        self._unit, self._began, self._begun_with = "", 0.0, 0.0

    def begin(self, stage: str, total: float, done: float, unit: str) -> None:
        """Start a bar."""
        self._progress.start()
        self._unit, self._began, self._begun_with = unit, time.monotonic(), done
        self._task = self._progress.add_task(stage, total=total or 1.0, completed=int(done), rate="")

    def advance(self, amount: float) -> None:
        """Move the bar."""
        if self._task is None:
            return
        self._progress.update(self._task, advance=amount)
        task: Any = self._progress.tasks[self._progress.task_ids.index(self._task)]
        if self._unit:
            rate = (task.completed - self._begun_with) / max(time.monotonic() - self._began, 1e-3)
            self._progress.update(self._task, rate=f"{rate:,.0f} {self._unit}/s")

    def end(self, stage: str, seconds: float, words: str) -> None:
        """Fill the bar."""
        if self._task is not None:
            self._progress.update(self._task, completed=self._progress.tasks[-1].total, rate=words)
        self._progress.stop()

    def skip(self, stage: str) -> None:
        """Say that a stage was complete."""
        Console().print(f"{stage:>13} up to date", highlight=False)


def follower() -> Follower:
    """Bars on a terminal, lines elsewhere."""
    return Bars() if sys.stdout.isatty() else Lines()
