"""Serve a room: one process, one port, and a clean end."""

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from oddqso.errors import ConfigError
from oddqso.review.app import create_app
from oddqso.review.connections import Connection
from oddqso.review.room import Room

_GRACE_S = 5
_KEEP_ALIVE_S = 30


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one.

    Raises
    ------
    ConfigError
        If the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(256)
    except (OSError, OverflowError) as error:
        made.close()
        raise ConfigError(f"cannot listen on {host} port {port}: {error}; choose another --port or --host") from None
    return made


def serve(room: Room, listening: socket.socket, begun: Callable[[], None], proxy: str | None = None) -> None:
    """Serve until the process is told to end (SIGTERM, SIGINT); requests under way are finished.

    Parameters
    ----------
    room : Room
    listening : socket
        As from `listen`.
    begun : callable
        Called when requests are answered.
    proxy : str, optional
        The address of the proxy in front, whose word on where a request came from is taken; without one the word of
        nobody is.
    """
    app = create_app(room)
    app.router.on_startup.append(begun)
    threading.Thread(target=app.state.orders.warm, name="orders", daemon=True).start()
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=proxy is not None,
        forwarded_allow_ips=proxy,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GRACE_S,
        http=Connection,
        ws="none",
        limit_concurrency=512,
    )
    with _ending_is_no_error():
        uvicorn.Server(config).run(sockets=[listening])


@contextmanager
def _ending_is_no_error() -> Iterator[None]:
    """To be told to end is how serving ends: the server passes the signal on when it is done, and here it stops."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
