"""How far reviewers agree, how good each is, and disagreements that a lead settles."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from oddqso.review.agreement import Kappa, disagreements, group_agreement, pair_agreements, skills
from oddqso.review.store.records import Role
from oddqso.review.web.access import Here, Lead, Me
from oddqso.review.web.objects import current_verdicts, verdict_json
from oddqso.review.web.verdicts import Given

router = APIRouter(tags=["agreement"])


@router.get("/agreement")
def get_agreement(room: Here, me: Me) -> JSONResponse:
    """Kappas and skills from first verdicts; where reviews are blind, others' only for leads.

    Nor does a blinded reviewer see the own record on gold items: verdict by verdict it would tell which those are.
    """
    first = room.store.first_verdicts(taken_back=room.blind)
    all_of_it = me.role is Role.LEAD or not room.blind
    gold = {item.target_id: item.verdict for item in room.store.gold()}
    settled = {label.target_id: label.verdict for label in room.store.labels() if label.state == "settled"}
    told: dict[str, Any] = {"n_gold": len(gold), "n_settled": len(settled)}
    for name, odd_only in (("kind", False), ("odd", True)):
        pairs = pair_agreements(first, odd_only).items()
        told[name] = {
            "group": _kappa(group_agreement(first, odd_only)),
            "pairs": [{"a": a, "b": b} | _kappa(k) for (a, b), k in pairs if all_of_it or me.name in (a, b)],
        }
    for name, truth in (("gold", gold), ("settled", settled)):
        known = {target_id: word for target_id, word in truth.items() if word is not None}
        shown = [one for one in skills(first, known) if all_of_it or (one.reviewer == me.name and name != "gold")]
        told[name] = [asdict(one) for one in shown]
    return JSONResponse(told)


@router.get("/conflicts")
def get_conflicts(room: Here, me: Lead) -> JSONResponse:
    """Objects on which reviewers contradict each other and that nobody settled: odd or not first."""
    settled = [label.target_id for label in room.store.labels() if label.state == "settled"]
    found = []
    for one in disagreements(room.store.current(), settled):
        verdicts = current_verdicts(room, one.target_id)
        found.append({
            "target_id": str(one.target_id),
            "odd_or_not": one.odd_or_not,
            "verdicts": [verdict_json(verdict) for verdict in verdicts.values()],
        })  # fmt: skip
    return JSONResponse({"conflicts": found})


@router.post("/settle", status_code=201, responses={200: {"description": "Stored before."}, 409: {}})
def settle(room: Here, me: Lead, given: Given) -> JSONResponse:
    """Decide what an object is; it is no verdict of one's own. The last settlement holds."""
    stored, new = room.store.add_verdict(me.id, given.checked(room), settles=True)
    return JSONResponse(verdict_json(stored), 201 if new else 200)


def _kappa(kappa: Kappa) -> dict[str, Any]:
    return asdict(kappa) | {"low": kappa.low, "high": kappa.high}
