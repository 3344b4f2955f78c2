"""JSON by gzip for browsers on other machines; pages, which hold a secret word, go unpacked."""

import gzip
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SMALLEST: Final = 1024
_LEVEL: Final = 1  # base64 of noise shrinks to three quarters at any level


class Packing:
    """Packs JSON answers that are worth it.

    Pages are left alone: packed together with text that others choose, the length of a page would tell of its secret
    word (BREACH).
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and pack its answer."""
        if scope["type"] != "http" or "gzip" not in Headers(scope=scope).get("accept-encoding", ""):
            return await self.app(scope, receive, send)
        begun: Message | None = None

        async def send_packed(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                headers = Headers(raw=message["headers"])
                if headers.get("content-type") == "application/json" and "content-encoding" not in headers:
                    begun = message  # held back until it is known how long the packed body is
                    return
            elif begun is not None:
                body, whole = message.get("body", b""), not message.get("more_body", False)
                changed = MutableHeaders(scope=begun)
                changed.add_vary_header("accept-encoding")
                if whole and len(body) >= _SMALLEST:
                    body = gzip.compress(body, _LEVEL, mtime=0)
                    changed["content-encoding"] = "gzip"
                    changed["content-length"] = str(len(body))
                    message = {**message, "body": body}
                start, begun = begun, None
                await send(start)
            await send(message)

        await self.app(scope, receive, send_packed)
