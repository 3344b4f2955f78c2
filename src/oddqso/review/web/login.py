"""Signing in and out."""

from datetime import timedelta
from threading import BoundedSemaphore
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from oddqso.review.room import Room
from oddqso.review.store.records import Reviewer
from oddqso.review.web.access import Here, asker_of, begin, cookie_name, end_session, set_session
from oddqso.review.web.rendering import render

router = APIRouter(include_in_schema=False)

WRONG: Final = "name and password do not fit"
WAIT: Final = "too many attempts; wait a while, or ask a lead"
_NAMES_AN_ADDRESS: Final = 10
"""A group may sit behind one address."""
_CHECKING = BoundedSemaphore(2)
"""A check of a password takes 64 MiB and a tenth of a second on purpose; not many at once."""


@router.get("/login")
def login_page(request: Request, room: Here, next: str = "/") -> Response:
    """The page to sign in; on a laptop it says which link to open."""
    if asker_of(room, request) is not None:
        return RedirectResponse(local_path(next), 303)
    return render(request, "login.html", error="", given="", next=local_path(next))


@router.post("/login")
def login(
    request: Request,
    room: Here,
    name: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    """Check a password and begin a session of its own; the one before, whoever began it, ends."""
    if not room.is_group:
        return _again(request, 403, "there are no accounts here; open the link that `oddqso review` printed", "", "/")
    address = request.client.host if request.client else ""
    if is_too_often(room, name, address):
        return _again(request, 429, WAIT, name, next)
    reviewer = right_password(room, name, password)
    if reviewer is None:
        return _again(request, 401, WRONG, name, next)
    room.store.forget_attempts(name, address)
    _end(request, room)
    token = begin(room, reviewer)
    response = RedirectResponse(local_path(next), 303)
    set_session(response, room, token)
    return response


@router.post("/logout")
def logout(request: Request, room: Here) -> Response:
    """End the session."""
    _end(request, room)
    response = RedirectResponse("/login", 303)
    end_session(response, room)
    return response


def right_password(room: Room, name: str, password: str) -> Reviewer | None:
    """The reviewer whose password it is; only a few are looked at at a time."""
    with _CHECKING:
        return room.store.check_password(name, password)


def is_too_often(room: Room, name: str, address: str) -> bool:
    """Count an attempt, and say whether there were too many: of this name, or from this address with any names.

    They are counted before the password is looked at, and for names that nobody has, too.
    """
    window = timedelta(minutes=room.params.login_window_min)
    tried = room.store.note_attempt(name, address, window)
    most = room.params.login_failures
    return tried.by_name > most or tried.by_address > _NAMES_AN_ADDRESS * most


def local_path(target: str) -> str:
    r"""Where to go after signing in: within this server only.

    Examples
    --------
    >>> local_path("/object/39627?queue=score")
    '/object/39627?queue=score'
    >>> [local_path(bad) for bad in ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:1")]
    ['/', '/', '/', '/']
    """
    try:
        parts = urlsplit(target)
    except ValueError:
        return "/"
    outside = parts.scheme or parts.netloc or not target.startswith("/") or target.startswith("//")
    return "/" if outside or "\\" in target or not target.isprintable() else target


def _again(request: Request, status: int, error: str, name: str, next: str) -> Response:
    return render(request, "login.html", status, error=error, given=name, next=local_path(next))


def _end(request: Request, room: Room) -> None:
    token = request.cookies.get(cookie_name(room))
    if token:
        room.store.close_session(token)
