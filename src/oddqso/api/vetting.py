"""The blind queue: draw it, take in verdicts, say where the vetting stands."""

import getpass
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oddqso.api.running import run as bring_up_to_date
from oddqso.api.running import status
from oddqso.config import Settings, make_settings
from oddqso.errors import ConfigError, StageError
from oddqso.runs.directory import RunDirectory
from oddqso.runs.files import read_json, store_error
from oddqso.runs.progress import Progress
from oddqso.vetting.ledger import Ledger, Settled, new_entries, read_ledger
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
    from oddqso.review.journal import take_over
    from oddqso.stages.batches import new_batch, put

    directory, settings = opened_run(run)
    with directory.locked():
        take_over(directory)
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
    from oddqso.review.journal import take_over, write_entries

    directory, _ = opened_run(run)
    who = (vetter or getpass.getuser()).strip()
    if not who:
        raise ConfigError("a verdict needs the name of who gave it (--vetter)")
    with directory.locked():
        take_over(directory)
        folder = directory.root / "vetting"
        ledger = read_ledger(folder)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        added = new_entries(ledger, answers, who, now, settles=adjudicate)
        if added:
            write_entries(folder, [*ledger.entries, *added])
    bring_up_to_date(None, run, workers=workers, progress=progress)
    return len(added)


def vet_status(run: Path | str) -> VetStatus:
    """Where the vetting of a run stands."""
    from oddqso.review.journal import whole_ledger
    from oddqso.vetting.vetters import vetters

    directory, _ = opened_run(run)
    ledger = whole_ledger(directory.root / "vetting")
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


def _write(directory: RunDirectory, ledger: Ledger, batch: str, aside: Path) -> Path:
    from oddqso.reports.blind import write_blind
    from oddqso.stages.batches import MEANINGS, items_of

    shutil.rmtree(aside, ignore_errors=True)
    key = ledger.keys[batch]
    words = [(verdict.value, meaning) for verdict, meaning in MEANINGS.items()]
    write_blind(aside, batch, key["ITEM"].to_pylist(), items_of(directory, key, batch), words)
    return aside


def opened_run(run: Path | str) -> tuple[RunDirectory, Settings]:
    """A run that can be vetted, and its settings.

    Raises
    ------
    ConfigError
        If the folder is no run.
    StageError
        If its significance is not complete.
    """
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
