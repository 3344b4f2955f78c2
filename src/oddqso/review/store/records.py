"""What is put into the store, and what comes out of it: frozen records. Times are UTC, in ISO 8601."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from oddqso.errors import DataError
from oddqso.review.classes import check_class
from oddqso.review.store.text import (
    LONGEST_COMMENT,
    LONGEST_WORD,
    MOST_TAGS,
    checked_client_id,
    checked_float,
    checked_int,
    checked_target_id,
    checked_text,
    checked_word,
)


class Role(StrEnum):
    """What a reviewer may do."""

    REVIEWER = "reviewer"
    """Give verdicts."""
    LEAD = "lead"
    """Also: accounts, assignments, gold items, settling."""


@dataclass(frozen=True, slots=True)
class Reviewer:
    """An account.

    Parameters
    ----------
    id : int
    name : str
        Unique, whatever its case.
    role : Role
    has_password : bool
    disabled : bool
    """

    id: int
    name: str
    role: Role
    has_password: bool
    disabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgment:
    """What a reviewer says of an object.

    Parameters
    ----------
    client_id : str
        The name that the page gave to this entry, a UUID: the same one again is the same entry.
    target_id : int
        TARGETID, int64.
    verdict : str
        A `oddqso.vetting.verdicts.Verdict`.
    subtype : str or None
        As in `oddqso.review.classes`.
    interest : int or None
        0 (dull) to 5.
    confidence : int or None
        1 (a guess) to 3.
    z : float or None
        A corrected redshift.
    comment : str
        At most 4000 characters.
    tags : tuple of str
        At most 32, each of at most 64 characters.
    flagged : bool
        Whether somebody should come back to it.
    queue : str
        Where it was met.
    seconds : float or None
        For how long it was looked at.
    """

    client_id: str
    target_id: int
    verdict: str
    subtype: str | None = None
    interest: int | None = None
    confidence: int | None = None
    z: float | None = None
    comment: str = ""
    tags: tuple[str, ...] = ()
    flagged: bool = False
    queue: str = ""
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVerdict(Judgment):
    """A judgment to be stored; checked when made.

    Raises
    ------
    DataError
        With the field, and what it may be.

    Examples
    --------
    >>> NewVerdict(client_id="0b6f4c1e-7f3c", target_id=39627, verdict="ANOMALY", subtype="felobal").tags
    ()
    >>> NewVerdict(client_id="0b6f4c1e-7f3c", target_id=39627, verdict="ANOMALY", interest=6)
    Traceback (most recent call last):
        ...
    oddqso.errors.DataError: interest is 6, not within 0 to 5
    """

    def __post_init__(self) -> None:
        checked_client_id(self.client_id)
        checked_target_id(self.target_id)
        check_class(self.verdict, self.subtype)
        if self.interest is not None:
            checked_int(self.interest, "interest", 0, 5)
        if self.confidence is not None:
            checked_int(self.confidence, "confidence", 1, 3)
        if self.z is not None:
            checked_float(self.z, "z", -0.01, 20)
        if self.seconds is not None:
            checked_float(self.seconds, "seconds", 0, 1e7)
        checked_text(self.comment, "comment", LONGEST_COMMENT)
        checked_text(self.queue, "queue", LONGEST_WORD)
        if not isinstance(self.flagged, bool):
            raise DataError(f"flagged is {self.flagged!r:.80}, not true or false")
        if not isinstance(self.tags, tuple) or len(self.tags) > MOST_TAGS:
            raise DataError(f"tags are not a list of at most {MOST_TAGS}")
        tags = dict.fromkeys(checked_word(tag, "a tag") for tag in self.tags)
        object.__setattr__(self, "tags", tuple(tags))  # each once, in its composed form


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVerdict(Judgment):
    """An entry of the log.

    Parameters
    ----------
    id : int
        Ascending with time.
    reviewer : str
        The name.
    time : str
        When it was stored.
    undoes : int or None
        The entry that this one takes back; it repeats that entry's object and verdict, and is no verdict of its own.
    undone : bool
        Whether a later entry took this one back, and still stands.
    settles : bool
        Whether a lead decided a disagreement by it.
    """

    id: int
    reviewer: str
    time: str
    undoes: int | None = None
    undone: bool = False
    settles: bool = False


@dataclass(frozen=True, slots=True)
class Label:
    """What is held of an object, all reviewers together.

    Parameters
    ----------
    target_id : int
    verdict : str or None
        None where they contradict each other and nobody has settled it.
    subtype : str or None
        Where those who say so agree on it.
    interest : float or None
        The mean of those who gave one.
    z : float or None
        The settled redshift, or the last that was given.
    n_reviewers : int
        How many said something, UNSURE included.
    state : str
        ``settled`` by a lead, ``agreed`` by two or more, ``single``, or ``disputed``.
    """

    target_id: int
    verdict: str | None
    subtype: str | None
    interest: float | None
    z: float | None
    n_reviewers: int
    state: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is.

    Parameters
    ----------
    n_entries : int
        Entries of the log, undone ones and undoings included.
    n_objects : int
        Objects with a current verdict.
    last_id : int
        Of the log; 0 if it is empty.
    by_verdict, by_reviewer : dict
        Current verdicts.
    """

    n_entries: int
    n_objects: int
    last_id: int
    by_verdict: dict[str, int]
    by_reviewer: dict[str, int]


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token of the programming interface; the token itself is not kept."""

    id: int
    reviewer: str
    name: str
    created: str
    revoked: bool


@dataclass(frozen=True, slots=True)
class SavedFilter:
    """A filter that a reviewer saved."""

    id: int
    owner: str
    name: str
    spec: dict[str, Any] = field(hash=False)
    shared: bool
    time: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """An object that a reviewer is to look at; ``done`` when that reviewer has a current verdict on it."""

    target_id: int
    reviewer: str
    queue: str
    by: str
    time: str
    done: bool


@dataclass(frozen=True, slots=True)
class GoldItem:
    """An object of which a lead knows what it is: it measures the reviewers."""

    target_id: int
    verdict: str
    subtype: str | None
    by: str
    time: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Something that was done to the store other than giving verdicts."""

    id: int
    time: str
    by: str
    action: str
    subject: str
