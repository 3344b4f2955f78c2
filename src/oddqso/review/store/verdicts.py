"""The log of verdicts: it only grows; what holds now is read from it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from oddqso.errors import ConflictError, DataError
from oddqso.review.store.audit import note
from oddqso.review.store.database import Database
from oddqso.review.store.records import Counts, Label, NewVerdict, StoredVerdict
from oddqso.review.store.tables import current_verdicts, labels, reviewers, standing_verdicts, verdicts
from oddqso.review.store.text import MAX_INT64, checked_client_id, checked_int, checked_target_id
from oddqso.review.store.times import stamp

CURRENT_SCHEMA = pa.schema(
    {
        "ID": pa.int64(), "TARGETID": pa.int64(), "REVIEWER": pa.string(), "TIME": pa.string(),
        "VERDICT": pa.string(), "SUBTYPE": pa.string(), "INTEREST": pa.int8(), "CONFIDENCE": pa.int8(),
        "Z": pa.float64(), "COMMENT": pa.string(), "TAGS": pa.list_(pa.string()), "FLAGGED": pa.bool_(),
        "QUEUE": pa.string(), "SECONDS": pa.float64(),
    }
)  # fmt: skip
"""Columns of `Verdicts.current`."""

MOST_UNDOINGS = 20
"""How often one verdict can be taken back and brought back: who reads it goes through them all."""

_UNDOING = verdicts.alias("undoing")


class Verdicts:
    """The part of the store that holds verdicts."""

    database: Database
    now: Callable[[], datetime]

    def add_verdict(self, reviewer_id: int, verdict: NewVerdict, settles: bool = False) -> tuple[StoredVerdict, bool]:
        """Append a verdict, exactly once.

        Parameters
        ----------
        reviewer_id : int
        verdict : NewVerdict
        settles : bool
            Whether it decides a disagreement; the caller has seen that the reviewer is a lead.

        Returns
        -------
        stored : StoredVerdict
        new : bool
            False if the same entry (by ``client_id``) was there already.

        Raises
        ------
        ConflictError
            If another entry of this reviewer has that ``client_id``.
        DataError
            If there is no such reviewer, or the account is disabled.
        """
        values = asdict(verdict) | {"tags": json.dumps(verdict.tags, ensure_ascii=False), "settles": settles}
        with self.database.writing() as connection:
            self._check_reviewer(connection, reviewer_id)
            stored, new = self._append(connection, reviewer_id, values)
            if new and settles:
                said = f"{verdict.target_id}: {verdict.verdict}"
                note(connection, self.now(), stored.reviewer, "settle", said)
            return stored, new

    def undo(self, reviewer_id: int, verdict_id: int, client_id: str) -> StoredVerdict:
        """Append an entry that takes one's own entry back; undoing that one brings it back.

        Raises
        ------
        ConflictError
            If the entry is undone already, went back and forth `MOST_UNDOINGS` times, or ``client_id`` names another
            entry.
        DataError
            If there is no such entry, or it is somebody else's.
        """
        checked_client_id(client_id)
        with self.database.writing() as connection:
            self._check_reviewer(connection, reviewer_id)
            entry = connection.execute(sa.select(verdicts).where(verdicts.c.id == verdict_id)).mappings().first()
            if entry is None:
                raise DataError(f"there is no entry {verdict_id}; it cannot be undone")
            if entry["reviewer_id"] != reviewer_id:
                raise DataError(f"entry {verdict_id} is somebody else's; only one's own can be undone")
            if _depth(connection, entry) >= MOST_UNDOINGS:
                raise ConflictError(f"entry {verdict_id} went back and forth {MOST_UNDOINGS} times; give a new verdict")
            values = {name: entry[name] for name in ("target_id", "verdict", "subtype", "settles")} | {
                "client_id": client_id, "interest": None, "confidence": None, "z": None, "comment": "", "tags": "[]",
                "flagged": False, "queue": "", "seconds": None, "undoes": verdict_id,
            }  # fmt: skip
            same = verdicts.c.undoes == verdict_id
            earlier = connection.execute(sa.select(verdicts.c.client_id).where(same)).scalar()
            if earlier is not None and earlier != client_id:
                raise ConflictError(f"entry {verdict_id} is undone already")
            return self._append(connection, reviewer_id, values)[0]

    def verdicts(
        self,
        target_id: int | None = None,
        reviewer: str | None = None,
        since_id: int = 0,
        limit: int | None = None,
    ) -> list[StoredVerdict]:
        """Entries of the log, undone ones and undoings included, the oldest first.

        Parameters
        ----------
        target_id : int, optional
            Only those on an object.
        reviewer : str, optional
            Only those of a reviewer, by name.
        since_id : int
            Only those after an entry.
        limit : int, optional
            At most so many.

        Raises
        ------
        DataError
            For a number that is no id or no limit.
        """
        checked_int(since_id, "since_id", 0, MAX_INT64)
        if limit is not None:
            checked_int(limit, "limit", 0, MAX_INT64)
        query = _entries().where(verdicts.c.id > since_id).order_by(verdicts.c.id).limit(limit)
        if target_id is not None:
            query = query.where(verdicts.c.target_id == checked_target_id(target_id))
        if reviewer is not None:
            query = query.where(reviewers.c.name_key == reviewer.casefold())
        with self.database.reading() as connection:
            rows = connection.execute(query).mappings().all()
            undone = _undone(connection, [row["id"] for row in rows if row["touched"]])
        return [_stored(row, row["id"] in undone) for row in rows]

    def current(self, reviewer: str | None = None, target_id: int | None = None) -> pa.Table:
        """What each reviewer holds of each object now: the last verdict that is not undone.

        Settlements are no reviewer's own verdict, and left out.

        Returns
        -------
        pa.Table
            `CURRENT_SCHEMA`, by TARGETID and then in the order of time.
        """
        return self._table(current_verdicts, reviewer, target_id)

    def first_verdicts(self, reviewer: str | None = None, *, taken_back: bool = False) -> pa.Table:
        """As `current`, but the *first* verdict that stands: in a blind review, given before others' were shown.

        Parameters
        ----------
        reviewer : str, optional
            Only those of a reviewer, by name.
        taken_back : bool
            Of who holds a verdict now, the first one even if it was taken back since: the next was not given blind.
        """
        view = verdicts if taken_back else standing_verdicts
        order = sa.func.row_number().over(partition_by=(view.c.reviewer_id, view.c.target_id), order_by=view.c.id)
        placed = sa.select(view, order.label("place")).where(~view.c.settles, view.c.undoes.is_(None)).subquery()
        first = sa.select(placed).where(placed.c.place == 1)
        if taken_back:
            stands = standing_verdicts.alias()
            held = sa.select(stands.c.reviewer_id, stands.c.target_id).where(~stands.c.settles)
            first = first.where(sa.tuple_(placed.c.reviewer_id, placed.c.target_id).in_(held))
        return self._table(first.subquery(), reviewer, None)

    def _table(self, view: sa.FromClause, reviewer: str | None, target_id: int | None) -> pa.Table:
        named = {"TARGETID": view.c.target_id, "REVIEWER": reviewers.c.name}
        query = (
            sa.select(*(named[name] if name in named else view.c[name.lower()] for name in CURRENT_SCHEMA.names))
            .join(reviewers, reviewers.c.id == view.c.reviewer_id)
            .order_by(view.c.target_id, view.c.id)
        )
        if reviewer is not None:
            query = query.where(reviewers.c.name_key == reviewer.casefold())
        if target_id is not None:
            query = query.where(view.c.target_id == target_id)
        with self.database.reading() as connection:
            rows = connection.execute(query).all()
        columns = dict(zip(CURRENT_SCHEMA.names, zip(*rows, strict=True), strict=True)) if rows else {}
        columns["TAGS"] = tuple([] if tags == "[]" else json.loads(tags) for tags in columns.get("TAGS", ()))
        return pa.table({name: columns.get(name, ()) for name in CURRENT_SCHEMA.names}, schema=CURRENT_SCHEMA)

    def labels(self, target_id: int | None = None) -> list[Label]:
        """What is held of each object with a verdict, all reviewers together, by TARGETID.

        A lead's settlement decides; else those who are not UNSURE, if they say the same.
        """
        query = sa.select(labels).order_by(labels.c.target_id)
        if target_id is not None:
            query = query.where(labels.c.target_id == target_id)
        with self.database.reading() as connection:
            return [
                Label(**{**row, "interest": None if row["interest"] is None else float(row["interest"])})
                for row in connection.execute(query).mappings()
            ]

    def counts(self) -> Counts:
        """How much there is."""
        view = current_verdicts
        of_reviewer = (
            sa.select(reviewers.c.name, sa.func.count())
            .join(reviewers, reviewers.c.id == view.c.reviewer_id)
            .select_from(view)
            .group_by(reviewers.c.name)
        )
        with self.database.reading() as connection:
            n_entries, last_id = connection.execute(sa.select(sa.func.count(), sa.func.max(verdicts.c.id))).one()
            n_objects = connection.execute(sa.select(sa.func.count(view.c.target_id.distinct()))).scalar_one()
            by_verdict = connection.execute(sa.select(view.c.verdict, sa.func.count()).group_by(view.c.verdict))
            words = {str(row[0]): int(row[1]) for row in by_verdict}
            people = {str(row[0]): int(row[1]) for row in connection.execute(of_reviewer)}
        return Counts(n_entries, n_objects, last_id or 0, words, people)

    def last_id(self) -> int:
        """The last entry of the log, 0 if it is empty: as long as it stays, all labels stay."""
        with self.database.reading() as connection:
            return connection.execute(sa.select(sa.func.max(verdicts.c.id))).scalar() or 0

    def _append(
        self, connection: sa.Connection, reviewer_id: int, values: Mapping[str, Any]
    ) -> tuple[StoredVerdict, bool]:
        mine = (verdicts.c.reviewer_id == reviewer_id) & (verdicts.c.client_id == values["client_id"])
        before = connection.execute(_entries().where(mine)).mappings().first()
        if before is None:
            row = {"reviewer_id": reviewer_id, "time": stamp(self.now())} | dict(values)
            connection.execute(verdicts.insert().values(**row))
            after = connection.execute(_entries().where(mine)).mappings().one()
            return _stored(after, False), True
        other = [name for name, value in values.items() if before[name] != value]
        if other or before["undoes"] != values.get("undoes"):
            raise ConflictError(
                f"entry {before['id']} was sent with client_id {values['client_id']} already, and differs in "
                f"{', '.join(other) or 'undoes'}; send a new one with a new UUID"
            )
        return _stored(before, before["id"] in _undone(connection, [before["id"]])), False

    @staticmethod
    def _check_reviewer(connection: sa.Connection, reviewer_id: int) -> None:
        query = sa.select(reviewers.c.name, reviewers.c.disabled).where(reviewers.c.id == reviewer_id)
        found = connection.execute(query).first()
        if found is None:
            raise DataError(f"there is no reviewer {reviewer_id}")
        if found.disabled:
            raise DataError(f"the account {found.name} is disabled; a lead can enable it")


def _entries() -> sa.Select[Any]:
    """Entries, the name of who made them, and whether another entry undoes them."""
    touched = sa.exists().where(_UNDOING.c.undoes == verdicts.c.id).label("touched")
    return sa.select(verdicts, reviewers.c.name.label("reviewer"), touched).join(
        reviewers, reviewers.c.id == verdicts.c.reviewer_id
    )


def _depth(connection: sa.Connection, entry: Mapping[Any, Any]) -> int:
    """How many undoings lie between an entry and the verdict that they are about, itself included."""
    depth, undoes = 0, entry["undoes"]
    while undoes is not None:
        depth += 1
        undoes = connection.execute(sa.select(verdicts.c.undoes).where(verdicts.c.id == undoes)).scalar()
    return depth


def _undone(connection: sa.Connection, ids: list[int]) -> set[int]:
    """Those of the entries that are undone by an entry that stands."""
    undone = set()
    for first in ids:
        entry: int | None = first
        length = -1
        while entry is not None:
            length += 1
            entry = connection.execute(sa.select(verdicts.c.id).where(verdicts.c.undoes == entry)).scalar()
        if length % 2:
            undone.add(first)
    return undone


def _stored(row: Mapping[Any, Any], undone: bool) -> StoredVerdict:
    values = {name: value for name, value in row.items() if name not in ("reviewer_id", "touched")}
    return StoredVerdict(**values | {"tags": tuple(json.loads(row["tags"])), "undone": undone})
