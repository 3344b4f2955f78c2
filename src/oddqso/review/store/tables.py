"""The tables and views, as the newest migration leaves them; ``migrations/`` makes them."""

import sqlalchemy as sa

metadata = sa.MetaData()
views = sa.MetaData()

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""SQLite counts only in columns that are called INTEGER; they hold 64 bits all the same."""


def _id() -> sa.Column[int]:
    return sa.Column("id", _ID, sa.Identity(), primary_key=True)


def _reviewer(name: str = "reviewer_id") -> sa.Column[int]:
    return sa.Column(name, _ID, sa.ForeignKey("reviewers.id"), nullable=False)


def _text(name: str, *, unique: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, unique=unique)


def _bool(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False)


reviewers = sa.Table(
    "reviewers", metadata,
    _id(), _text("name"), _text("name_key", unique=True), _text("role"), sa.Column("password", sa.Text),
    _bool("disabled"), _text("created"),
    sqlite_autoincrement=True,
)  # fmt: skip

sessions = sa.Table(
    "sessions", metadata,
    sa.Column("token_hash", sa.Text, primary_key=True), _reviewer(), _text("expires"), _text("seen"),
    sa.Column("idle_seconds", sa.Double),
    sa.Index("sessions_of_reviewer", "reviewer_id"),
)  # fmt: skip

api_tokens = sa.Table(
    "api_tokens", metadata,
    _id(), _reviewer(), _text("name"), _text("token_hash", unique=True), _text("created"), _bool("revoked"),
    sqlite_autoincrement=True,
)  # fmt: skip

attempts = sa.Table(
    "attempts", metadata,
    _id(), _text("name_hash"), _text("address"), _text("time"),
    sa.Index("attempts_by_name", "name_hash", "time"), sa.Index("attempts_by_address", "address", "time"),
    sa.Index("attempts_by_time", "time"),
    sqlite_autoincrement=True,
)  # fmt: skip

verdicts = sa.Table(
    "verdicts", metadata,
    _id(), _text("client_id"), _reviewer(), _text("time"),
    sa.Column("target_id", sa.BigInteger, nullable=False),
    _text("verdict"), sa.Column("subtype", sa.Text), sa.Column("interest", sa.Integer),
    sa.Column("confidence", sa.Integer), sa.Column("z", sa.Double), _text("comment"), _text("tags"), _bool("flagged"),
    _text("queue"), sa.Column("seconds", sa.Double),
    sa.Column("undoes", _ID, sa.ForeignKey("verdicts.id"), unique=True), _bool("settles"),
    sa.UniqueConstraint("reviewer_id", "client_id"),
    sa.Index("verdicts_of_object", "target_id", "reviewer_id"),
    sqlite_autoincrement=True,
)  # fmt: skip
"""Append-only: triggers refuse UPDATE and DELETE."""

filters = sa.Table(
    "filters", metadata,
    _id(), _reviewer("owner_id"), _text("name"), _text("spec"), _bool("shared"), _text("time"),
    sa.UniqueConstraint("owner_id", "name"),
    sqlite_autoincrement=True,
)  # fmt: skip

assignments = sa.Table(
    "assignments", metadata,
    sa.Column("target_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("reviewer_id", _ID, sa.ForeignKey("reviewers.id"), primary_key=True),
    sa.Column("queue", sa.Text, primary_key=True),
    _text("by"), _text("time"),
    sa.Index("assignments_of_reviewer", "reviewer_id"),
)  # fmt: skip

gold = sa.Table(
    "gold", metadata,
    sa.Column("target_id", sa.BigInteger, primary_key=True, autoincrement=False),
    _text("verdict"), sa.Column("subtype", sa.Text), _text("by"), _text("time"),
)  # fmt: skip

audit = sa.Table(
    "audit", metadata,
    _id(), _text("time"), _text("by"), _text("action"), _text("subject"),
    sqlite_autoincrement=True,
)  # fmt: skip
"""Append-only, as the verdicts."""

standing_verdicts = sa.Table(
    "standing_verdicts", views, *(sa.Column(column.name, column.type) for column in verdicts.columns)
)
"""View: verdicts that are not undone, without the undoings themselves."""

current_verdicts = sa.Table(
    "current_verdicts", views, *(sa.Column(column.name, column.type) for column in verdicts.columns)
)
"""View: of each reviewer and object the last standing verdict that settles nothing."""

labels = sa.Table(
    "labels", views,
    *(sa.Column(name, kind) for name, kind in (
        ("target_id", sa.BigInteger), ("verdict", sa.Text), ("subtype", sa.Text), ("interest", sa.Double),
        ("z", sa.Double), ("n_reviewers", sa.Integer), ("state", sa.Text),
    )),
)  # fmt: skip
"""View: what is held of each object, all reviewers together."""
