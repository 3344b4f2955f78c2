"""The blind vetting queue: batches, their items without a word on what they are, answers, and what they certify."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from oddqso.errors import DataError
from oddqso.review.classes import check_class
from oddqso.review.desk import Desk
from oddqso.review.room import Room
from oddqso.review.store.records import Role
from oddqso.review.store.text import LONGEST_COMMENT, checked_client_id, checked_float, checked_text
from oddqso.review.web.access import Here, Lead, Me
from oddqso.vetting.ledger import Ledger
from oddqso.vetting.verdicts import Answer
from oddqso.vetting.vetters import vetters

router = APIRouter(prefix="/vetting", tags=["vetting"])

Item = Annotated[str, Path(max_length=40)]


class NewBatch(BaseModel):
    """A batch to be drawn."""

    model_config = ConfigDict(extra="forbid", strict=True)

    n: int | None = Field(None, ge=5, le=5000, description="Items, controls included; as set by default.")
    audit: str | None = Field(None, max_length=40, description="A tier: its list is sampled at random.")


class GivenAnswer(BaseModel):
    """What one says of an item; the same `client_id` again is the same answer."""

    model_config = ConfigDict(extra="forbid", strict=True)

    client_id: str = Field(description="A UUID made by the page.")
    item: str = Field(max_length=40)
    verdict: str = Field(description="As in /api/v1/classes.")
    z: float | None = Field(None, description="A corrected redshift.")
    comment: str = ""
    settles: bool = Field(False, description="Whether it decides between vetters; for leads.")

    def checked(self) -> Answer:
        """The answer, if it is one."""
        checked_client_id(self.client_id)
        checked_text(self.comment, "comment", LONGEST_COMMENT)
        z = "" if self.z is None else repr(checked_float(self.z, "z", -0.01, 20))
        return Answer(self.item, check_class(self.verdict), z, self.comment)


@router.get("", responses={404: {}})
def standing(room: Here, me: Me) -> JSONResponse:
    """Where the vetting stands and what may be claimed; within a batch it moves every few items."""
    desk = desk_of(room)
    ledger, told = desk.ledger(), desk.certified()
    batch = desk.batch()
    settled = ledger.settled()
    lead = me.role is Role.LEAD
    return JSONResponse({
        "sentence": told.sentence,
        "certificate": told.certificate,
        "n_answers": len(ledger.entries),
        "n_counted": told.n_answers,
        "n_items": sum(key.num_rows for key in ledger.keys.values()),
        "n_judged": len(settled),
        "batches": [_batch_json(ledger, name, settled) for name in ledger.keys],
        "batch": batch,
        "open": ledger.open_batch() is not None,
        "current": None if ledger.open_batch() else desk.is_current(),  # within a batch it would tell of each item
        "update": {"state": desk.update.state, "error": desk.update.error, "began": desk.update.began},
        "vetters": [one.as_dict() for one in vetters(_closed(ledger, settled)) if lead or one.name == me.name],
        "n_conflicts": len(desk.conflicts()) if lead else None,
    })  # fmt: skip


@router.post("/batches", status_code=201, responses={404: {}, 409: {}})
def draw(room: Here, me: Lead, wanted: NewBatch) -> JSONResponse:
    """Draw a batch: the oddest that nobody judged yet, or a random sample of a list, with controls among them."""
    return JSONResponse({"batch": desk_of(room).draw(wanted.n, wanted.audit)}, 201)


@router.get("/items", responses={404: {}})
def items(room: Here, me: Me, batch: Annotated[str | None, Query(max_length=40)] = None) -> JSONResponse:
    """The items of a batch in the order in which they are shown, with one's own verdicts."""
    desk = desk_of(room)
    name = batch or desk.batch()
    return JSONResponse({"batch": name, "items": [] if name is None else desk.items(me.name, name)})


@router.get("/items/{item}/spectrum", responses={404: {}})
def spectrum(room: Here, me: Me, item: Item) -> Response:
    """The spectrum of an item: no TARGETID, score, place or kind."""
    desk = desk_of(room)
    try:
        content = desk.spectrum(item)
    except DataError as error:
        raise HTTPException(404, str(error)) from None
    return Response(content, media_type="application/json", headers={"cache-control": "private, max-age=3600"})


@router.post("/answers", status_code=201, responses={200: {"description": "Taken before."}, 404: {}, 409: {}})
def answer(room: Here, me: Me, given: GivenAnswer) -> JSONResponse:
    """Take an answer into the run's ledger, exactly once; one's later answer on an item replaces the earlier one."""
    if given.settles and me.role is not Role.LEAD:
        raise HTTPException(403, "only a lead settles")
    new = desk_of(room).answer(given.client_id, given.checked(), me.name, settles=given.settles)
    return JSONResponse({"item": given.item, "verdict": given.verdict, "new": new}, 201 if new else 200)


@router.get("/conflicts", responses={404: {}})
def conflicts(room: Here, me: Lead) -> JSONResponse:
    """Items on which vetters contradict each other on odd or not, with what each said."""
    found = [
        {"item": told.entries[0].item, "batch": batch, "verdicts": [_said(entry) for entry in told.entries]}
        for batch, told in desk_of(room).conflicts()
    ]
    return JSONResponse({"conflicts": found})


@router.post("/update", status_code=202, responses={404: {}})
def update(room: Here, me: Lead) -> JSONResponse:
    """Bring the run's significance, catalog and report up to date with the answers, in the background."""
    return JSONResponse({"begun": desk_of(room).bring_up_to_date()}, 202)


def desk_of(room: Room) -> Desk:
    """The desk of a room that has one."""
    if room.desk is None:
        raise HTTPException(404, "this room has no vetting desk")
    desk: Desk = room.desk
    return desk


def _batch_json(ledger: Ledger, name: str, settled: dict[str, Any]) -> dict[str, Any]:
    key = ledger.keys[name]
    audited = (
        next((row for row in key["TIER"].to_pylist() if row), None) if "audit" in key["KIND"].to_pylist() else None
    )
    n_judged = sum(item in settled for item in key["ITEM"].to_pylist())
    return {"name": name, "n_items": key.num_rows, "n_judged": n_judged, "audit": audited}


def _closed(ledger: Ledger, settled: dict[str, Any]) -> Ledger:
    """The batches that are done: the record of an open one would tell what its items are."""
    keys = {name: key for name, key in ledger.keys.items() if set(key["ITEM"].to_pylist()) <= settled.keys()}
    return Ledger(keys, tuple(entry for entry in ledger.entries if entry.batch in keys))


def _said(entry: Any) -> dict[str, Any]:
    return {"vetter": entry.vetter, "verdict": entry.verdict.value, "z": entry.z, "comment": entry.comment}
