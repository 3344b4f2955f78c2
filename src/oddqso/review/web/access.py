"""Who asks: every request has a signed-in reviewer behind it, or is turned away here.

`Access` stands before all routes, those that do not exist included: a new route is closed until somebody lists it in
`is_public`. Routes take what they need by the types `Here` (the room), `Me` (the reviewer) and `Lead`.
"""

import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final
from urllib.parse import quote, urlsplit

from anyio import to_thread
from fastapi import Depends, HTTPException, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from oddqso.review.room import Room
from oddqso.review.store.records import Reviewer, Role

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
API: Final = "/api/v1"
_PUBLIC: Final = frozenset({"/login", "/favicon.ico", "/health"})


@dataclass(frozen=True, slots=True)
class Asker:
    """Who is behind a request.

    Parameters
    ----------
    reviewer : Reviewer
    csrf : str or None
        What unsafe requests of this session have to carry in X-CSRF-Token; None for an API token, which no other
        site can make a browser send.
    """

    reviewer: Reviewer
    csrf: str | None


def is_public(path: str) -> bool:
    """Whether a path is for everybody.

    Examples
    --------
    >>> is_public("/login"), is_public("/static/style.css"), is_public("/"), is_public("/api/v1/me")
    (True, True, False, False)
    """
    return path in _PUBLIC or path.startswith("/static/")


def cookie_name(room: Room) -> str:
    """The name of the session's cookie: cookies know no ports, so rooms on one machine need names of their own."""
    return f"{'__Host-' if room.https else ''}oddqso-{room.source.fingerprint[:8]}"


def begin(room: Room, reviewer: Reviewer) -> str:
    """Begin a session; its token is for the cookie."""
    return room.store.open_session(reviewer.id, timedelta(hours=room.params.session_hours))[0]


def set_session(response: Response, room: Room, token: str) -> None:
    """Give the browser its session: out of reach for scripts and never sent along by other sites."""
    seconds = int(room.params.session_hours * 3600)
    response.set_cookie(
        cookie_name(room), token, max_age=seconds, path="/", secure=room.https, httponly=True, samesite="strict"
    )


def end_session(response: Response, room: Room) -> None:
    """Take the session from the browser."""
    response.delete_cookie(cookie_name(room), path="/", secure=room.https, httponly=True, samesite="strict")


class Access:
    """Turns away who is not signed in, and requests that another site had a browser make."""

    def __init__(self, app: ASGIApp, room: Room) -> None:
        self.app, self.room = app, room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its asker, or answer it."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":  # no websockets here
            return await send({"type": "websocket.close", "code": 1008})
        request = Request(scope)
        answer = self._foreign(request)
        if answer is None and not is_public(request.scope["path"]):
            answer = await self._enter(request)
        await (answer or self.app)(scope, receive, send)

    async def _enter(self, request: Request) -> Response | None:
        room, path = self.room, request.scope["path"]
        if path == "/" and "token" in request.query_params and not room.is_group:
            return await to_thread.run_sync(self._open_by_link, request)
        asker = await to_thread.run_sync(asker_of, room, request)
        if asker is None:
            return _turn_away(room, request)
        if request.method not in SAFE_METHODS and asker.csrf is not None:
            given = request.headers.get("x-csrf-token", "")
            if not hmac.compare_digest(given.encode(), asker.csrf.encode()):
                return refuse(403, "the header X-CSRF-Token does not fit this session; reload the page")
        request.state.asker = asker
        return None

    def _open_by_link(self, request: Request) -> Response:
        room = self.room
        if room.local is None or not room.launch.take(request.query_params["token"]):
            if asker_of(room, request) is not None:  # the same link again, in the browser that it opened
                return RedirectResponse("/", 303)
            return _turn_away(room, request)
        response = RedirectResponse("/", 303)
        set_session(response, room, begin(room, room.local))
        return response

    def _foreign(self, request: Request) -> Response | None:
        """Refuse what another site made the browser send; SameSite=Strict and the token stand behind this."""
        if request.method in SAFE_METHODS:
            return None
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "same-origin")
        same = origin is None or urlsplit(origin).netloc == request.headers.get("host", "")
        if same and site in ("same-origin", "none"):
            return None
        return refuse(403, "this request was made by another site")


def asker_of(room: Room, request: Request) -> Asker | None:
    """Who is behind a request: by API token if there is one, else by the session's cookie; None for a stranger."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        reviewer = room.store.reviewer_of_token(credentials.strip()) if request.scope["path"].startswith(API) else None
        return Asker(reviewer, None) if reviewer is not None and not reviewer.disabled else None
    token = request.cookies.get(cookie_name(room))
    found = room.store.session(token) if token else None
    if found is None or found[0].disabled:
        return None
    return Asker(*found)


def refuse(status: int, detail: str) -> JSONResponse:
    """A refusal in words."""
    return JSONResponse({"detail": detail}, status)


def _turn_away(room: Room, request: Request) -> Response:
    how = "sign in at /login" if room.is_group else "open the link that `oddqso review` printed"
    if request.scope["path"].startswith("/api/") or request.method not in SAFE_METHODS:
        response: Response = refuse(401, f"nobody is signed in here; {how}")
    else:
        query = f"?{request.url.query}" if request.url.query and "token" not in request.query_params else ""
        response = RedirectResponse(f"/login?next={quote(request.scope['path'] + query, safe='/')}", 303)
    if cookie_name(room) in request.cookies:
        end_session(response, room)
    return response


def room_of(request: Request) -> Room:
    """The room that this application serves."""
    room: Room = request.app.state.room
    return room


def asker(request: Request) -> Asker:
    """Who asks, as `Access` found; there is nobody on public pages."""
    found: Asker | None = getattr(request.state, "asker", None)
    if found is None:
        raise HTTPException(401, "nobody is signed in here")
    return found


def current(request: Request) -> Reviewer:
    """The reviewer who asks."""
    return asker(request).reviewer


def lead(request: Request) -> Reviewer:
    """The reviewer who asks, who has to be a lead."""
    reviewer = current(request)
    if reviewer.role != Role.LEAD:
        raise HTTPException(403, "this is for leads only")
    return reviewer


Here = Annotated[Room, Depends(room_of)]
"""A route's parameter: the room."""
Me = Annotated[Reviewer, Depends(current)]
"""A route's parameter: the reviewer who asks."""
Lead = Annotated[Reviewer, Depends(lead)]
"""A route's parameter: the reviewer who asks, who has to be a lead."""
