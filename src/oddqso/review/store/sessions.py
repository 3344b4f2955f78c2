"""Sessions of the browser, and attempts to log in."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from oddqso.review.store.accounts import _known, _reviewer, hash_token
from oddqso.review.store.database import Database
from oddqso.review.store.records import Reviewer
from oddqso.review.store.tables import attempts, reviewers, sessions
from oddqso.review.store.times import stamp

_SEEN_EVERY = timedelta(minutes=1)
_REMEMBER_ATTEMPTS = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Attempts:
    """How often somebody tried to log in lately, by name and by address."""

    by_name: int
    by_address: int


class Sessions:
    """The part of the store that knows who is logged in."""

    database: Database
    now: Callable[[], datetime]

    def open_session(self, reviewer_id: int, lifetime: timedelta, idle: timedelta | None = None) -> tuple[str, str]:
        """A new session.

        Parameters
        ----------
        reviewer_id : int
        lifetime : timedelta
            It ends after that, whatever happens.
        idle : timedelta, optional
            It ends when nothing was asked for so long.

        Returns
        -------
        token : str
            For the cookie; only its hash is kept.
        csrf : str
            For the header of requests that change something; made from the token, and not kept.
        """
        token, now = secrets.token_urlsafe(32), self.now()
        with self.database.writing() as connection:
            _known(connection, reviewer_id)
            connection.execute(sessions.delete().where(sessions.c.expires <= stamp(now)))
            connection.execute(
                sessions.insert().values(
                    token_hash=hash_token(token), reviewer_id=reviewer_id, expires=stamp(now + lifetime),
                    seen=stamp(now), idle_seconds=None if idle is None else idle.total_seconds(),
                )
            )  # fmt: skip
        return token, csrf_of(token)

    def session(self, token: str) -> tuple[Reviewer, str] | None:
        """Who is logged in with a token, and what its CSRF word is; None if nobody is."""
        now, hashed = self.now(), hash_token(token)
        query = (
            sa.select(reviewers, sessions.c.seen, sessions.c.idle_seconds)
            .join(sessions, sessions.c.reviewer_id == reviewers.c.id)
            .where(sessions.c.token_hash == hashed, sessions.c.expires > stamp(now), ~reviewers.c.disabled)
        )
        with self.database.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        if row.idle_seconds is not None and row.seen < stamp(now - timedelta(seconds=row.idle_seconds)):
            return None
        if row.seen < stamp(now - _SEEN_EVERY):
            with self.database.writing() as connection:
                connection.execute(sessions.update().where(sessions.c.token_hash == hashed).values(seen=stamp(now)))
        return _reviewer(row), csrf_of(token)

    def close_session(self, token: str) -> None:
        """End a session."""
        with self.database.writing() as connection:
            connection.execute(sessions.delete().where(sessions.c.token_hash == hash_token(token)))

    def close_sessions_of(self, reviewer_id: int) -> None:
        """End all sessions of a reviewer."""
        with self.database.writing() as connection:
            connection.execute(sessions.delete().where(sessions.c.reviewer_id == reviewer_id))

    def note_attempt(self, name: str, address: str, window: timedelta) -> Attempts:
        """Count an attempt to log in, *before* the password is checked; counts of the window, this one included.

        Counted first, a hundred attempts at once are a hundred.
        """
        now = self.now()
        with self.database.writing() as connection:
            connection.execute(attempts.delete().where(attempts.c.time < stamp(now - _REMEMBER_ATTEMPTS)))
            row = {"name_hash": _name_hash(name), "address": _address(address), "time": stamp(now)}
            connection.execute(attempts.insert().values(**row))
            return _attempts(connection, name, address, now - window)

    def login_attempts(self, name: str, address: str, window: timedelta) -> Attempts:
        """How often it was tried with this name, and from this address, in a window that ends now."""
        with self.database.reading() as connection:
            return _attempts(connection, name, address, self.now() - window)

    def forget_attempts(self, name: str, address: str) -> None:
        """After a login that went well: forget the attempts with this name from this address."""
        mine = (attempts.c.name_hash == _name_hash(name)) & (attempts.c.address == _address(address))
        with self.database.writing() as connection:
            connection.execute(attempts.delete().where(mine))


def csrf_of(token: str) -> str:
    """The CSRF word of a session: who has the token can make it, who sees it cannot make the token."""
    return hmac.new(token.encode(errors="replace"), b"oddqso csrf", hashlib.sha256).hexdigest()


def _attempts(connection: sa.Connection, name: str, address: str, since: datetime) -> Attempts:
    def count(where: sa.ColumnElement[bool]) -> int:
        query = sa.select(sa.func.count()).select_from(attempts).where(where, attempts.c.time > stamp(since))
        return connection.execute(query).scalar_one()

    return Attempts(count(attempts.c.name_hash == _name_hash(name)), count(attempts.c.address == _address(address)))


def _name_hash(name: str) -> str:
    """Of the name only a hash is kept: people type passwords into it."""
    return hashlib.sha256(name.strip().casefold().encode(errors="replace")).hexdigest()


def _address(address: str) -> str:
    return address.encode("ascii", errors="replace").decode()[:64].replace("\0", "?")
