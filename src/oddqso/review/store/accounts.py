"""Accounts: reviewers, their passwords and their tokens."""

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from oddqso.errors import ConflictError, DataError
from oddqso.review.store.audit import note
from oddqso.review.store.database import Database
from oddqso.review.store.records import ApiToken, Reviewer, Role
from oddqso.review.store.tables import api_tokens, reviewers, sessions
from oddqso.review.store.text import checked_text, checked_word
from oddqso.review.store.times import stamp

SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 256
COMMAND_LINE = "command line"
"""Who did it, where no account did."""

_HASHER = PasswordHasher()


class Accounts:
    """The part of the store that knows who reviews."""

    database: Database
    now: Callable[[], datetime]

    def add_reviewer(
        self, name: str, role: Role | str = Role.REVIEWER, password: str | None = None, by: str = COMMAND_LINE
    ) -> Reviewer:
        """Make an account; without a password nobody can log in to it, and tokens still work.

        Raises
        ------
        DataError
            For a name, role or password that cannot be used.
        ConflictError
            If the name is taken, in whatever case.
        """
        name, role = checked_word(name, "the name"), _role(role)
        hashed = None if password is None else _hashed(password)
        with self.database.writing() as connection:
            if _row(connection, reviewers.c.name_key == name.casefold()) is not None:
                raise ConflictError(f"there is a reviewer {name} already; choose another name")
            row = {"name": name, "name_key": name.casefold(), "role": role, "password": hashed, "disabled": False}
            connection.execute(reviewers.insert().values(created=stamp(self.now()), **row))
            note(connection, self.now(), by, "add reviewer", f"{name} ({role})")
            return _reviewer(_row(connection, reviewers.c.name_key == name.casefold()))

    def ensure_local_reviewer(self, name: str) -> Reviewer:
        """The lead of a laptop, without a password: made if it is not there.

        Raises
        ------
        DataError
            If the account is disabled.
        """
        found = self.reviewer(name)
        if found is None:
            try:
                return self.add_reviewer(name, Role.LEAD)
            except ConflictError:  # another process was faster
                return self.ensure_local_reviewer(name)
        if found.disabled:
            raise DataError(f"the account {found.name} is disabled; enable it, or choose another name")
        return found

    def reviewers(self) -> list[Reviewer]:
        """All accounts, by name."""
        with self.database.reading() as connection:
            rows = connection.execute(sa.select(reviewers).order_by(reviewers.c.name_key))
            return [_reviewer(row) for row in rows]

    def reviewer(self, name: str) -> Reviewer | None:
        """An account by name, whatever its case."""
        with self.database.reading() as connection:
            row = _row(connection, reviewers.c.name_key == checked_word(name, "the name").casefold())
            return None if row is None else _reviewer(row)

    def set_password(self, reviewer_id: int, password: str, by: str = COMMAND_LINE) -> None:
        """Change the password, and end all sessions of that reviewer."""
        hashed = _hashed(password)
        with self.database.writing() as connection:
            found = _known(connection, reviewer_id)
            connection.execute(reviewers.update().where(reviewers.c.id == reviewer_id).values(password=hashed))
            connection.execute(sessions.delete().where(sessions.c.reviewer_id == reviewer_id))
            note(connection, self.now(), by, "set password", found.name)

    def set_role(self, reviewer_id: int, role: Role | str, by: str = COMMAND_LINE) -> None:
        """Make a reviewer a lead, or a lead a reviewer."""
        role = _role(role)
        with self.database.writing() as connection:
            found = _known(connection, reviewer_id)
            connection.execute(reviewers.update().where(reviewers.c.id == reviewer_id).values(role=role.value))
            note(connection, self.now(), by, "set role", f"{found.name} ({role})")

    def disable(self, reviewer_id: int, disabled: bool = True, by: str = COMMAND_LINE) -> None:
        """Shut an account, and end its sessions; its verdicts stay. Or open it again."""
        with self.database.writing() as connection:
            found = _known(connection, reviewer_id)
            connection.execute(reviewers.update().where(reviewers.c.id == reviewer_id).values(disabled=disabled))
            connection.execute(sessions.delete().where(sessions.c.reviewer_id == reviewer_id))
            note(connection, self.now(), by, "disable" if disabled else "enable", found.name)

    def check_password(self, name: str, password: str) -> Reviewer | None:
        """The reviewer whose password it is; takes as long for a name that nobody has."""
        try:
            key = checked_word(name, "the name").casefold()
            given = checked_text(password, "the password", LONGEST_PASSWORD)
        except DataError:
            key, given = "", ""
        with self.database.reading() as connection:
            row = _row(connection, reviewers.c.name_key == key) if key else None
        hashed = None if row is None or row.disabled else row.password
        try:
            right = _HASHER.verify(hashed or _hash_of_nobody(), given) and hashed is not None
        except (Argon2Error, InvalidHashError):
            return None
        return _reviewer(row) if right else None

    def api_token(self, reviewer_id: int, name: str, by: str = COMMAND_LINE) -> str:
        """A new token for the programming interface: shown once, kept as a hash."""
        name, token = checked_word(name, "the token's name"), f"oddqso_{secrets.token_urlsafe(32)}"
        with self.database.writing() as connection:
            found = _known(connection, reviewer_id)
            row = {"reviewer_id": reviewer_id, "name": name, "token_hash": hash_token(token), "revoked": False}
            connection.execute(api_tokens.insert().values(created=stamp(self.now()), **row))
            note(connection, self.now(), by, "add token", f"{found.name}: {name}")
        return token

    def api_tokens(self, reviewer_id: int | None = None) -> list[ApiToken]:
        """Tokens, without what they are."""
        query = (
            sa.select(
                api_tokens.c.id, reviewers.c.name.label("reviewer"), api_tokens.c.name, api_tokens.c.created,
                api_tokens.c.revoked,
            )
            .join(reviewers, reviewers.c.id == api_tokens.c.reviewer_id)
            .order_by(api_tokens.c.id)
        )  # fmt: skip
        if reviewer_id is not None:
            query = query.where(api_tokens.c.reviewer_id == reviewer_id)
        with self.database.reading() as connection:
            return [ApiToken(**row) for row in connection.execute(query).mappings()]

    def revoke_token(self, token_id: int, by: str = COMMAND_LINE) -> None:
        """Make a token worthless.

        Raises
        ------
        DataError
            If there is no such token.
        """
        with self.database.writing() as connection:
            found = connection.execute(sa.select(api_tokens.c.name).where(api_tokens.c.id == token_id)).scalar()
            if found is None:
                raise DataError(f"there is no token {token_id}")
            connection.execute(api_tokens.update().where(api_tokens.c.id == token_id).values(revoked=True))
            note(connection, self.now(), by, "revoke token", f"{token_id}: {found}")

    def reviewer_of_token(self, token: str) -> Reviewer | None:
        """Whose token it is, if that one may still do something."""
        query = (
            sa.select(reviewers)
            .join(api_tokens, api_tokens.c.reviewer_id == reviewers.c.id)
            .where(api_tokens.c.token_hash == hash_token(token), ~api_tokens.c.revoked, ~reviewers.c.disabled)
        )
        with self.database.reading() as connection:
            row = connection.execute(query).first()
            return None if row is None else _reviewer(row)


def hash_token(token: str) -> str:
    """What is kept of a token: it has 256 random bits, so a plain hash will do."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def _role(role: str) -> Role:
    try:
        return Role(role)
    except ValueError:
        raise DataError(f"{role!r:.80} is no role; write one of {', '.join(Role)}") from None


def _hashed(password: str) -> str:
    checked_text(password, "the password", LONGEST_PASSWORD)
    if len(password) < SHORTEST_PASSWORD:
        raise DataError(f"the password is too short; take at least {SHORTEST_PASSWORD} characters")
    return _HASHER.hash(password)


@cache
def _hash_of_nobody() -> str:
    """A hash to compare with where there is none, so that an answer tells nothing by its time."""
    return _HASHER.hash(secrets.token_urlsafe(32))


def _row(connection: sa.Connection, where: sa.ColumnElement[bool]) -> Any:
    return connection.execute(sa.select(reviewers).where(where)).first()


def _known(connection: sa.Connection, reviewer_id: int) -> Any:
    row = _row(connection, reviewers.c.id == reviewer_id)
    if row is None:
        raise DataError(f"there is no reviewer {reviewer_id}")
    return row


def _reviewer(row: Any) -> Reviewer:
    return Reviewer(row.id, row.name, Role(row.role), row.password is not None, bool(row.disabled))
