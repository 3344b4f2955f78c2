"""The vetting desk: draws batches of the blind queue, shows their items, takes answers, and says what they certify.

Items bear names; what they are stands in keys that the desk keeps to itself. Answers go into the run's ledger, which
``oddqso vet`` reads and writes as well. What may be claimed is worked out from the run's scores, which no answer moves.
"""

import json
import logging
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Lock, Thread
from typing import Any, Final

import pyarrow as pa

from oddqso.errors import ConflictError, DataError, OddqsoError, StageError
from oddqso.reports.results import SpectrumView
from oddqso.review.desk_work import Certified, DeskWork, Update
from oddqso.review.journal import Journal, take_over, try_take_over, whole_ledger
from oddqso.review.payload import SpectrumPayload
from oddqso.runs.directory import RunDirectory
from oddqso.runs.files import read_json
from oddqso.vetting.ledger import VERDICTS_NAME, Entry, Ledger, Settled, labels_of, new_entries
from oddqso.vetting.verdicts import Answer

BLOCK: Final = 50
"""Items whose spectra are read together."""
KEPT_BLOCKS: Final = 8
STEP: Final = 5
"""Within a batch the certificate moves after so many items: after each it would tell what that item was."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Kept:
    """What was read or worked out, and of which state of the files it is."""

    ledger_state: Any = None
    ledger: Ledger = field(default_factory=lambda: Ledger({}, ()))
    scores_state: Any = None
    scores: Any = None
    certified: "OrderedDict[Any, Certified]" = field(default_factory=OrderedDict)


class Desk:
    """The blind queue of one run; safe with several threads, and beside other processes.

    Parameters
    ----------
    directory : RunDirectory
        The run.
    work : DeskWork
    """

    def __init__(self, directory: RunDirectory, work: DeskWork) -> None:
        self.directory, self.work, self.journal = directory, work, Journal(directory.root / "vetting")
        self.update = Update()
        self._kept, self._lock, self._writing = _Kept(), Lock(), Lock()
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="vetting")
        self._blocks: OrderedDict[tuple[str, int], Future[dict[str, bytes]]] = OrderedDict()
        self._updating: Thread | None = None

    def close(self) -> None:
        """End what works in the background; an update that runs is left to finish by the next one."""
        self._reader.shutdown(wait=False, cancel_futures=True)

    def ledger(self) -> Ledger:
        """All batches and all answers, those that wait for the run's lock included."""
        with self._lock:
            paths = (self.journal.folder / VERDICTS_NAME, self.journal.path, self.journal.folder / "keys")
            state = [(p.stat().st_mtime_ns, p.stat().st_size) if p.exists() else None for p in paths]
            if state != self._kept.ledger_state:
                self._kept.ledger = whole_ledger(self.journal.folder)
                self._kept.ledger_state = state
            return self._kept.ledger

    def batch(self) -> str | None:
        """The batch to look at: one with items that nobody answered, else the last one."""
        ledger = self.ledger()
        return ledger.open_batch() or next(reversed(ledger.keys), None)

    def items(self, vetter: str, batch: str) -> list[dict[str, Any]]:
        """Items of a batch in the order in which they are shown: name, one's own verdict, whether anybody answered."""
        ledger = self.ledger()
        if batch not in ledger.keys:
            raise DataError(f"there is no batch {batch!r:.40} (there are: {', '.join(ledger.keys) or 'none yet'})")
        mine = {e.item: e.verdict.value for e in ledger.entries if e.vetter == vetter and not e.settles}
        answered = {entry.item for entry in ledger.entries}
        names = ledger.keys[batch]["ITEM"].to_pylist()
        waiting = next((k for k, item in enumerate(names) if item not in mine), 0)
        self._block(batch, waiting // BLOCK)
        return [{"item": item, "mine": mine.get(item), "answered": item in answered} for item in names]

    def spectrum(self, item: str) -> bytes:
        """The spectrum of an item as JSON, without anything that tells which object it is.

        Raises
        ------
        DataError
            If there is no such item.
        """
        batch, place = self._place(item)
        found = self._block(batch, place // BLOCK)
        if found.done() and (place // BLOCK + 1) * BLOCK < self.ledger().keys[batch].num_rows:
            self._block(batch, place // BLOCK + 1)  # read while this one is looked at
        return found.result()[item]

    def answer(self, client_id: str, answer: Answer, vetter: str, *, settles: bool = False) -> bool:
        """Take an answer, exactly once; False if it was taken before.

        Raises
        ------
        DataError
            If there is no such item.
        ConflictError
            If ``client_id`` names another answer.
        """
        batch, _ = self._place(answer.item)
        answer = replace(answer, comment=" ".join(answer.comment.split()))  # an answer is a line of the ledger
        now = datetime.now(UTC).isoformat(timespec="microseconds")  # two answers of a second are two lines
        before = self.ledger()
        was_open = _waiting(before, batch)
        known = (vetter, client_id) in self.journal.entries()
        added = new_entries(before, [answer], vetter, now, settles=settles)
        if not added and not known:
            return False  # the same answer by the same vetter is in the ledger
        entry = added[0] if added else self.journal.entries()[vetter, client_id]
        new = self.journal.add(client_id, entry if added else _same(entry, answer, settles))
        with self._writing:
            try_take_over(self.directory)
        if new and was_open and not _waiting(self.ledger(), batch):
            self.bring_up_to_date()
        return new

    def certified(self, *, all_answers: bool = False) -> Certified:
        """What may be claimed now.

        Parameters
        ----------
        all_answers : bool
            Count the last answers of an open batch, too, rather than wait until `STEP` more items have one.
        """
        ledger = self.ledger()
        hold = not all_answers and ledger.open_batch() is not None
        return self._certified(ledger, _counted(ledger) if hold else len(ledger.entries))

    def is_current(self) -> bool:
        """Whether the run's own certificate is the one that all answers give."""
        path = self.directory.stage("significance") / "certificate.json"
        return path.exists() and read_json(path) == json.loads(json.dumps(self.certified(all_answers=True).certificate))

    def conflicts(self) -> list[tuple[str, Settled]]:
        """Items on which vetters contradict each other, each with its batch."""
        items = self.ledger().items()
        return [(str(items[told.entries[0].item]["BATCH"]), told) for told in self.ledger().conflicts()]

    def draw(self, n: int | None = None, audit: str | None = None) -> str:
        """Draw the next batch; its name.

        Raises
        ------
        ConflictError
            If a batch is open, or the run is in use or behind its answers.
        DataError
            If there is nothing left to ask.
        """
        ledger = self.ledger()
        open_batch = ledger.open_batch()
        if open_batch is not None:
            raise ConflictError(
                f"{open_batch} has {_waiting(ledger, open_batch):,} items that nobody judged; go on there"
            )
        if ledger.entries and not self.is_current():
            self.bring_up_to_date()
            raise ConflictError("the run is being brought up to date with the last answers; draw when that is done")
        try:
            with self._writing, self.directory.locked():
                take_over(self.directory)
                return self.work.draw(n, audit)
        except StageError as error:
            raise ConflictError(f"no batch can be drawn now: {error}") from error

    def bring_up_to_date(self) -> bool:
        """Begin to make significance, catalog and report anew, in the background; False if that is under way."""
        with self._lock:
            if self.update.state == "running":
                return False
            self.update = Update("running", began=datetime.now(UTC).isoformat(timespec="seconds"))
        self._updating = Thread(target=self._bring_up_to_date, name="vetting-update", daemon=True)
        self._updating.start()
        return True

    def wait(self, timeout_s: float) -> Update:
        """Wait for an update to end."""
        if self._updating is not None:
            self._updating.join(timeout_s)
        return self.update

    def _bring_up_to_date(self) -> None:
        began = self.update.began
        try:
            with self._writing, self.directory.locked():
                take_over(self.directory)
            self.work.update()
            self.update = Update("done", began=began)
        except OddqsoError as error:
            _log.error("the run could not be brought up to date: %s", error)
            self.update = Update("failed", str(error), began)
        except Exception:
            self.update = Update("failed", "unexpected; the server's log has the details", began)
            raise
        with self._writing:
            try_take_over(self.directory)

    def _certified(self, ledger: Ledger, n: int) -> Certified:
        from oddqso.significance.labels import Labels
        from oddqso.significance.running import certificate_of

        manifest = self.directory.manifest("significance") or {}
        with self._lock:
            if manifest.get("made") != self._kept.scores_state or self._kept.scores is None:
                self._kept.scores, self._kept.scores_state = self.work.scores(), manifest.get("made")
                self._kept.certified.clear()
            kept, key = self._kept.certified, (n, tuple(ledger.keys), ledger.entries[:n])
            if key not in kept:
                found = labels_of(Ledger(ledger.keys, ledger.entries[:n]))
                frozen, params = self._kept.scores
                made, tiers = frozen.claims(None if found is None else Labels(*found), params)
                kept[key] = Certified(made.sentence, certificate_of(made, tiers), n)
                while len(kept) > 4:
                    kept.popitem(last=False)
            return kept[key]

    def _place(self, item: str) -> tuple[str, int]:
        ledger = self.ledger()
        for batch, key in ledger.keys.items():
            names = key["ITEM"].to_pylist()
            if item in names:
                return batch, names.index(item)
        raise DataError(f"item {item!r:.40} stands in no queue of this run")

    def _block(self, batch: str, block: int) -> "Future[dict[str, bytes]]":
        key = self.ledger().keys[batch].slice(block * BLOCK, BLOCK)
        with self._lock:
            found = self._blocks.get((batch, block))
            if found is None or (found.done() and (found.cancelled() or found.exception() is not None)):
                found = self._blocks[batch, block] = self._reader.submit(self._read, key, batch)
                while len(self._blocks) > KEPT_BLOCKS:
                    self._blocks.popitem(last=False)
            self._blocks.move_to_end((batch, block))
            return found

    def _read(self, key: pa.Table, batch: str) -> dict[str, bytes]:
        names = key["ITEM"].to_pylist()
        views = self.work.views(key, batch) if names else iter(())
        return {item: _blind(item, view) for item, view in zip(names, views, strict=True)}


def _blind(item: str, view: SpectrumView) -> bytes:
    payload = SpectrumPayload.of(view).as_json()
    shown = {"item": item} | {name: value for name, value in payload.items() if name not in ("target_id", "peaks")}
    return json.dumps(shown | {"peaks": []}, separators=(",", ":")).encode()


def _counted(ledger: Ledger) -> int:
    """Answers that count while a batch is open: up to the last one that made the items with an answer whole `STEP`.

    Answers are not what is counted: with `STEP` of them on one item somebody would see what it is.
    """
    seen: set[str] = set()
    counted = 0
    for k, entry in enumerate(ledger.entries, start=1):
        if entry.item not in seen:
            seen.add(entry.item)
            counted = counted if len(seen) % STEP else k
    return counted


def _waiting(ledger: Ledger, batch: str) -> int:
    answered = {entry.item for entry in ledger.entries}
    return sum(item not in answered for item in ledger.keys[batch]["ITEM"].to_pylist())


def _same(entry: Entry, said: Answer, settles: bool) -> Entry:
    """The entry as this answer would make it: the journal sees whether it is the same."""
    return replace(entry, item=said.item, verdict=said.verdict, z=said.z, comment=said.comment, settles=settles)
