"""How much a request may bring, and how often somebody may try to sign in."""

from contextlib import suppress
from typing import Final

import anyio
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LONGEST_QUERY: Final = 4096


SLOWEST: Final = 4096
"""How many bytes a second a body has to bring, after half a minute."""
_PATIENCE_S: Final = 30.0


class TooLarge(Exception):
    """A body grew above its limit while it was read, or came too slowly."""


class Limits:
    """Refuses oversized bodies, also those that do not tell their size, and addresses that no route can mean.

    Parameters
    ----------
    app : ASGIApp
    most : int
        The largest body [bytes].
    larger : dict of str to int
        Other limits, by path.
    """

    def __init__(self, app: ASGIApp, most: int, larger: dict[str, int]) -> None:
        self.app, self.most, self.larger = app, most, larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        most = self.larger.get(scope["path"], self.most)
        if len(scope["query_string"]) > LONGEST_QUERY:
            return await _refuse(414, f"the query is longer than {LONGEST_QUERY} characters")(scope, receive, send)
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            return await _refuse(400, "the address holds a zero byte")(scope, receive, send)
        told = dict(scope["headers"]).get(b"content-length", b"0")
        too_large = _refuse(413, f"the body is larger than {most // 1024:,} KiB")
        if not told.isdigit() or int(told) > most:
            return await too_large(scope, receive, send)
        taken, over, begun, whole = 0, False, False, False
        began = anyio.current_time()

        async def receive_some() -> Message:
            nonlocal taken, over, whole
            left = began + _PATIENCE_S + taken / SLOWEST - anyio.current_time()
            with anyio.move_on_after(None if whole else left) as waiting:
                message = await receive()
                whole = not message.get("more_body", False)
                taken += len(message.get("body", b""))
            if waiting.cancelled_caught or taken > most:
                over = True
                raise TooLarge
            return message

        async def send_on(message: Message) -> None:
            nonlocal begun
            if not over:  # what a route makes of the broken body is of no interest
                begun = True
                await send(message)

        with suppress(TooLarge):
            await self.app(scope, receive_some, send_on)
        if over and not begun:
            slow = _refuse(408, "the body comes too slowly; send it again")
            await (too_large if taken > most else slow)(scope, receive, send)


def _refuse(status: int, detail: str) -> JSONResponse:
    return JSONResponse({"detail": detail}, status)
