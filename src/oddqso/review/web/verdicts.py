"""Verdicts: given, taken back, and read."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from oddqso.review.room import Room
from oddqso.review.store.records import NewVerdict, Reviewer, StoredVerdict
from oddqso.review.web.access import Here, Me
from oddqso.review.web.objects import known_target, verdict_json

router = APIRouter(tags=["verdicts"])

EntryId = Annotated[int, Path(ge=1, lt=2**63)]


class Given(BaseModel):
    """A verdict as a page sends it; the same `client_id` again is the same verdict."""

    model_config = ConfigDict(extra="forbid", strict=True)

    client_id: str = Field(description="A UUID made by the page.")
    target_id: str = Field(description="TARGETID, as a string.")
    verdict: str = Field(description="As in /api/v1/classes.")
    subtype: str | None = None
    interest: int | None = Field(None, description="0 to 5.")
    confidence: int | None = Field(None, description="1 to 3.")
    z: float | None = Field(None, description="A corrected redshift.")
    comment: str = ""
    tags: list[str] = Field(default_factory=list)
    flagged: bool = False
    queue: str = ""
    seconds: float | None = Field(None, description="For how long it was looked at.")

    def checked(self, room: Room) -> NewVerdict:
        """The verdict, if it is one and the run has the object."""
        content: dict[str, Any] = self.model_dump() | {"tags": tuple(self.tags)}
        return NewVerdict(**content | {"target_id": known_target(room, self.target_id)})


class Undoing(BaseModel):
    """The name of an entry that undoes another."""

    model_config = ConfigDict(extra="forbid", strict=True)

    client_id: str


@router.post("/verdicts", status_code=201, responses={200: {"description": "Stored before."}, 409: {}})
def give(room: Here, me: Me, given: Given) -> JSONResponse:
    """Store a verdict, exactly once: 201 if it is new, 200 if it was stored before, 409 if its name is taken."""
    stored, new = room.store.add_verdict(me.id, given.checked(room))
    return JSONResponse(verdict_json(stored), 201 if new else 200)


@router.post("/verdicts/{verdict_id}/undo", status_code=201, responses={404: {}, 409: {}})
def undo(room: Here, me: Me, verdict_id: EntryId, undoing: Undoing) -> JSONResponse:
    """Take one's own verdict back, or, if it is itself an undoing, bring the verdict back."""
    return JSONResponse(verdict_json(room.store.undo(me.id, verdict_id, undoing.client_id)), 201)


@router.get("/verdicts")
def read(
    room: Here,
    me: Me,
    target_id: Annotated[str | None, Query(pattern=r"^-?[0-9]{1,19}$")] = None,
    reviewer: Annotated[str | None, Query(max_length=64)] = None,
    since: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> JSONResponse:
    """Entries of the log, the oldest first; read on with ``since`` = the last id.

    While somebody is blinded on an object, the entries of others on it are left out.
    """
    wanted = None if target_id is None else known_target(room, target_id)
    if room.blind and (
        wanted is not None or reviewer is not None
    ):  # where to read on would tell that there are others'
        entries = shown = seen_by(room, me, room.store.verdicts(wanted, reviewer, since))[:limit]
    else:
        entries = room.store.verdicts(wanted, reviewer, since, limit)
        shown = seen_by(room, me, entries)
    last = entries[-1].id if entries else since
    return JSONResponse({"verdicts": [verdict_json(one) for one in shown], "last": last})


def seen_by(room: Room, me: Reviewer, entries: list[StoredVerdict]) -> list[StoredVerdict]:
    """Those of some entries that this reviewer may see: blind, others' are shown only on what one has judged."""
    if not room.blind:
        return entries
    mine = set(room.store.current(reviewer=me.name)["TARGETID"].to_pylist())
    return [one for one in entries if one.reviewer == me.name or one.target_id in mine]
