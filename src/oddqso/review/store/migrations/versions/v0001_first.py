"""The first schema: accounts, verdicts, filters, assignments, gold items, audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")

STANDING = """
CREATE VIEW standing_verdicts AS
SELECT v.* FROM verdicts v WHERE +v.undoes IS NULL AND (
  NOT EXISTS (SELECT 1 FROM verdicts u WHERE u.undoes = v.id) OR (
    WITH RECURSIVE chain(id) AS (
      SELECT u.id FROM verdicts u WHERE u.undoes = v.id
      UNION ALL SELECT u.id FROM verdicts u JOIN chain ON u.undoes = chain.id
    ) SELECT count(*) FROM chain) % 2 = 0)
"""
"""Each entry is undone at most once, so what undoes what is a chain: a verdict stands if its length is even.

The plus keeps the index on ``undoes`` out of it: nearly all rows are null there, and SQLite would go through them once
for each row of `CURRENT`.
"""

CURRENT = """
CREATE VIEW current_verdicts AS
SELECT s.* FROM standing_verdicts s WHERE NOT s.settles AND NOT EXISTS (
  SELECT 1 FROM standing_verdicts l
  WHERE l.target_id = s.target_id AND l.reviewer_id = s.reviewer_id AND l.id > s.id AND NOT l.settles)
"""

LABELS = """
CREATE VIEW labels AS
WITH held AS (
  SELECT id, target_id, verdict, subtype, interest, z, settles FROM current_verdicts
  UNION ALL
  SELECT id, target_id, verdict, subtype, interest, z, settles FROM standing_verdicts s
  WHERE s.settles AND NOT EXISTS (
    SELECT 1 FROM standing_verdicts l WHERE l.target_id = s.target_id AND l.id > s.id AND l.settles)
), told AS (
  SELECT target_id,
    count(*) FILTER (WHERE settles) AS n_settled,
    max(verdict) FILTER (WHERE settles) AS settled_verdict,
    max(subtype) FILTER (WHERE settles) AS settled_subtype,
    max(z) FILTER (WHERE settles) AS settled_z,
    count(*) FILTER (WHERE NOT settles) AS n_reviewers,
    avg(interest) FILTER (WHERE NOT settles) AS interest,
    count(*) FILTER (WHERE NOT settles AND verdict <> 'UNSURE') AS n_sure,
    count(DISTINCT verdict) FILTER (WHERE NOT settles AND verdict <> 'UNSURE') AS n_words,
    max(verdict) FILTER (WHERE NOT settles AND verdict <> 'UNSURE') AS word,
    count(DISTINCT subtype) FILTER (WHERE NOT settles AND verdict <> 'UNSURE') AS n_subtypes,
    max(subtype) FILTER (WHERE NOT settles AND verdict <> 'UNSURE') AS subtype,
    max(id) FILTER (WHERE NOT settles AND z IS NOT NULL) AS with_z
  FROM held GROUP BY target_id
)
SELECT t.target_id,
  CASE WHEN n_settled > 0 THEN settled_verdict WHEN n_words < 2 THEN coalesce(word, 'UNSURE') END AS verdict,
  CASE WHEN n_settled > 0 THEN settled_subtype WHEN n_words = 1 AND n_subtypes = 1 THEN t.subtype END AS subtype,
  t.interest, coalesce(settled_z, v.z) AS z, n_reviewers,
  CASE WHEN n_settled > 0 THEN 'settled' WHEN n_words > 1 THEN 'disputed' WHEN n_sure > 1 THEN 'agreed' ELSE 'single'
    END AS state
FROM told t LEFT JOIN verdicts v ON v.id = t.with_z
"""
"""At most one row of an object settles it, so its maxima are that row's values."""

SQLITE_GUARD = """
CREATE TRIGGER {table}_no_{action} BEFORE {action} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} are append-only: no {action}'); END
"""

SQLITE_REPLACE_GUARD = """
CREATE TRIGGER verdicts_no_replace BEFORE INSERT ON verdicts
WHEN EXISTS (SELECT 1 FROM verdicts WHERE id = NEW.id OR (reviewer_id = NEW.reviewer_id AND client_id = NEW.client_id))
BEGIN SELECT RAISE(ABORT, 'verdicts are append-only: no replace'); END
"""
"""INSERT OR REPLACE deletes without asking the trigger for DELETE."""

POSTGRES_REFUSAL = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% are append-only: no %', TG_TABLE_NAME, TG_OP; END $$
"""

POSTGRES_GUARD = """
CREATE TRIGGER {table}_no_{action} BEFORE {action} ON {table} FOR EACH {each} EXECUTE FUNCTION refuse_change()
"""


def upgrade() -> None:
    """Make everything."""
    _accounts()
    _verdicts()
    _arrangements()
    for view in (STANDING, CURRENT, LABELS):
        op.execute(sa.text(view))
    if op.get_context().dialect.name == "sqlite":
        for table in ("verdicts", "audit"):
            for action in ("update", "delete"):
                op.execute(sa.text(SQLITE_GUARD.format(table=table, action=action)))
        op.execute(sa.text(SQLITE_REPLACE_GUARD))
        return
    op.execute(sa.text(POSTGRES_REFUSAL))
    for table in ("verdicts", "audit"):
        for action, each in (("update", "ROW"), ("delete", "ROW"), ("truncate", "STATEMENT")):
            op.execute(sa.text(POSTGRES_GUARD.format(table=table, action=action, each=each)))


def _id() -> sa.Column[int]:
    return sa.Column("id", _ID, sa.Identity(), primary_key=True)


def _reviewer(name: str = "reviewer_id") -> sa.Column[int]:
    return sa.Column(name, _ID, sa.ForeignKey("reviewers.id"), nullable=False)


def _text(name: str, *, unique: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, unique=unique)


def _bool(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False)


def _accounts() -> None:
    op.create_table(
        "reviewers",
        _id(), _text("name"), _text("name_key", unique=True), _text("role"), sa.Column("password", sa.Text),
        _bool("disabled"), _text("created"),
        sqlite_autoincrement=True,
    )  # fmt: skip
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.Text, primary_key=True), _reviewer(), _text("expires"), _text("seen"),
        sa.Column("idle_seconds", sa.Double),
    )  # fmt: skip
    op.create_index("sessions_of_reviewer", "sessions", ["reviewer_id"])
    op.create_table(
        "api_tokens",
        _id(), _reviewer(), _text("name"), _text("token_hash", unique=True), _text("created"), _bool("revoked"),
        sqlite_autoincrement=True,
    )  # fmt: skip
    op.create_table("attempts", _id(), _text("name_hash"), _text("address"), _text("time"), sqlite_autoincrement=True)
    op.create_index("attempts_by_name", "attempts", ["name_hash", "time"])
    op.create_index("attempts_by_address", "attempts", ["address", "time"])
    op.create_index("attempts_by_time", "attempts", ["time"])


def _verdicts() -> None:
    op.create_table(
        "verdicts",
        _id(), _text("client_id"), _reviewer(), _text("time"),
        sa.Column("target_id", sa.BigInteger, nullable=False),
        _text("verdict"), sa.Column("subtype", sa.Text), sa.Column("interest", sa.Integer),
        sa.Column("confidence", sa.Integer), sa.Column("z", sa.Double), _text("comment"), _text("tags"),
        _bool("flagged"), _text("queue"), sa.Column("seconds", sa.Double),
        sa.Column("undoes", _ID, sa.ForeignKey("verdicts.id"), unique=True), _bool("settles"),
        sa.UniqueConstraint("reviewer_id", "client_id"),
        sqlite_autoincrement=True,
    )  # fmt: skip
    op.create_index("verdicts_of_object", "verdicts", ["target_id", "reviewer_id"])
    op.create_table(
        "audit", _id(), _text("time"), _text("by"), _text("action"), _text("subject"), sqlite_autoincrement=True
    )


def _arrangements() -> None:
    op.create_table(
        "filters",
        _id(), _reviewer("owner_id"), _text("name"), _text("spec"), _bool("shared"), _text("time"),
        sa.UniqueConstraint("owner_id", "name"),
        sqlite_autoincrement=True,
    )  # fmt: skip
    op.create_table(
        "assignments",
        sa.Column("target_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("reviewer_id", _ID, sa.ForeignKey("reviewers.id"), primary_key=True),
        sa.Column("queue", sa.Text, primary_key=True),
        _text("by"), _text("time"),
    )  # fmt: skip
    op.create_index("assignments_of_reviewer", "assignments", ["reviewer_id"])
    op.create_table(
        "gold",
        sa.Column("target_id", sa.BigInteger, primary_key=True, autoincrement=False),
        _text("verdict"), sa.Column("subtype", sa.Text), _text("by"), _text("time"),
    )  # fmt: skip
