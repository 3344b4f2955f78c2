"""The store as a whole, and how it is opened."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from oddqso.errors import OddqsoError
from oddqso.review.store.accounts import Accounts
from oddqso.review.store.assignments import Assignments
from oddqso.review.store.audit import Audit
from oddqso.review.store.backup import Backup
from oddqso.review.store.database import Database, connect
from oddqso.review.store.filters import Filters
from oddqso.review.store.gold import Gold
from oddqso.review.store.opening import bring_up_to_date, check, make_file
from oddqso.review.store.sessions import Sessions
from oddqso.review.store.times import utc_now
from oddqso.review.store.verdicts import Verdicts


@dataclass(frozen=True)
class Store(Verdicts, Accounts, Sessions, Filters, Assignments, Gold, Audit, Backup):
    """What people said, kept for good; safe to use from several threads, and from several processes.

    Each process opens its own (`open_store`).

    Parameters
    ----------
    database : Database
    now : callable
        The clock.
    """

    database: Database
    now: Callable[[], datetime] = utc_now

    def close(self) -> None:
        """Let go of all connections."""
        self.database.engine.dispose()


def open_store(url: str | Path, now: Callable[[], datetime] = utc_now) -> Store:
    """A store by path (SQLite) or URL (``postgresql+psycopg://USER@HOST/NAME``), made or brought up to date.

    Raises
    ------
    ConfigError
        If the URL names no database for reviews.
    StoreError
        If the database cannot be reached, is damaged, is something else, or was written by a newer oddqso.

    Examples
    --------
    >>> import tempfile
    >>> from oddqso.review.store import NewVerdict
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = open_store(Path(folder) / "review.sqlite")
    ...     ada = store.add_reviewer("ada")
    ...     said = NewVerdict(client_id="0b6f4c1e-7f3c", target_id=39627, verdict="ORDINARY")
    ...     stored, new = store.add_verdict(ada.id, said)
    ...     again = store.add_verdict(ada.id, said) == (stored, False)
    ...     store.close()
    >>> new, again, stored.reviewer, stored.verdict
    (True, True, 'ada', 'ORDINARY')
    """
    database = connect(url)
    try:
        make_file(database)
        check(database)
        bring_up_to_date(database)
    except OddqsoError:
        database.engine.dispose()
        raise
    return Store(database, now)
