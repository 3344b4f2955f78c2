"""Answers of the blind queue as they come in: each on disk before it is acknowledged, each once in the ledger.

``vetting/received.csv`` of a run is a line an answer: the CLIENT_ID that the page gave it, then the columns of the
ledger. Lines are added, never changed. The ledger itself is written under the run's lock; while another process holds
that, answers wait here, and whoever has the lock next takes them over.
"""

import csv
import fcntl
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final

from oddqso.errors import ConflictError, StageError, StoreError
from oddqso.runs.directory import RunDirectory
from oddqso.runs.files import store_error, writing
from oddqso.vetting.ledger import VERDICTS_NAME, Entry, Ledger, format_entries, parse_entries, read_ledger

RECEIVED_NAME: Final = "received.csv"


@dataclass(frozen=True, slots=True)
class Journal:
    """The answers that came in, in a run's folder ``vetting``; safe with several threads and processes."""

    folder: Path

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / RECEIVED_NAME

    def entries(self) -> dict[tuple[str, str], Entry]:
        """All answers in the order in which they came, by vetter and client_id."""
        return _parse(self.path.read_bytes(), self.path) if self.path.exists() else {}

    def add(self, client_id: str, entry: Entry) -> bool:
        """Keep an answer; False if it was kept before.

        Raises
        ------
        ConflictError
            If this vetter gave another answer the same ``client_id``.
        StoreError
            If it cannot be written.
        """
        with self._locked() as handle:
            handle.seek(0)
            content = handle.read()
            before = _parse(content, self.path).get((entry.vetter, client_id))
            if before is not None:
                if _said(before) != _said(entry):
                    raise ConflictError(f"client_id {client_id} was sent with another answer already; make a new UUID")
                return False
            whole = content.rfind(b"\n") + 1  # what a killed process left half written was never acknowledged
            handle.truncate(whole)
            handle.seek(whole)
            handle.write(_line(client_id, entry))
            handle.flush()
            os.fsync(handle.fileno())
        return True

    @contextmanager
    def _locked(self) -> Iterator[io.BufferedRandom]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.path.touch()
            with self.path.open("r+b") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield handle
        except OSError as error:
            raise store_error(error, self.path) from error


def with_received(ledger: Ledger, received: Iterable[Entry]) -> Ledger:
    """The ledger with the answers that it lacks at its end."""
    have = set(ledger.entries)
    missing = [entry for entry in received if entry not in have]
    return Ledger(ledger.keys, (*ledger.entries, *missing)) if missing else ledger


def whole_ledger(folder: Path) -> Ledger:
    """The ledger in a run's folder ``vetting``, with the answers that still wait for the run's lock."""
    return with_received(read_ledger(folder), Journal(folder).entries().values())


def take_over(directory: RunDirectory) -> int:
    """Write what came in into the ledger, and say how many answers that was; the caller holds the run's lock."""
    folder = directory.root / "vetting"
    ledger = read_ledger(folder)
    whole = whole_ledger(folder)
    n_new = len(whole.entries) - len(ledger.entries)
    if n_new:
        write_entries(folder, whole.entries)
    return n_new


def write_entries(folder: Path, entries: Sequence[Entry]) -> None:
    """Write the ledger's verdicts anew, all at once or not at all."""
    with writing(folder / VERDICTS_NAME) as aside:
        aside.write_text(format_entries(entries), encoding="utf-8")


def try_take_over(directory: RunDirectory) -> bool:
    """As `take_over`, if the run's lock is free; otherwise False, and nothing is lost."""
    try:
        with directory.locked():
            take_over(directory)
    except StageError:
        return False
    return True


def _said(entry: Entry) -> tuple[object, ...]:
    return entry.item, entry.verdict, entry.z, entry.comment, entry.settles


def _line(client_id: str, entry: Entry) -> bytes:
    sink = io.StringIO(newline="")
    csv.writer(sink, lineterminator="\n").writerow([client_id, *astuple(entry)])
    return sink.getvalue().encode("utf-8")


def _parse(content: bytes, path: Path) -> dict[tuple[str, str], Entry]:
    whole = content[: content.rfind(b"\n") + 1]
    try:
        rows = list(csv.reader(io.StringIO(whole.decode("utf-8"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise StoreError(f"{path} is damaged ({error}); restore it, or move it away") from error
    names = [row[0] if row else "" for row in rows]
    sink = io.StringIO(newline="")
    csv.writer(sink, lineterminator="\n").writerows(row[1:] for row in rows)
    head = format_entries([])
    entries = parse_entries(head + sink.getvalue(), str(path))
    return {(entry.vetter, name): entry for name, entry in zip(names, entries, strict=True)}
