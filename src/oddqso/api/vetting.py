"""The blind queue: draw it, take in verdicts, say where the vetting stands."""

import getpass
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from oddqso.api.running import Run, status
from oddqso.api.running import run as bring_up_to_date
from oddqso.config import Settings, make_settings
from oddqso.errors import ConfigError, DataError, StageError
from oddqso.runs.directory import RunDirectory
from oddqso.runs.files import read_json, store_error, writing
from oddqso.runs.progress import Progress
from oddqso.runs.stage import Context
from oddqso.stages.report import TRUTH
from oddqso.vetting.ledger import VERDICTS_NAME, Ledger, Settled, format_entries, new_entries, read_ledger
from oddqso.vetting.verdicts import Answer, read_answers

if TYPE_CHECKING:  # heavy: not at the start of a command line
    from oddqso.validation.audit import AuditBound
    from oddqso.vetting.vetters import Vetter


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of the blind queue.

    Parameters
    ----------
    name : str
    path : Path
        Its folder: ``queue.csv`` to fill in, ``index.html`` to look at.
    n_items, n_waiting : int
        Items, and those without a verdict.
    is_new : bool
        Whether it was drawn just now.
    """

    name: str
    path: Path
    n_items: int
    n_waiting: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class Audit:
    """What a blind random sample of a list says of it.

    Parameters
    ----------
    batch, tier : str
        The batch that asked, and the list that it sampled.
    bound : AuditBound
        What is not called odd counts as false, UNSURE too.
    current : bool
        Whether the list is as long now as it was then; otherwise the bound is on an earlier list.
    """

    batch: str
    tier: str
    bound: "AuditBound"
    current: bool


@dataclass(frozen=True, slots=True)
class VetStatus:
    """Where the vetting of a run stands.

    Parameters
    ----------
    n_items, n_judged : int
        Items asked, and those with a verdict.
    open_batch : str or None
        The first batch with items that wait.
    conflicts : tuple of Settled
        Items on which vetters contradict each other.
    vetters : tuple of Vetter
        The record of each.
    certificate : dict
        What may be claimed now: tiers, and how far each group has been looked through.
    audits : tuple of Audit
        What was found in blind random samples of the lists.
    """

    n_items: int
    n_judged: int
    open_batch: str | None
    conflicts: tuple[Settled, ...]
    vetters: "tuple[Vetter, ...]"
    certificate: dict[str, Any]
    audits: tuple[Audit, ...]


def vet_export(
    run: Path | str,
    *,
    n: int | None = None,
    audit: str | None = None,
    out: Path | str | None = None,
    new: bool = False,
) -> Batch:
    """Write a batch of spectra to be judged blind: the oddest of CALIBRATION, or a sample of a list.

    Parameters
    ----------
    run : path
        A complete run.
    n : int, optional
        Items, controls included; ``vetting.batch_items`` by default.
    audit : str, optional
        A tier (gold, silver, bronze): a random sample of its list is asked, to bound its false share.
    out : path, optional
        The folder; by default ``vetting/{batch}`` in the run. Nothing in it tells a score, so it can be handed on.
    new : bool
        Draw another batch though one is open. Otherwise an open batch is written again.

    Raises
    ------
    StageError
        If the run is not complete.
    DataError
        If there is nothing left to ask.
    """
    from oddqso.stages.batches import new_batch, put

    directory, settings = _opened(run)
    with directory.locked():
        ledger = read_ledger(directory.root / "vetting")
        batch = None if new or audit else ledger.open_batch()
        drawn = batch is None
        if batch is None:
            batch = new_batch(directory, ledger, settings.vetting, settings.seed, n, audit)
            ledger = read_ledger(directory.root / "vetting")
        key = ledger.keys[batch]
        folder = Path(out) if out else directory.root / "vetting" / batch
        aside = directory.root / ".partial" / f"vetting-{batch}"
        try:
            put(_write(directory, ledger, batch, aside), folder)
        except OSError as error:
            raise store_error(error, folder) from error
    answered = {entry.item for entry in ledger.entries}
    waiting = sum(item not in answered for item in key["ITEM"].to_pylist())
    return Batch(batch, folder, key.num_rows, waiting, drawn)


def vet_import(
    path: Path | str,
    run: Path | str,
    *,
    vetter: str | None = None,
    adjudicate: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
) -> int:
    """Take in the verdicts of a filled queue, and bring the run's claims up to date.

    The same file again changes nothing. A vetter's later verdict on an item replaces the earlier one; both are kept.

    Parameters
    ----------
    path : path
        A filled ``queue.csv``.
    run : path
        The run that asked.
    vetter : str, optional
        Who judged; the name of the login by default.
    adjudicate : bool
        These verdicts decide where vetters contradict each other.
    workers : int
        Worker processes.
    progress : Progress, optional
        Is told how far the run has come.

    Returns
    -------
    int
        Verdicts that were added.

    Raises
    ------
    DataError
        With file, line and reason, if a verdict cannot be taken in; then none of the file is.
    """
    answers = read_answers(Path(path))
    return vet_answers(answers, run, vetter=vetter, adjudicate=adjudicate, workers=workers, progress=progress)


def vet_answers(
    answers: Sequence[Answer],
    run: Path | str,
    *,
    vetter: str | None = None,
    adjudicate: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
) -> int:
    """As `vet_import`, of verdicts in memory."""
    directory, _ = _opened(run)
    who = (vetter or getpass.getuser()).strip()
    if not who:
        raise ConfigError("a verdict needs the name of who gave it (--vetter)")
    with directory.locked():
        folder = directory.root / "vetting"
        ledger = read_ledger(folder)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        added = new_entries(ledger, answers, who, now, settles=adjudicate)
        if added:
            with writing(folder / VERDICTS_NAME) as aside:
                aside.write_text(format_entries([*ledger.entries, *added]), encoding="utf-8")
    bring_up_to_date(None, run, workers=workers, progress=progress)
    return len(added)


def vet_status(run: Path | str) -> VetStatus:
    """Where the vetting of a run stands."""
    from oddqso.vetting.vetters import vetters

    directory, _ = _opened(run)
    ledger = read_ledger(directory.root / "vetting")
    settled = ledger.settled()
    return VetStatus(
        n_items=len(ledger.items()),
        n_judged=len(settled),
        open_batch=ledger.open_batch(),
        conflicts=tuple(ledger.conflicts()),
        vetters=tuple(vetters(ledger)),
        certificate=read_json(directory.stage("significance") / "certificate.json"),
        audits=_audits(directory, ledger, settled),
    )


def vet_oracle(
    run: Path | str,
    *,
    batch: str | None = None,
    miss: float = 0.0,
    false_alarm: float = 0.0,
    unsure: float = 0.0,
    out: Path | str | None = None,
) -> Path:
    """Fill the queue of a simulated survey from its truth, with errors; where the filled queue is.

    Parameters
    ----------
    batch : str, optional
        By default the open one.
    miss, false_alarm, unsure : float
        Rates of error.
    out : path, optional
        The file; by default ``oracle.csv`` beside the batch's queue.

    Raises
    ------
    DataError
        If the run's input has no truth table, or no batch is open.
    """
    from oddqso.reports.blind import queue_text
    from oddqso.simulation.truth import true_classes
    from oddqso.vetting.oracle import answer_key

    directory, settings = _opened(run)
    ledger = read_ledger(directory.root / "vetting")
    name = batch or ledger.open_batch()
    if name is None or name not in ledger.keys:
        known = ", ".join(ledger.keys) or "none"
        raise DataError(f"no batch {name or 'is open'} (there are: {known}); `oddqso vet export` draws one")
    record = directory.record() or {}
    truth_path = Path(record["input"]) / TRUTH
    if not truth_path.exists():
        raise DataError(f"{truth_path} does not exist: only a simulated survey has a truth for an oracle to know")
    key, catalog = ledger.keys[name], Run(directory.root).catalog().select(["TARGETID", "Z"])
    target_id = catalog["TARGETID"].to_numpy()
    classes = true_classes(target_id, catalog["Z"].to_numpy(), pq.read_table(truth_path))
    rng = Context(directory.root, directory.root, settings.seed, "oracle", name).rng()
    known_classes = dict(zip(target_id.tolist(), classes, strict=True))
    answers = answer_key(key, known_classes, rng, miss=miss, false_alarm=false_alarm, unsure=unsure)
    path = Path(out) if out else directory.root / "vetting" / name / "oracle.csv"
    with writing(path) as aside:
        text = queue_text([a.item for a in answers], [(a.verdict, a.z, a.comment) for a in answers])
        aside.write_text(text, encoding="utf-8")
    return path


def _write(directory: RunDirectory, ledger: Ledger, batch: str, aside: Path) -> Path:
    from oddqso.reports.blind import write_blind
    from oddqso.stages.batches import MEANINGS, items_of

    shutil.rmtree(aside, ignore_errors=True)
    key = ledger.keys[batch]
    words = [(verdict.value, meaning) for verdict, meaning in MEANINGS.items()]
    write_blind(aside, batch, key["ITEM"].to_pylist(), items_of(directory, key, batch), words)
    return aside


def _opened(run: Path | str) -> tuple[RunDirectory, Settings]:
    directory = RunDirectory(Path(run))
    record = directory.record()
    if record is None:
        raise ConfigError(f"{run} is no run: it has no run.json; make one with `oddqso run INPUT --run {run}`")
    waiting = [stage.name for stage in status(run) if stage.state != "complete"]
    if waiting and waiting[0] not in ("significance", "release", "report"):
        raise StageError(f"stage {waiting[0]} of {run} is not complete; run `oddqso run --run {run}` first")
    if directory.manifest("significance") is None:
        raise StageError(f"stage significance of {run} is not complete; run `oddqso run --run {run}` first")
    return directory, make_settings(record["settings"], "the settings in run.json")


def _audits(directory: RunDirectory, ledger: Ledger, settled: dict[str, Settled]) -> tuple[Audit, ...]:
    from oddqso.validation.audit import audit_bound

    certificate = read_json(directory.stage("significance") / "certificate.json")
    now = {tier["name"]: tier["n_listed"] for tier in certificate["tiers"]}
    audits = []
    for batch, key in ledger.keys.items():
        rows = [row for row in key.to_pylist() if row["KIND"] == "audit"]
        told = [settled[row["ITEM"]].verdict for row in rows if row["ITEM"] in settled]
        odd = [verdict.odd for verdict in told if verdict is not None]
        if odd:
            tier, n_list = rows[0]["TIER"], rows[0]["N_LIST"]
            bound = audit_bound(odd.count(False), len(odd), n_list)
            audits.append(Audit(batch, tier, bound, now.get(tier) == n_list))
    return tuple(audits)
