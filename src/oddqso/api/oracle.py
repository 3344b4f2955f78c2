"""Vetters that know the truth of a simulated survey, and err as often as they are told."""

from pathlib import Path

import pyarrow.parquet as pq

from oddqso.api.running import Run
from oddqso.api.vetting import opened_run
from oddqso.errors import DataError
from oddqso.runs.files import writing
from oddqso.runs.stage import Context
from oddqso.stages.report import TRUTH
from oddqso.vetting.ledger import read_ledger


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

    directory, settings = opened_run(run)
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
