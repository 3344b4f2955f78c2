"""Learning from verdicts: what was learned, and the wish to learn anew."""

import math
from typing import Literal

import numpy as np
from fastapi import APIRouter, HTTPException
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from oddqso.review.learning.learner import Learner
from oddqso.review.learning.report import FEW_LABELS, looks
from oddqso.review.learning.state import SHARED, Scope, in_time
from oddqso.review.room import Room
from oddqso.review.store.records import Reviewer
from oddqso.review.web.access import Here, Me

router = APIRouter(tags=["learning"])


class WhichScope(BaseModel):
    """Whose verdicts teach."""

    model_config = ConfigDict(extra="forbid", strict=True)

    scope: Literal["mine", "shared"] = "mine"


def predictions(room: Room, me: Reviewer, target_ids: list[int]) -> list[dict[str, float | None]]:
    """Predicted interest and its uncertainty, of the ranking that a reviewer follows; None where there is none."""
    if room.learner is None or not target_ids:
        return [{"interest": None, "uncertainty": None} for _ in target_ids]
    interest, sigma = room.learner.predict(target_ids, room.learner.scope_of(me.name))
    return [
        {"interest": _rounded(one), "uncertainty": _rounded(error)}
        for one, error in zip(interest.tolist(), sigma.tolist(), strict=True)
    ]


@router.get("/learning")
def get_learning(room: Here, me: Me) -> JSONResponse:
    """What was learned from one's own verdicts or from those of all, how well, and how far the work is."""
    learner = learner_of(room)
    scope = learner.scope_of(me.name)
    found = learner.learned(scope)
    report = None
    if found is not None and found.report is not None:
        report = found.report.as_json(learner.params.interesting_from)
        if scope is SHARED and room.blind:  # what others said of an object that one has not judged stays hidden
            for one in report["held_out"]:
                one["target_id"] = None
    said = in_time(room.store.current(None if scope is SHARED else scope))
    return JSONResponse({
        "scope": _word(scope),
        "reviewer": me.name,
        "group": room.is_group,
        "few_labels": FEW_LABELS,
        "forest_from": learner.params.forest_from,
        "interesting": list(learner.params.interesting),
        "interesting_from": learner.params.interesting_from,
        "status": learner.status(scope),
        "report": report,
        "looks": looks(said, learner.params),
    })  # fmt: skip


@router.post("/learning/refresh", status_code=202)
def refresh(room: Here, me: Me, wanted: WhichScope) -> JSONResponse:
    """Make the ranking anew from the verdicts of now, in the background."""
    learner = learner_of(room)
    scope = SHARED if wanted.scope == "shared" else me.name
    learner.refresh(scope)
    return JSONResponse({"scope": wanted.scope, "status": learner.status(scope)}, 202)


@router.post("/learning/scope")
def choose_scope(room: Here, me: Me, wanted: WhichScope) -> JSONResponse:
    """Follow the ranking of one's own verdicts, or that of all: the queue ``learned`` and the predictions shown."""
    learner = learner_of(room)
    learner.choose(me.name, shared=wanted.scope == "shared")
    learner.learned(learner.scope_of(me.name))
    return JSONResponse({"scope": wanted.scope})


def learner_of(room: Room) -> Learner:
    """The room's learner; 404 where learning is switched off."""
    if room.learner is None:
        raise HTTPException(404, "learning is switched off in this room")
    learner: Learner = room.learner
    return learner


def _word(scope: Scope) -> str:
    return "shared" if scope is SHARED else "mine"


def _rounded(value: float) -> float | None:
    return round(float(np.float64(value)), 3) if math.isfinite(value) else None
