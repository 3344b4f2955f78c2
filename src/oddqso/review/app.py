"""The web application: routers and what stands before them, in one list each."""

import logging
from importlib.metadata import version

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException as StarletteHTTPException

from oddqso.errors import ConfigError, ConflictError, DataError, OddqsoError
from oddqso.review.orders import Orders
from oddqso.review.room import Room
from oddqso.review.web import (
    agreement,
    exchange,
    learning,
    login,
    objects,
    pages,
    people,
    queues,
    statics,
    verdicts,
    vetting,
)
from oddqso.review.web import map as latent_map
from oddqso.review.web.access import API, Access
from oddqso.review.web.limits import Limits
from oddqso.review.web.packing import Packing
from oddqso.review.web.rendering import render
from oddqso.review.web.security import HEADERS, KnownHosts, SecurityHeaders

_log = logging.getLogger(__name__)

API_ROUTERS = (
    people.router,
    queues.router,
    objects.router,
    exchange.router,
    agreement.router,
    verdicts.router,
    learning.router,
    latent_map.router,
    vetting.router,
)
"""Under `/api/v1`."""
PAGE_ROUTERS = (pages.router, login.router, statics.router)
"""At the root."""


def create_app(room: Room) -> FastAPI:
    """The application on a room.

    A request passes, in this order: security headers (for its answer), known hosts, access (who asks), limits of its
    body, the route.
    """
    app = FastAPI(
        title="oddqso review",
        version=version("oddqso"),
        summary="Verdicts on odd quasars. TARGETIDs are strings: they are above 2**53.",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # these two load scripts from elsewhere; /api shows the same
        redoc_url=None,
    )
    app.state.room, app.state.orders = room, Orders(room)
    for router in API_ROUTERS:
        app.include_router(router, prefix=API)
    for router in PAGE_ROUTERS:
        app.include_router(router)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(OddqsoError, _refused)
    app.add_exception_handler(StarletteHTTPException, _stopped)
    app.add_exception_handler(Exception, _failed)
    large = {f"{API}/verdicts/import": room.params.import_max_mib * 2**20}
    # The last one added is the first one to see a request.
    app.add_middleware(Limits, most=room.params.body_max_kib * 2**10, larger=large)
    if room.is_group:  # on the machine itself packing costs more than it saves
        app.add_middleware(Packing)
    app.add_middleware(Access, room=room)
    app.add_middleware(KnownHosts, allowed=room.allowed_hosts)
    app.add_middleware(SecurityHeaders, https=room.https)
    return app


def _problem(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": detail.encode("utf-8", "replace").decode()}, status, headers)


async def _invalid(request: Request, error: Exception) -> Response:
    """Say which field is wrong; never echo what was sent."""
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    return _problem(422, "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in problems))


async def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, ConflictError):
        return _problem(409, str(error))
    if isinstance(error, DataError | ConfigError):
        return _problem(422, str(error))
    _log.error("%s %s: %s", request.method, request.url.path, error)
    return _problem(503, str(error))


async def _stopped(request: Request, error: Exception) -> Response:
    stopped = error if isinstance(error, StarletteHTTPException) else StarletteHTTPException(500)
    if request.scope["path"].startswith("/api/") or request.method != "GET":
        return _problem(stopped.status_code, str(stopped.detail), dict(stopped.headers or {}))
    title = (
        "Not here" if stopped.status_code == 404 else "Not for you" if stopped.status_code == 403 else "Not possible"
    )
    return render(request, "problem.html", stopped.status_code, title=title, detail=str(stopped.detail))


async def _failed(request: Request, error: Exception) -> Response:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _problem(500, "the server failed at this; its log has the details", HEADERS)
