"""Connections that ask for nothing do not stay: else a few hundred of them would keep everybody out."""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

PATIENCE_S: Final = 20.0
"""For how long a connection may be open before its next request is there, heading and all [s]."""


class Connection(H11Protocol):
    """A connection that ends when a request does not come in time; while one is answered there is no limit."""

    _end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Wait on, unless that was all of a heading."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._forget()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Between requests the server's own patience counts."""
        self._forget()
        super().on_response_complete()

    def _watch(self) -> None:
        cycle: Any = self.cycle
        if cycle is not None and not cycle.response_complete:
            self._forget()
        elif self._end is None:
            self._end = self.loop.call_later(PATIENCE_S, self.transport.close)

    def _forget(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None
