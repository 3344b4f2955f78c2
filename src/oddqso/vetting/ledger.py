"""The ledger of verdicts: what was asked, what everybody answered, and what that settles.

In the folder ``vetting`` of a run::

    verdicts.csv           every answer ever given, in order; lines are added, never changed
    keys/{batch}.parquet   what the items of a batch are; whoever has seen a key is no longer blind
    {batch}/               the blind export of a batch
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from oddqso.errors import DataError, StoreError
from oddqso.shares import upper_limit
from oddqso.vetting.verdicts import Answer, Verdict

VERDICTS_NAME: Final = "verdicts.csv"
KEYS_NAME: Final = "keys"
KEY_SCHEMA: Final = pa.schema([
    ("ITEM", pa.string()), ("TARGETID", pa.int64()), ("KIND", pa.string()), ("CLASS", pa.string()),
    ("AMPLITUDE", pa.float64()), ("SCORE", pa.float64()), ("GROUP", pa.string()), ("TIER", pa.string()),
    ("N_LIST", pa.int32()),
])  # fmt: skip
"""KIND is ``calibration``, ``audit``, ``planted`` or ``ordinary``. Of an audit, TIER is the list that was sampled and
N_LIST its length at that time."""

UNMEASURED: Final = 0.999
"""The rate of false alarms that is allowed for where no control was judged: practically nothing can be claimed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the ledger.

    Parameters
    ----------
    batch, item : str
        What was judged.
    verdict : Verdict
    vetter : str
        Who said so.
    time : str
        When it was written down (UTC, ISO 8601).
    z, comment : str
        As given.
    settles : bool
        Whether it decides between vetters who contradict each other.
    """

    batch: str
    item: str
    verdict: Verdict
    vetter: str
    time: str
    z: str = ""
    comment: str = ""
    settles: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """What the answers to one item come to.

    Parameters
    ----------
    verdict : Verdict or None
        None if vetters contradict each other on whether it is odd: somebody has to settle it.
    entries : tuple of Entry
        The last answer of each vetter, or the one that settles it.
    """

    verdict: Verdict | None
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Ledger:
    """All batches and all answers of a run.

    Parameters
    ----------
    keys : dict of str to pa.Table
        The key of each batch, by name (`KEY_SCHEMA`).
    entries : tuple of Entry
        In the order in which they were written.
    """

    keys: dict[str, pa.Table]
    entries: tuple[Entry, ...]

    def items(self) -> dict[str, dict[str, object]]:
        """Every item's row of its key, with its BATCH."""
        return {row["ITEM"]: row | {"BATCH": batch} for batch, key in self.keys.items() for row in key.to_pylist()}

    def settled(self) -> dict[str, Settled]:
        """What was settled, by item; items without an answer are left out."""
        by_item: dict[str, list[Entry]] = {}
        for entry in self.entries:
            by_item.setdefault(entry.item, []).append(entry)
        return {item: settle(entries) for item, entries in by_item.items()}

    def open_batch(self) -> str | None:
        """The first batch with items that nobody answered; None if there is none."""
        answered = {entry.item for entry in self.entries}
        for batch, key in self.keys.items():
            if not set(key["ITEM"].to_pylist()) <= answered:
                return batch
        return None

    def conflicts(self) -> list[Settled]:
        """Items on which vetters contradict each other."""
        return [told for told in self.settled().values() if told.verdict is None]


def settle(entries: Sequence[Entry]) -> Settled:
    """What several answers to one item come to.

    The last answer of each vetter counts; one that settles a contradiction counts alone, until another does. Between
    verdicts that agree on odd or not odd the last one names the kind. UNSURE leaves the word to others.

    Examples
    --------
    >>> first = Entry("batch-001", "001-AAAA", Verdict.ANOMALY, "ada", "2026-01-01T00:00:00")
    >>> other = Entry("batch-001", "001-AAAA", Verdict.ORDINARY, "ben", "2026-01-02T00:00:00")
    >>> settle([first]).verdict, settle([first, other]).verdict
    (<Verdict.ANOMALY: 'ANOMALY'>, None)
    """
    deciding = [entry for entry in entries if entry.settles]
    if deciding:
        return Settled(deciding[-1].verdict, (deciding[-1],))
    last = tuple({entry.vetter: entry for entry in entries}.values())
    sure = sorted((entry for entry in last if entry.verdict is not Verdict.UNSURE), key=lambda entry: entry.time)
    if not sure:
        return Settled(Verdict.UNSURE, last)
    agreed = len({entry.verdict.odd for entry in sure}) == 1
    return Settled(sure[-1].verdict if agreed else None, last)


def new_entries(
    ledger: Ledger, answers: Iterable[Answer], vetter: str, time: str, *, settles: bool = False
) -> list[Entry]:
    """The answers as lines to add; those that this vetter has given before are left out.

    Raises
    ------
    DataError
        If an item stands in no queue of this run.
    """
    items = ledger.items()
    before = {(e.item, e.vetter, e.settles): e for e in ledger.entries}
    added = []
    for answer in answers:
        if answer.item not in items:
            known = ", ".join(ledger.keys) or "none yet"
            raise DataError(f"item {answer.item} stands in no queue of this run (its batches: {known})")
        entry = Entry(
            str(items[answer.item]["BATCH"]),
            answer.item,
            answer.verdict,
            vetter,
            time,
            answer.z,
            answer.comment,
            settles,
        )
        old = before.get((answer.item, vetter, settles))
        if old is None or (old.verdict, old.z, old.comment) != (entry.verdict, entry.z, entry.comment):
            added.append(entry)
    return added


def read_ledger(folder: Path) -> Ledger:
    """The ledger in a run's folder ``vetting``; an empty one where nothing was asked yet.

    Raises
    ------
    StoreError
        If a key or the verdicts are damaged.
    """
    keys = {}
    for path in sorted((folder / KEYS_NAME).glob("*.parquet")):
        try:
            keys[path.stem] = pq.read_table(path, schema=KEY_SCHEMA)
        except (pa.ArrowInvalid, OSError, KeyError) as error:
            raise StoreError(
                f"the key {path} is damaged ({error}); restore it, its batch cannot be read without"
            ) from error
    path = folder / VERDICTS_NAME
    return Ledger(keys, parse_entries(path.read_text(encoding="utf-8"), str(path)) if path.exists() else ())


def parse_entries(text: str, where: str) -> tuple[Entry, ...]:
    """The lines of ``verdicts.csv``."""
    rows = list(csv.reader(io.StringIO(text, newline="")))
    if not rows or rows[0] != _HEAD:
        raise StoreError(f"{where} is damaged: its first line is not {','.join(_HEAD)}; restore it")
    entries = []
    for number, row in enumerate(rows[1:], start=2):
        try:
            batch, item, verdict, vetter, time, z, comment, settles = row
            entries.append(Entry(batch, item, Verdict(verdict), vetter, time, z, comment, settles == "True"))
        except ValueError as error:
            raise StoreError(f"{where}, line {number} is damaged ({error}); restore it") from error
    return tuple(entries)


def format_entries(entries: Iterable[Entry]) -> str:
    """The text of ``verdicts.csv``.

    Examples
    --------
    >>> entry = Entry("batch-001", "001-AAAA", Verdict.ANOMALY, "ada", "2026-01-01T00:00:00+00:00", comment="a, b")
    >>> parse_entries(format_entries([entry]), "here") == (entry,)
    True
    """
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(_HEAD)
    writer.writerows(map(astuple, entries))
    return sink.getvalue()


def read_labels(folder: Path) -> tuple[NDArray[np.int64], NDArray[np.bool_], float] | None:
    """What the vetting says of CALIBRATION spectra.

    Returns
    -------
    target_id : (n,) int64
        CALIBRATION spectra whose verdict is settled, ascending.
    odd : (n,) bool
        Whether it is odd.
    false_alarm : float
        95 % upper limit (Clopper-Pearson) of the share of ordinary spectra that are called odd, from the settled
        verdicts on known-ordinary controls. Without controls nothing is known: `UNMEASURED`.

    None if no CALIBRATION spectrum is settled.
    """
    return labels_of(read_ledger(folder))


def labels_of(ledger: Ledger) -> tuple[NDArray[np.int64], NDArray[np.bool_], float] | None:
    """As `read_labels`, of a ledger in memory."""
    items, settled = ledger.items(), ledger.settled()
    decided = {item: told.verdict for item, told in settled.items() if told.verdict is not None}
    rows = sorted(
        (int(str(items[i]["TARGETID"])), v.odd) for i, v in decided.items() if items[i]["KIND"] == "calibration"
    )
    if not rows:
        return None
    controls = [v.odd for i, v in decided.items() if items[i]["KIND"] == "ordinary"]
    target_id, odd = (np.array(column) for column in zip(*rows, strict=True))
    return target_id.astype(np.int64), odd.astype(bool), min(upper_limit(sum(controls), len(controls)), UNMEASURED)


def ledger_state(folder: Path) -> str:
    """A hash of what `read_labels` gives: it changes when a verdict that matters does."""
    labels = read_labels(folder)
    if labels is None:
        return ""
    target_id, odd, false_alarm = labels
    return hashlib.sha256(target_id.tobytes() + odd.tobytes() + repr(false_alarm).encode()).hexdigest()


_HEAD: Final = [f.name.upper() for f in fields(Entry)]
