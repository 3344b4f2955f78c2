"""Verdicts taken in from a file: every row is checked before the first is stored, and all are stored or none."""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from oddqso.errors import ConflictError, DataError
from oddqso.review.exchange import Format, read_table, standing
from oddqso.review.inspection import inspected
from oddqso.review.store.many import add_many
from oddqso.review.store.records import NewVerdict, Role
from oddqso.review.store.store import Store
from oddqso.review.store.text import checked_word

_SHOWN: Final = 5
_SPACE: Final = uuid.UUID("5f1c2f0e-6f0b-5d5c-9c59-3d0c2f4e8a11")
_CONTENT: Final = (
    "target_id", "verdict", "subtype", "interest", "confidence", "z", "comment", "tags", "flagged",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file: rows, those that were new, and accounts that were made (nobody signs in with them)."""

    n_rows: int
    n_new: int
    made: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    where: str
    reviewer: str
    verdict: NewVerdict
    settles: bool
    named: bool


def import_verdicts(
    store: Store,
    content: bytes,
    format: Format,
    *,
    known: Callable[[int], object],
    reviewer: str | None,
    by: str,
    only_own: bool = False,
) -> Imported:
    """Take in a file of verdicts; the same file again adds nothing.

    Parameters
    ----------
    content : bytes
        The file.
    known : callable
        Raises `DataError` for a TARGETID that the run does not have.
    reviewer : str, optional
        In whose name rows without a REVIEWER are.
    by : str
        Who brings the file.
    only_own : bool
        Whether rows in another name than ``by``, and settlements, are refused.

    Raises
    ------
    DataError
        With line and reason of the first bad rows; nothing is taken in.
    ConflictError
        If an entry is known by its CLIENT_ID and says something else.
    """
    rows, problems = [], []
    for where, values in read_table(content, format):
        try:
            row = _checked(where, values, format, known, reviewer)
            if only_own and (row.reviewer.casefold() != by.casefold() or row.settles):
                raise DataError(f"it is in the name of {row.reviewer}; only a lead brings what others said, or settles")
            rows.append(row)
        except DataError as error:
            problems.append(f"{where}: {error}")
    if problems:
        more = f"; and {len(problems) - _SHOWN:,} more" if len(problems) > _SHOWN else ""
        raise DataError(f"nothing was taken in. {'; '.join(problems[:_SHOWN])}{more}")
    if not rows:
        raise DataError("the file holds no verdict")
    return _store(store, rows, by)


def _store(store: Store, rows: list[_Row], by: str) -> Imported:
    people = {one.name.casefold(): one for one in store.reviewers()}
    for row in rows:
        one = people.get(row.reviewer.casefold())
        if row.settles and (one is None or one.role is not Role.LEAD):
            raise DataError(f"nothing was taken in. {row.where}: {row.reviewer} settles, but is no lead here")
        if one is not None and one.disabled:
            raise DataError(f"nothing was taken in. {row.where}: the account {one.name} is disabled")
    now = {(e.reviewer.casefold(), e.target_id, e.settles): e for e in standing(store.verdicts())}

    def says_so(row: _Row) -> bool:
        """Whether this is what that reviewer holds anyway: a file without CLIENT_ID names no entries."""
        held = None if row.named else now.get((row.reviewer.casefold(), row.verdict.target_id, row.settles))
        return held is not None and all(getattr(held, name) == getattr(row.verdict, name) for name in _CONTENT)

    wanted = [row for row in rows if not says_so(row)]
    made = tuple(dict.fromkeys(row.reviewer for row in wanted if row.reviewer.casefold() not in people))
    for name in made:
        one = store.reviewer(name) or store.add_reviewer(name, Role.REVIEWER, None, by=by)
        people[name.casefold()] = one
    sent = [(people[row.reviewer.casefold()].id, row.verdict, row.settles) for row in wanted]
    try:
        return Imported(len(rows), add_many(store, sent, by), made)
    except ConflictError as error:
        raise ConflictError(f"nothing was taken in: {error}") from error


def _checked(
    where: str, values: Mapping[str, Any], format: Format, known: Callable[[int], object], reviewer: str | None
) -> _Row:
    said = dict(inspected(values) if format is Format.DESI_VI else values)
    missing = [name for name in ("TARGETID", "VERDICT") if name not in said]
    if missing:
        raise DataError(f"there is no column {missing[0]} (there are: {', '.join(map(str, list(said)[:20]))})")
    name = said.get("REVIEWER") or reviewer
    if not name:
        raise DataError("it has no REVIEWER; say in whose name it is")
    who = checked_word(str(name).strip(), "REVIEWER")
    target_id = _integer(said["TARGETID"], "TARGETID")
    known(int(target_id or 0))
    given = said.get("CLIENT_ID")
    content: dict[str, Any] = {
        "target_id": target_id, "verdict": str(said["VERDICT"] or "").strip().upper(), "subtype": said.get("SUBTYPE"),
        "interest": _integer(said.get("INTEREST"), "INTEREST"),
        "confidence": _integer(said.get("CONFIDENCE"), "CONFIDENCE"), "z": _number(said.get("Z"), "Z"),
        "comment": said.get("COMMENT") or "", "tags": _tags(said.get("TAGS")),
        "flagged": _truth(said.get("FLAGGED"), "FLAGGED"), "queue": said.get("QUEUE") or "",
        "seconds": _number(said.get("SECONDS"), "SECONDS"),
    }  # fmt: skip
    settles = _truth(said.get("SETTLES"), "SETTLES")
    named = json.dumps([who.casefold(), content, settles, str(said.get("TIME") or "")], sort_keys=True)
    verdict = NewVerdict(client_id=str(given or uuid.uuid5(_SPACE, named)), **content)
    return _Row(where, who, verdict, settles, bool(given))


def _integer(value: Any, name: str) -> int | None:
    if value is None and name != "TARGETID":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = str(value).strip()
    digits = text.removeprefix("-")
    if isinstance(value, str) and digits.isascii() and digits.isdecimal() and len(digits) < 20:
        return int(text)
    why = "; a float or a rounded number cannot name an object" if name == "TARGETID" else ""
    raise DataError(f"{name} {text!r:.40} is no integer{why}")


def _number(value: Any, name: str) -> float | None:
    if value is None or value == "":
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise DataError(f"{name} {value!r:.40} is no number") from None


def _truth(value: Any, name: str) -> bool:
    words = {"true": True, "1": True, "t": True, "false": False, "0": False, "f": False, "none": False, "": False}
    found = words.get(str(value).strip().lower())
    if found is None:
        raise DataError(f"{name} {value!r:.40} is neither true nor false")
    return found


def _tags(value: Any) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except (json.JSONDecodeError, RecursionError):
        raise DataError(f"TAGS {value!r:.40} is no JSON list") from None
    if not isinstance(found, list) or not all(isinstance(tag, str) for tag in found):
        raise DataError(f"TAGS {value!r:.40} is no list of words")
    return tuple(found)
