"""Pages made from templates; everything that people wrote is escaped."""

from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from oddqso.review import classes
from oddqso.review.web.access import Asker, room_of
from oddqso.review.web.statics import static

TEMPLATES: Final = Path(__file__).parents[1] / "templates"


@cache
def templates() -> Environment:
    """The templates."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.globals.update(static=static, version=version("oddqso"))
    return made


def render(request: Request, name: str, status: int = 200, **context: Any) -> HTMLResponse:
    """A page.

    Every template has: ``me`` (Reviewer or None), ``is_lead``, ``csrf``, ``path``, ``run`` (the run's name), ``group``
    (whether there are accounts), ``blind``, ``classes`` (the class tree), ``queue`` (of the address, or ""),
    ``static(name)``, ``version``; the filter ``tojson`` for data in ``<script type="application/json">``.
    """
    room, found = room_of(request), getattr(request.state, "asker", None)
    asker: Asker | None = found
    values = {
        "me": asker.reviewer if asker else None,
        "is_lead": asker is not None and asker.reviewer.role == "lead",
        "csrf": (asker.csrf or "") if asker else "",
        "path": request.url.path,
        "run": room.source.name,
        "group": room.is_group,
        "blind": room.blind,
        "classes": classes.as_json(),
        "queue": request.query_params.get("queue", ""),
        "parts": room.parts,
    }
    return HTMLResponse(templates().get_template(name).render(values | context), status)
