"""The pages: each is a template; what it shows it fetches from the programming interface."""

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from oddqso.review.web.access import Here, Lead, Me
from oddqso.review.web.interface import routes_of
from oddqso.review.web.objects import Target
from oddqso.review.web.rendering import render

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(request: Request, me: Me) -> Response:
    """The queues, and where one's own work stands."""
    return render(request, "queues.html")


@router.get("/object/{target_id}")
def object_page(request: Request, me: Me, target_id: Target) -> Response:
    """The spectrum page."""
    return render(request, "object.html", target_id=str(target_id))


@router.get("/map")
def map_page(request: Request, room: Here, me: Me) -> Response:
    """The latent map."""
    if room.atlas is None:
        raise HTTPException(404, "this room has no map")
    return render(request, "map.html")


@router.get("/vetting")
def vetting_page(request: Request, room: Here, me: Me) -> Response:
    """The blind vetting queue, with its running certificate."""
    if room.desk is None:
        raise HTTPException(404, "this room has no vetting desk")
    return render(request, "vetting.html")


@router.get("/learning")
def learning_page(request: Request, room: Here, me: Me) -> Response:
    """What was learned from verdicts."""
    if room.learner is None:
        raise HTTPException(404, "learning is switched off in this room")
    return render(request, "learning.html")


@router.get("/agreement")
def agreement_page(request: Request, me: Me) -> Response:
    """How well reviewers agree."""
    return render(request, "agreement.html")


@router.get("/settle")
def settle_page(request: Request, me: Lead) -> Response:
    """Disagreements, to be settled by a lead."""
    return render(request, "settle.html")


@router.get("/people")
def people_page(request: Request, me: Lead) -> Response:
    """Accounts, assignments and gold items."""
    return render(request, "people.html")


@router.get("/api")
def api_page(request: Request, me: Me) -> Response:
    """The programming interface, from its own description."""
    document = request.app.openapi()
    return render(request, "api.html", routes=routes_of(document), document=document)
