"""Oneself, and what leads do: accounts, assignments, gold items."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from oddqso.errors import DataError
from oddqso.review import classes
from oddqso.review.room import Room
from oddqso.review.store.records import Reviewer, Role
from oddqso.review.web.access import Here, Lead, Me, asker, cookie_name, end_session
from oddqso.review.web.login import WAIT, is_too_often, right_password
from oddqso.review.web.objects import Target, known_target
from oddqso.review.web.queues import orders_of
from oddqso.spectra.lines import ABSORPTION_LINES, LINES

router = APIRouter(tags=["room and people"])

Id = Annotated[int, Path(ge=1, lt=2**63)]


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class NewReviewer(_Sent):
    """An account to be made."""

    name: str
    role: str = "reviewer"
    password: str


class Changed(_Sent):
    """What changes of an account."""

    password: str | None = None
    disabled: bool | None = None
    role: str | None = None


class OwnPassword(_Sent):
    """One's own new password."""

    old: str
    new: str


class NewToken(_Sent):
    """A token to be made."""

    name: str


class NewAssignment(_Sent):
    """Objects to be looked at: given one by one, or the first so many of a queue."""

    reviewer: str
    target_ids: list[str] = Field(default_factory=list, max_length=10_000)
    queue: str = ""
    n: int = Field(0, ge=0, le=10_000)


class NewGold(_Sent):
    """An object whose kind is known."""

    target_id: str
    verdict: str
    subtype: str | None = None


@router.get("/run")
def get_run(room: Here, me: Me) -> JSONResponse:
    """The run that is reviewed, and what its list may claim."""
    source = room.source
    return JSONResponse({
        "name": source.name,
        "fingerprint": source.fingerprint,
        "n": source.n,
        "claim": {} if room.blind and me.role is not Role.LEAD else source.claim,
        "mode": room.mode,
        "blind": room.blind,
        "parts": room.parts,
    })  # fmt: skip


@router.get("/me")
def get_me(room: Here, me: Me) -> JSONResponse:
    """Who one is."""
    return JSONResponse(reviewer_json(me))


@router.get("/classes")
def get_classes(me: Me) -> JSONResponse:
    """The class tree, with its keys."""
    return JSONResponse({"classes": classes.as_json()})


@router.get("/counts")
def get_counts(room: Here, me: Me) -> JSONResponse:
    """How much was judged; where reviews are blind, only how much oneself did."""
    told = asdict(room.store.counts())
    if room.blind and me.role is not Role.LEAD:
        told = {"by_reviewer": {me.name: told["by_reviewer"].get(me.name, 0)}}
    return JSONResponse(told)


@router.post("/logout", status_code=204)
def logout(request: Request, room: Here, me: Me) -> Response:
    """End the session."""
    token = request.cookies.get(cookie_name(room))
    if token:
        room.store.close_session(token)
    response = Response(status_code=204)
    end_session(response, room)
    return response


@router.post("/me/password", status_code=204, responses={403: {}, 429: {}})
def change_password(request: Request, room: Here, me: Me, sent: OwnPassword) -> Response:
    """Change one's own password; all sessions of the account end."""
    if asker(request).csrf is None:
        raise HTTPException(403, "a token changes no password; sign in")
    address = request.client.host if request.client else ""
    if is_too_often(room, me.name, address):
        raise HTTPException(429, WAIT)
    if right_password(room, me.name, sent.old) is None:
        raise HTTPException(403, "the old password does not fit")
    room.store.forget_attempts(me.name, address)
    room.store.set_password(me.id, sent.new, by=me.name)
    response = Response(status_code=204)
    end_session(response, room)
    return response


@router.get("/me/tokens")
def list_tokens(room: Here, me: Me) -> JSONResponse:
    """One's own tokens of the programming interface, without what they are."""
    return JSONResponse({"tokens": [asdict(token) for token in room.store.api_tokens(me.id)]})


@router.post("/me/tokens", status_code=201, responses={403: {}})
def add_token(request: Request, room: Here, me: Me, sent: NewToken) -> JSONResponse:
    """Make a token; it is told once, here."""
    if asker(request).csrf is None:
        raise HTTPException(403, "a token makes no tokens; sign in")
    return JSONResponse({"token": room.store.api_token(me.id, sent.name, by=me.name)}, 201)


@router.delete("/me/tokens/{token_id}", status_code=204, responses={404: {}})
def revoke_token(room: Here, me: Me, token_id: Id) -> Response:
    """Make one's own token worthless."""
    if token_id not in {token.id for token in room.store.api_tokens(me.id)}:
        raise HTTPException(404, f"you have no token {token_id}")
    room.store.revoke_token(token_id, by=me.name)
    return Response(status_code=204)


@router.post("/launch", status_code=201, responses={404: {}})
def new_link(request: Request, room: Here, me: Me) -> JSONResponse:
    """On a laptop: a link that opens the room in one more browser, once."""
    if room.is_group:
        raise HTTPException(404, "a group signs in with accounts")
    return JSONResponse({"url": f"{request.base_url}?token={room.launch.new()}"}, 201)


@router.get("/reviewers")
def list_reviewers(room: Here, me: Lead) -> JSONResponse:
    """All accounts, and how much each has judged."""
    judged = room.store.counts().by_reviewer
    told = [reviewer_json(one) | {"n_verdicts": judged.get(one.name, 0)} for one in room.store.reviewers()]
    return JSONResponse({"reviewers": told})


@router.post("/reviewers", status_code=201, responses={409: {}})
def add_reviewer(room: Here, me: Lead, sent: NewReviewer) -> JSONResponse:
    """Make an account."""
    return JSONResponse(reviewer_json(room.store.add_reviewer(sent.name, sent.role, sent.password, by=me.name)), 201)


@router.patch("/reviewers/{reviewer_id}", responses={403: {}, 404: {}})
def change_reviewer(request: Request, room: Here, me: Lead, reviewer_id: Id, sent: Changed) -> JSONResponse:
    """Set a password, shut an account or open it again, which ends its sessions; or change its role, at once."""
    if sent.password is not None and asker(request).csrf is None:
        raise HTTPException(403, "a token changes no password; sign in")
    _reviewer(room, lambda one: one.id == reviewer_id)
    if reviewer_id == me.id and (sent.disabled or sent.role not in (None, me.role)):
        raise DataError("you cannot shut your own account or change its role; another lead can")
    if sent.role is not None:
        room.store.set_role(reviewer_id, sent.role, by=me.name)
    if sent.password is not None:
        room.store.set_password(reviewer_id, sent.password, by=me.name)
    if sent.disabled is not None:
        room.store.disable(reviewer_id, sent.disabled, by=me.name)
    return JSONResponse(reviewer_json(_reviewer(room, lambda one: one.id == reviewer_id)))


@router.get("/assignments")
def list_assignments(request: Request, room: Here, me: Me) -> JSONResponse:
    """What oneself is to look at; of a lead, what everybody is.

    Where reviews are blind, a reviewer is told how long the queue ``assigned`` is: beside it a list, or a count
    without the objects that were mixed in to measure the reviewer, would show which those are.
    """
    if room.blind and me.role is not Role.LEAD:
        orders = orders_of(request)
        rows = orders.order(me, orders.queue(me, "assigned")).rows
        done = orders.marks.arrays(me, ["MINE"], own_flags=True)["MINE"][rows]
        return JSONResponse({"n": len(rows), "n_done": int(done.sum())})
    found = room.store.assignments(None if me.role is Role.LEAD else me.id)
    return JSONResponse({"assignments": [asdict(one) | {"target_id": str(one.target_id)} for one in found]})


@router.post("/assignments", status_code=201)
def assign(request: Request, room: Here, me: Lead, sent: NewAssignment) -> JSONResponse:
    """Deal objects to a reviewer."""
    who = _reviewer(room, lambda one: one.name == sent.reviewer)
    wanted = [known_target(room, text) for text in sent.target_ids]
    if sent.n:
        orders = orders_of(request)
        wanted += orders.first(me, orders.queue(me, sent.queue or "score"), sent.n)
    if not wanted:
        raise DataError("nothing to deal: give target_ids, or n and a queue")
    return JSONResponse({"n_new": room.store.assign(wanted, who.id, sent.queue, me.name)}, 201)


@router.get("/gold")
def list_gold(room: Here, me: Lead) -> JSONResponse:
    """Objects whose kind is known."""
    return JSONResponse({"gold": [_gold_json(item) for item in room.store.gold()]})


@router.post("/gold", status_code=201)
def set_gold(room: Here, me: Lead, sent: NewGold) -> JSONResponse:
    """Say what an object is; said again, the last holds."""
    item = room.store.set_gold(known_target(room, sent.target_id), sent.verdict, sent.subtype, me.name)
    return JSONResponse(_gold_json(item), 201)


@router.delete("/gold/{target_id}", status_code=204)
def remove_gold(room: Here, me: Lead, target_id: Target) -> Response:
    """Take a gold item out."""
    room.store.remove_gold(target_id, me.name)
    return Response(status_code=204)


@router.get("/audit")
def get_audit(room: Here, me: Lead) -> JSONResponse:
    """Who changed what, other than by verdicts; the last thousand entries."""
    return JSONResponse({"audit": [asdict(entry) for entry in room.store.audit_trail()[-1000:]]})


@router.get("/lines")
def get_lines(me: Me) -> JSONResponse:
    """Lines of quasars: ion, rest wavelength in vacuum [Angstrom], group (broad, narrow or absorption)."""
    lines = [
        {"name": line.name, "wave": line.wave_angstrom, "group": "broad" if line.broad else "narrow"} for line in LINES
    ]
    lines += [{"name": name, "wave": wave, "group": "absorption"} for name, wave in ABSORPTION_LINES]
    return JSONResponse({"lines": lines})


def reviewer_json(reviewer: Reviewer) -> dict[str, Any]:
    """An account, ready for JSON."""
    return asdict(reviewer) | {"role": reviewer.role.value}


def _reviewer(room: Room, fits: Any) -> Reviewer:
    found = next((one for one in room.store.reviewers() if fits(one)), None)
    if found is None:
        raise HTTPException(404, "there is no such reviewer")
    return found


def _gold_json(item: Any) -> dict[str, Any]:
    return asdict(item) | {"target_id": str(item.target_id)}
