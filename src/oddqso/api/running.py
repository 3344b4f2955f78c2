"""From DESI files to a ranked catalog: make a run, go on with it, look into it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from oddqso.config import Settings, commented_toml, make_settings, read_settings
from oddqso.errors import ConfigError, DataError, StageError
from oddqso.reports.results import SpectrumView
from oddqso.runs.directory import RunDirectory
from oddqso.runs.executors import make_executor
from oddqso.runs.files import read_json, writing
from oddqso.runs.progress import Progress, Silent
from oddqso.runs.runner import Runner
from oddqso.stages import STAGES
from oddqso.stages.views import catalog_row, spectrum_views

STAGE_NAMES = tuple(stage.name for stage in STAGES)


@dataclass(frozen=True, slots=True)
class StageStatus:
    """How far one stage of a run has come."""

    name: str
    state: str
    """``complete``, ``outdated`` (made with other settings or input), ``under way`` or ``to do``."""
    n_rows: int
    n_shards: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Run:
    """A run's directory, to look into.

    Parameters
    ----------
    path : Path
        The directory.
    """

    path: Path

    def catalog(self) -> pa.Table:
        """The released catalog, best candidates first (`oddqso.catalog.columns` says what each column is)."""
        return pq.read_table(self._complete("release") / "catalog.parquet")

    def metrics(self) -> dict[str, Any]:
        """Every figure of the report."""
        content: dict[str, Any] = read_json(self._complete("report") / "metrics.json")
        return content

    def claim(self) -> dict[str, Any]:
        """What the list may claim: counts, the shortest list that can be, and the sentence."""
        content: dict[str, Any] = read_json(self._complete("significance") / "claim.json")
        return content

    def report(self) -> Path:
        """The report's page."""
        return self._complete("report") / "index.html"

    def spectrum(self, target_id: int) -> SpectrumView:
        """Data and reconstruction of one target, on native pixels in the units of the files."""
        self._complete("embed")
        return spectrum_views(RunDirectory(self.path), [target_id])[0]

    def row(self, target_id: int) -> dict[str, Any]:
        """The catalog's row of one target."""
        self._complete("release")
        if not -(2**63) <= target_id < 2**63:
            raise DataError(f"{target_id} is no TARGETID: it does not fit into 64 bits")
        return catalog_row(RunDirectory(self.path), target_id)

    def status(self) -> list[StageStatus]:
        """How far each stage has come."""
        return status(self.path)

    def _complete(self, stage: str) -> Path:
        directory = RunDirectory(self.path)
        if directory.manifest(stage) is None:
            raise StageError(f"stage {stage} of {self.path} is not complete; run `oddqso run --run {self.path}`")
        return directory.stage(stage)


def init(path: Path | str = "oddqso.toml") -> Path:
    """Write a commented file of all settings with their defaults.

    Raises
    ------
    ConfigError
        If the file exists.
    """
    path = Path(path)
    if path.exists():
        raise ConfigError(f"{path} exists; remove it or name another file")
    with writing(path) as aside:
        aside.write_text(commented_toml())
    return path


def run(
    input: Path | str | None = None,
    run: Path | str = "run",
    *,
    config: Path | str | None = None,
    overrides: Sequence[str] = (),
    settings: Settings | None = None,
    workers: int = 1,
    start: str | None = None,
    until: str | None = None,
    progress: Progress | None = None,
) -> Run:
    """Bring a run up to date: from DESI files to a ranked catalog and its report.

    Parameters
    ----------
    input : path, optional
        A folder of DESI files; not needed to go on with a run.
    run : path
        The run's directory; an unfinished run goes on where it was.
    config : path, optional
        A file of settings (`init` writes one). Without it a run goes on with the settings it has.
    overrides : sequence of str
        Single settings as ``section.name=value``.
    settings : Settings, optional
        Instead of ``config``.
    workers : int
        Worker processes.
    start, until : str, optional
        First stage to do again, last stage to do.
    progress : Progress, optional
        Is told how far the run has come.

    Raises
    ------
    OddqsoError
        With what was wrong and what to do; finished work is kept.
    """
    for name in (start, until):
        if name is not None and name not in STAGE_NAMES:
            raise ConfigError(f"there is no stage {name!r}; the stages are {', '.join(STAGE_NAMES)}")
    if start and until and STAGE_NAMES.index(start) > STAGE_NAMES.index(until):
        raise ConfigError(f"stage {start} comes after stage {until}; there is nothing to do between them")
    directory = RunDirectory(Path(run))
    record = directory.record()
    folder = _input(input, record, directory.root)
    chosen = _settings(settings, config, overrides, record)
    from oddqso.review.journal import take_over

    with directory.locked():
        take_over(directory)  # answers that came in while another process held the run
        _guard(directory, record, chosen)
        _write_record(directory, folder, chosen)
        with make_executor(workers) as executor:
            _runner(directory, folder, chosen).run(executor, progress or Silent(), first=start, last=until)
    return Run(directory.root)


def _runner(directory: RunDirectory, folder: Path, settings: Settings) -> Runner:
    return Runner(directory, STAGES, settings.of_stages(), folder, settings.seed)


def _input(input: Path | str | None, record: dict[str, Any] | None, root: Path) -> Path:
    if input is None:
        if record is None:
            raise ConfigError(f"{root} is no run yet: name the folder of DESI files, `oddqso run INPUT --run {root}`")
        input = record["input"]
    folder = Path(input).expanduser().resolve()
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; name the folder that holds the DESI files")
    if record is not None and Path(record["input"]) != folder:
        raise ConfigError(f"{root} is a run on {record['input']}, not on {folder}; choose another folder with --run")
    return folder


def _settings(
    settings: Settings | None, config: Path | str | None, overrides: Sequence[str], record: dict[str, Any] | None
) -> Settings:
    if settings is not None:
        return settings
    if config is None and record is not None:
        kept = make_settings(record["settings"], "the settings in run.json")
        if not overrides:
            return kept
        changed = read_settings(None, overrides).model_dump(exclude_unset=True)
        return make_settings(_merge(kept.model_dump(), changed), "the settings")
    return read_settings(Path(config) if config else None, overrides)


def _merge(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    merged = {
        name: _merge(old[name], value) if isinstance(value, dict) and isinstance(old.get(name), dict) else value
        for name, value in new.items()
    }
    return old | merged


def _guard(directory: RunDirectory, record: dict[str, Any] | None, settings: Settings) -> None:
    """Refuse another split once p-values were looked at: it would be chosen by its outcome."""
    if record is None or (directory.manifest("significance") is None and not _has_verdicts(directory)):
        return
    for name in ("salt", "fit_fraction", "calibration_fraction"):
        if record["settings"]["sample"][name] != getattr(settings.sample, name):
            raise ConfigError(
                f"the split cannot change in {directory.root} (sample.{name}): its p-values or verdicts "
                "have been seen; start another run with --run"
            )


def _has_verdicts(directory: RunDirectory) -> bool:
    """Whether people have judged spectra of the run."""
    return (directory.root / "vetting" / "verdicts.csv").exists()


def _write_record(directory: RunDirectory, folder: Path, settings: Settings) -> None:
    from oddqso import __version__

    record = {"oddqso": __version__, "input": str(folder), "settings": settings.model_dump(mode="json")}
    if directory.record() != record:
        directory.write_record(record)


def status(run: Path | str) -> list[StageStatus]:
    """How far each stage of a run has come.

    Raises
    ------
    ConfigError
        If the folder is no run.
    """
    directory = RunDirectory(Path(run))
    record = directory.record()
    if record is None:
        raise ConfigError(f"{run} is no run: it has no run.json")
    settings = make_settings(record["settings"], "the settings in run.json")
    runner = _runner(directory, Path(record["input"]), settings)
    try:
        prints = runner.fingerprints()
    except DataError:
        prints = {}
    states: list[StageStatus] = []
    for stage in STAGES:
        name, manifest, made_from = stage.name, directory.manifest(stage.name), runner.made_from(stage)
        shards = manifest["shards"] if manifest else []
        if manifest is not None:
            current = not prints or runner.is_current(manifest, prints[name], made_from)
            outdated = any(before.state == "outdated" for before in states if before.name in stage.reads)
            state = "complete" if current and not outdated else "outdated"
        else:
            state = "under way" if prints and directory.partial(name, prints[name], made_from).exists() else "to do"
        n_rows = sum(shard["n_rows"] for shard in shards)
        states.append(StageStatus(name, state, n_rows, len(shards), manifest["seconds"] if manifest else 0.0))
    return states


def watched(run: Path | str) -> list[Path]:
    """What shows a training under way: ``curves.csv`` and, once it was drawn, ``progress.png``."""
    folders = sorted(Path(run).glob(".partial/train-*"), key=lambda folder: folder.stat().st_mtime_ns)
    newest = [folders[-1] / name for name in ("curves.csv", "progress.png")] if folders else []
    return [path for path in newest if path.exists()]


def show(target_id: int, run: Path | str, plot: Path | str | None = None) -> tuple[list[str], Path]:
    """One target in words and as a plot.

    Returns
    -------
    list of str, Path
        The words, and the image that was written (by default ``show/{target_id}.png`` in the run's folder).
    """
    from oddqso.reports.spectrum_plot import plot_spectrum
    from oddqso.reports.words import describe

    opened = Run(Path(run))
    row, view = opened.row(target_id), opened.spectrum(target_id)
    words = describe(row, view)
    path = Path(plot) if plot else opened.path / "show" / f"{target_id}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    plot_spectrum(view, row, path)
    return words, path


_verb_run = run


def report(run: Path | str, *, progress: Progress | None = None) -> Path:
    """Make the report of a complete run again, and say where it is."""
    return _verb_run(None, run, start="report", progress=progress).report()
