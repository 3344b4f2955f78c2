"""The injection laboratory: what a finished run finds of anomalies that are planted into its spectra."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oddqso.api.running import _settings, _write_record, status
from oddqso.errors import ConfigError, StageError
from oddqso.runs.directory import RunDirectory
from oddqso.runs.executors import make_executor
from oddqso.runs.files import read_json
from oddqso.runs.progress import Progress, Silent
from oddqso.runs.runner import Runner
from oddqso.stages import STAGES

if TYPE_CHECKING:  # heavy: not at the start of a command line
    from oddqso.validation.selection import Selection

__all__ = ["Laboratory", "inject", "read_selection"]


@dataclass(frozen=True, slots=True)
class Laboratory:
    """What the injection laboratory made.

    Parameters
    ----------
    path : Path
        The folder ``efficiency`` of the run.
    """

    path: Path

    def figures(self) -> dict[str, Any]:
        """Every figure: efficiencies by class, amplitude, S/N and z, cuts, probes, twins."""
        content: dict[str, Any] = read_json(self.path / "efficiency.json")
        return content

    def selection(self) -> "Selection":
        """The selection function."""
        return read_selection(self.path / "selection.parquet")

    def page(self) -> Path:
        """The page to look at."""
        return self.path / "index.html"


def inject(
    run: Path | str,
    *,
    classes: Sequence[str] = (),
    per_bin: int | None = None,
    overrides: Sequence[str] = (),
    workers: int = 1,
    progress: Progress | None = None,
) -> Laboratory:
    """Plant anomalies into held-out spectra of a finished run, and measure which of them its pipeline finds.

    Parameters
    ----------
    run : path
        The directory of a finished run.
    classes : sequence of str
        Injection classes and probes by name, or ``all``. They are kept with the run's settings and hold until others
        are named; all by default.
    per_bin : int, optional
        Injections a class and S/N bin.
    overrides : sequence of str
        Single settings as ``inject.name=value`` or ``efficiency.name=value``; kept with the run's settings.
    workers : int
        Worker processes.
    progress : Progress, optional
        Is told how far it has come.

    Raises
    ------
    ConfigError
        If the folder is no run, or a class or a setting is unknown.
    StageError
        If the run is not complete, or an injection fails; what is finished is kept.
    """
    from oddqso.stages.branches import BRANCHES
    from oddqso.validation.plan import chosen

    directory = RunDirectory(Path(run))
    record = directory.record()
    if record is None:
        raise ConfigError(f"{run} is no run: it has no run.json; make one with `oddqso run INPUT --run {run}`")
    words = list(overrides)
    for word in words:
        if word.split(".")[0].strip() not in ("inject", "efficiency"):
            raise ConfigError(f"--set {word!r}: only settings of inject and efficiency can be set here")
    if classes:
        named = [] if list(classes) == ["all"] else list(classes)
        words.append(f"inject.classes={named!r}")
    if per_bin is not None:
        words.append(f"inject.per_bin={per_bin}")
    settings = _settings(None, None, words, record)
    chosen(settings.inject)
    waiting = [stage.name for stage in status(run) if stage.state != "complete"]
    if waiting:
        raise StageError(f"stage {waiting[0]} of {run} is not complete; run `oddqso run --run {run}` first")
    with directory.locked():
        _write_record(directory, Path(record["input"]), settings)
        runner = Runner(directory, (*STAGES, *BRANCHES), settings.of_stages(), Path(record["input"]), settings.seed)
        with make_executor(workers) as executor:
            runner.run(executor, progress or Silent())
    return Laboratory(directory.stage("efficiency"))


def read_selection(path: Path | str) -> "Selection":
    """The selection function that `inject` wrote; see `oddqso.validation.selection.read_selection`."""
    from oddqso.validation.selection import read_selection as read

    return read(path)
