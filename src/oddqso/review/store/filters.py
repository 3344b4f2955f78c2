"""Filters that reviewers saved."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from oddqso.errors import DataError
from oddqso.review.store.accounts import _known
from oddqso.review.store.database import Database
from oddqso.review.store.records import SavedFilter
from oddqso.review.store.tables import filters, reviewers
from oddqso.review.store.text import checked_json, checked_word
from oddqso.review.store.times import stamp


class Filters:
    """The part of the store that keeps filters."""

    database: Database
    now: Callable[[], datetime]

    def save_filter(self, owner_id: int, name: str, spec: dict[str, Any], shared: bool = False) -> SavedFilter:
        """Keep a filter; one of the same owner and name is replaced."""
        name, text = checked_word(name, "the filter's name"), checked_json(spec, "the filter")
        mine = (filters.c.owner_id == owner_id) & (filters.c.name == name)
        row = {"spec": text, "shared": shared, "time": stamp(self.now())}
        with self.database.writing() as connection:
            _known(connection, owner_id)
            if connection.execute(filters.update().where(mine).values(**row)).rowcount == 0:
                connection.execute(filters.insert().values(owner_id=owner_id, name=name, **row))
            return _saved(connection.execute(_filters().where(mine)).one())

    def filters(self, reviewer_id: int) -> list[SavedFilter]:
        """One's own filters and those that are shared, by name."""
        seen = (filters.c.owner_id == reviewer_id) | filters.c.shared
        with self.database.reading() as connection:
            rows = connection.execute(_filters().where(seen).order_by(filters.c.name, filters.c.id))
            return [_saved(row) for row in rows]

    def delete_filter(self, owner_id: int, filter_id: int) -> None:
        """Drop one's own filter.

        Raises
        ------
        DataError
            If one has no such filter.
        """
        mine = (filters.c.owner_id == owner_id) & (filters.c.id == filter_id)
        with self.database.writing() as connection:
            if connection.execute(filters.delete().where(mine)).rowcount == 0:
                raise DataError(f"you have no filter {filter_id}")


def _filters() -> sa.Select[Any]:
    return sa.select(filters, reviewers.c.name.label("owner")).join(reviewers, reviewers.c.id == filters.c.owner_id)


def _saved(row: Any) -> SavedFilter:
    return SavedFilter(row.id, row.owner, row.name, json.loads(row.spec), bool(row.shared), row.time)
