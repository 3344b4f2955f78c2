"""Gold items: objects of which a lead knows what they are."""

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from oddqso.errors import DataError
from oddqso.review.classes import check_class
from oddqso.review.store.audit import note
from oddqso.review.store.database import Database
from oddqso.review.store.records import GoldItem
from oddqso.review.store.tables import gold
from oddqso.review.store.text import checked_target_id
from oddqso.review.store.times import stamp


class Gold:
    """The part of the store that measures reviewers."""

    database: Database
    now: Callable[[], datetime]

    def set_gold(self, target_id: int, verdict: str, subtype: str | None, by: str) -> GoldItem:
        """Say what an object is; the caller has seen that a lead says so. Said again, the last holds."""
        checked_target_id(target_id)
        item = GoldItem(target_id, check_class(verdict, subtype).value, subtype, by, stamp(self.now()))
        values = {"verdict": item.verdict, "subtype": subtype, "by": by, "time": item.time}
        with self.database.writing() as connection:
            if connection.execute(gold.update().where(gold.c.target_id == target_id).values(**values)).rowcount == 0:
                connection.execute(gold.insert().values(target_id=target_id, **values))
            note(connection, self.now(), by, "set gold", f"{target_id}: {item.verdict} {subtype or ''}".strip())
        return item

    def remove_gold(self, target_id: int, by: str) -> None:
        """Take an item out.

        Raises
        ------
        DataError
            If it is none.
        """
        with self.database.writing() as connection:
            if connection.execute(gold.delete().where(gold.c.target_id == target_id)).rowcount == 0:
                raise DataError(f"{target_id} is no gold item")
            note(connection, self.now(), by, "remove gold", str(target_id))

    def gold(self) -> list[GoldItem]:
        """All items, by TARGETID."""
        with self.database.reading() as connection:
            return [
                GoldItem(**row) for row in connection.execute(sa.select(gold).order_by(gold.c.target_id)).mappings()
            ]
