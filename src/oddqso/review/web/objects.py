"""Objects: facts, spectrum, exposures and neighbors; withheld in part until one's own verdict is in."""

import re
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from oddqso.errors import DataError
from oddqso.review.orders import OPEN_COLUMNS
from oddqso.review.room import Room
from oddqso.review.store.records import Reviewer, StoredVerdict
from oddqso.review.web.access import Here, Me, room_of
from oddqso.review.web.learning import predictions

router = APIRouter(tags=["objects"])

_TARGET_ID = re.compile(r"-?[0-9]{1,19}")


def target(request: Request, target_id: Annotated[str, Path(pattern=r"^-?[0-9]{1,19}$")]) -> int:
    """The TARGETID in an address; 404 if the run does not have it."""
    return known_target(room_of(request), target_id)


def known_target(room: Room, text: str) -> int:
    """The TARGETID of a text; 404 if the run does not have it."""
    try:
        target_id = int(text) if _TARGET_ID.fullmatch(text) else 2**63
        room.source.row_of(target_id)
    except DataError:
        raise HTTPException(404, f"TARGETID {text[:20]} is not in this run") from None
    return target_id


Target = Annotated[int, Depends(target)]
"""A route's parameter: the TARGETID of the address, which the run has."""


def verdict_json(verdict: StoredVerdict) -> dict[str, Any]:
    """A verdict, ready for JSON."""
    return asdict(verdict) | {"target_id": str(verdict.target_id), "tags": list(verdict.tags)}


def current_verdicts(room: Room, target_id: int) -> dict[str, StoredVerdict]:
    """By reviewer, the last verdict on an object that was not undone; settlements are nobody's own."""
    log = room.store.verdicts(target_id=target_id)
    return {one.reviewer: one for one in log if one.undoes is None and not one.undone and not one.settles}


def is_blinded(room: Room, me: Reviewer, target_id: int) -> bool:
    """Whether scores and others' verdicts on this object are withheld from this reviewer."""
    return room.blind and me.name not in current_verdicts(room, target_id)


@router.get("/objects/{target_id}")
def get_object(room: Here, me: Me, target_id: Target) -> JSONResponse:
    """All that is known of an object."""
    source, verdicts = room.source, current_verdicts(room, target_id)
    mine = verdicts.get(me.name)
    blinded = room.blind and mine is None
    facts = source.facts(target_id)
    if blinded:
        facts = {name: value for name, value in facts.items() if name in OPEN_COLUMNS}
    shown = ([mine] if mine else []) if blinded else list(verdicts.values())
    return JSONResponse({
        "target_id": str(target_id),
        "facts": facts,
        "words": [] if blinded else source.words(target_id),
        "quality": source.quality_words(target_id),
        "percentiles": {} if blinded else source.percentiles(target_id),
        "links": source.links(target_id),
        "verdicts": [verdict_json(verdict) for verdict in shown],
        "my_verdict": verdict_json(mine) if mine else None,
        "prediction": None if blinded else predictions(room, me, [target_id])[0],
        "blinded": blinded,
    })  # fmt: skip


@router.get("/objects/{target_id}/spectrum")
def get_spectrum(
    room: Here, me: Me, target_id: Target, format: Annotated[str, Query(pattern="^(json|csv)$")] = "json"
) -> Response:
    """Flux, error, reconstruction and residual, as base64 of little-endian float32, or as CSV."""
    payload = room.source.spectrum(target_id)
    if format == "csv":
        headers = {"content-disposition": f'attachment; filename="spectrum-{target_id}.csv"'}
        return PlainTextResponse(payload.as_csv(), media_type="text/csv", headers=headers)
    content = payload.as_json()
    if is_blinded(room, me, target_id):
        content["peaks"] = []
    return JSONResponse(content)


@router.get("/objects/{target_id}/exposures")
def get_exposures(room: Here, me: Me, target_id: Target) -> JSONResponse:
    """The single exposures, where the run's input has them."""
    return JSONResponse({"exposures": room.source.exposures(target_id)})


@router.get("/objects/{target_id}/neighbors")
def get_neighbors(room: Here, me: Me, target_id: Target, k: Annotated[int, Query(ge=1, le=50)] = 5) -> JSONResponse:
    """The nearest ordinary objects and the nearest odd ones; which are which is a score, and withheld like one.

    Where reviews are blind, those that one has judged.
    """
    if is_blinded(room, me, target_id):
        return JSONResponse({"ordinary": [], "odd": [], "blinded": True})
    found = room.source.neighbors(target_id, k)
    if room.blind:
        mine = {str(one) for one in room.store.current(reviewer=me.name)["TARGETID"].to_pylist()}
        found = {kind: [one for one in some if one["target_id"] in mine] for kind, some in found.items()}
    return JSONResponse({**found, "blinded": False})
