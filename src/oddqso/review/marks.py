"""Marks: what the log of verdicts says of each object, kept in memory and brought up to date by new entries."""

from collections.abc import Collection
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from oddqso.review.source import RunSource
    from oddqso.review.store import Reviewer, Store

_OVERLAP: Final = 64
"""Entries that are read again: in a database with several writers a lower number may appear after a higher one."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a reviewer holds of an object now."""

    verdict: str
    flagged: bool


class Marks:
    """By object and reviewer, the verdict that holds; safe to use from several threads.

    Parameters
    ----------
    store : Store
    source : RunSource
    """

    def __init__(self, store: "Store", source: "RunSource") -> None:
        self._store, self._source = store, source
        self._held: dict[int, dict[str, Mark]] = {}
        self._seen = -1
        self._lock = Lock()
        self._disputed: tuple[int, frozenset[int]] = (-1, frozenset())

    def of(self, target_id: int) -> dict[str, Mark]:
        """What each reviewer holds of an object."""
        return self._up_to_date().get(target_id, {})

    def arrays(self, me: "Reviewer", names: Collection[str], *, own_flags: bool) -> dict[str, NDArray[np.bool_]]:
        """Marks by catalog row, each (n,) bool.

        Parameters
        ----------
        me : Reviewer
            Who asks.
        names : collection of str
            Of ``oddqso.review.queues.STATE_COLUMNS``: MINE, LABELED, OTHERS, FLAGGED, ASSIGNED, DISAGREE.
        own_flags : bool
            Whether only one's own flags count.
        """
        held = self._up_to_date().items() if {"MINE", "LABELED", "OTHERS", "FLAGGED"} & set(names) else ()
        made = {}
        for name in names:
            if name == "MINE":
                chosen = [target_id for target_id, by in held if me.name in by]
            elif name == "LABELED":
                chosen = [target_id for target_id, by in held if by]
            elif name == "OTHERS":
                chosen = [target_id for target_id, by in held if len(by) > (me.name in by)]
            elif name == "FLAGGED":
                chosen = [
                    target_id
                    for target_id, by in held
                    if any(mark.flagged and (not own_flags or who == me.name) for who, mark in by.items())
                ]
            elif name == "ASSIGNED":
                chosen = self._store.assigned(me.id)
            elif name == "DISAGREE":
                chosen = list(self._disputes())
            else:
                continue
            made[name] = self._rows(chosen)
        return made

    def _rows(self, target_ids: list[int]) -> NDArray[np.bool_]:
        marked = np.zeros(self._source.n, np.bool_)
        rows = self._source.rows_of(np.array(target_ids, np.int64))
        marked[rows[rows >= 0]] = True
        return marked

    def _up_to_date(self) -> dict[int, dict[str, Mark]]:
        last = self._store.last_id()
        with self._lock:
            if self._seen < 0:
                held: dict[int, dict[str, Mark]] = {}
                for row in self._store.current().select(["TARGETID", "REVIEWER", "VERDICT", "FLAGGED"]).to_pylist():
                    held.setdefault(row["TARGETID"], {})[row["REVIEWER"]] = Mark(row["VERDICT"], row["FLAGGED"])
                self._held, self._seen = held, last
            elif last > self._seen:
                since = max(0, self._seen - _OVERLAP)
                touched = {entry.target_id for entry in self._store.verdicts(since_id=since)}
                new = {target_id: self._current(target_id) for target_id in touched}
                self._held, self._seen = self._held | new, last  # another dict: readers keep the one they have
            return self._held

    def _current(self, target_id: int) -> dict[str, Mark]:
        rows = self._store.current(target_id=target_id).select(["REVIEWER", "VERDICT", "FLAGGED"]).to_pylist()
        return {row["REVIEWER"]: Mark(row["VERDICT"], row["FLAGGED"]) for row in rows}

    def _disputes(self) -> frozenset[int]:
        last = self._store.last_id()
        if self._disputed[0] != last:
            found = frozenset(label.target_id for label in self._store.labels() if label.state == "disputed")
            self._disputed = last, found
        return self._disputed[1]
