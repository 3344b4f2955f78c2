"""The review room on a run: open it, and serve it."""

import getpass
import hashlib
import logging
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from socket import socket
from threading import Thread
from typing import TYPE_CHECKING, Any

from oddqso.api.reviewers import default_store
from oddqso.api.vetting_desk import open_desk
from oddqso.config import Settings, make_settings, read_settings
from oddqso.errors import ConfigError
from oddqso.runs.directory import RunDirectory

if TYPE_CHECKING:  # heavy: not at the start of a command line
    from oddqso.review.room import Room

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """A room that answers.

    Parameters
    ----------
    url : str
        Where; on a laptop with the token that opens it once.
    run : str
        The run's name.
    n : int
        Its objects.
    store : str
        Where verdicts are kept.
    is_group : bool
        Whether people sign in with accounts.
    """

    url: str
    run: str
    n: int
    store: str
    is_group: bool


def review(
    run: Path | str,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    database: str | Path | None = None,
    group: bool = False,
    https: bool = True,
    allowed_hosts: Sequence[str] = (),
    proxy: str | None = None,
    name: str | None = None,
    browser: bool = True,
    overrides: Sequence[str] = (),
    told: Callable[[Opened], None] | None = None,
) -> None:
    """Open the review room of a run, and serve it until the process is told to end.

    On a laptop nobody signs in: the room listens on the loopback address alone, and the link that opens it holds a
    token that works once. In a group people have accounts (`oddqso reviewers add`).

    Parameters
    ----------
    run : path
        A complete run.
    host, port : str, int
        Where to listen; port 0 takes the run's usual one (`usual_port`), or a free one.
    database : path or str, optional
        A SQLite file or a PostgreSQL URL; ``RUN/review/review.sqlite`` by default.
    group : bool
        People with accounts, rather than one person on the machine itself.
    https : bool
        In a group: whether browsers come by HTTPS, through a proxy. Without it passwords and cookies go unprotected.
    allowed_hosts : sequence of str
        Names under which browsers may ask for the room, besides those of the loopback.
    proxy : str, optional
        Address of the proxy in front, which says where requests come from.
    name : str, optional
        On a laptop, who reviews; the name of the login by default.
    browser : bool
        Open a browser.
    overrides : sequence of str
        Settings as ``review.name=value``, for this time.
    told : callable, optional
        Is told where the room is, when it answers.

    Raises
    ------
    ConfigError
        If the room would be open to others without accounts, or the address cannot be had.
    StageError
        If the run is not complete.
    StoreError
        If the store cannot be opened.
    """
    from oddqso.review.serving import serve

    if not group and not _is_loopback(host):
        raise ConfigError(
            f"--host {host} opens the room to other machines, where everybody could review; make accounts "
            "(`oddqso reviewers add`) and use --group"
        )
    names = (*LOOPBACK, *(_plain(one) for one in allowed_hosts))
    if group and not _is_loopback(host) and host not in ("0.0.0.0", "::"):
        names = (*names, host)
    with (
        open_room(
            run, database=database, group=group, https=group and https, hosts=names, name=name, overrides=overrides
        ) as room,
        _listen(host, port, Path(run)) as listening,
    ):
        bound = listening.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        token = "" if group else f"?token={room.launch.new()}"
        place = _shown(database) if database else str(default_store(Path(run)))
        opened = Opened(f"http://{shown}:{bound}/{token}", room.source.name, room.source.n, place, group)

        def begun() -> None:
            if told is not None:
                told(opened)
            if browser and not group:
                try:
                    webbrowser.open(opened.url)
                except webbrowser.Error as error:
                    _log.info("no browser: %s", error)

        serve(room, listening, begun, proxy)


@contextmanager
def open_room(
    run: Path | str,
    *,
    database: str | Path | None = None,
    group: bool = False,
    https: bool = False,
    hosts: Sequence[str] = LOOPBACK,
    name: str | None = None,
    overrides: Sequence[str] = (),
) -> Iterator["Room"]:
    """The room of a run with all its parts; what works in the background ends with the block.

    Raises
    ------
    ConfigError
        If the folder is no run, or a group has no accounts.
    """
    from oddqso.review.atlas import Atlas
    from oddqso.review.learning.learner import Learner
    from oddqso.review.room import Mode, Room
    from oddqso.review.samp import Broadcaster
    from oddqso.review.source import open_source
    from oddqso.review.store import open_store
    from oddqso.stages.views import spectrum_views

    directory = RunDirectory(Path(run))
    settings = _settings(directory, overrides)
    source = open_source(directory.root, lambda target_ids: spectrum_views(directory, target_ids))
    store = open_store(database or default_store(directory.root))
    learner, atlas = Learner(source, store, settings.review.learning), Atlas(source)
    parts = ExitStack()
    try:
        if group and not any(one.has_password and not one.disabled for one in store.reviewers()):
            raise ConfigError("a group needs accounts: make them with `oddqso reviewers add NAME --role lead`")
        learner.start()
        atlas.start()
        Thread(target=source.warm, name="warm", daemon=True).start()
        yield Room(
            store=store,
            source=source,
            params=settings.review,
            learner=learner,
            atlas=atlas,
            desk=parts.enter_context(open_desk(directory, settings)),
            samp=None if group else parts.enter_context(Broadcaster()),
            mode=Mode.GROUP if group else Mode.LAPTOP,
            local=None if group else store.ensure_local_reviewer(name or getpass.getuser()),
            allowed_hosts=tuple(hosts),
            https=https,
        )
    finally:
        parts.close()
        atlas.close()
        learner.close()
        store.close()


def _settings(directory: RunDirectory, overrides: Sequence[str]) -> Settings:
    record = directory.record()
    if record is None:
        raise ConfigError(f"{directory.root} is no run: it has no run.json; make one with `oddqso run INPUT --run RUN`")
    kept: dict[str, Any] = record["settings"]
    changed = read_settings(None, overrides).model_dump(exclude_unset=True)
    others = sorted(set(changed) - {"review"})
    if others:
        raise ConfigError(f"--set {others[0]}... is no setting of the review; those are review.name=value")
    return make_settings(kept | {"review": _merged(kept.get("review", {}), changed.get("review", {}))}, "the settings")


def _merged(kept: dict[str, Any], changed: dict[str, Any]) -> dict[str, Any]:
    """Settings with some changed, within sections as well."""
    inner = {
        name: _merged(kept[name], value) if isinstance(value, dict) and isinstance(kept.get(name), dict) else value
        for name, value in changed.items()
    }
    return kept | inner


def usual_port(run: Path) -> int:
    """The port that a run is reviewed at if nobody says another; the same each time.

    A browser keeps verdicts that it could not send by the address of the page. If the server ends and comes back at
    another port, the page would send them to nobody for ever.

    Examples
    --------
    >>> usual_port(Path("/data/run")) == usual_port(Path("/data/other/../run"))
    True
    """
    digest = hashlib.sha256(str(run.resolve()).encode(errors="surrogateescape")).digest()
    return 20_000 + int.from_bytes(digest[:4], "big") % 12_000


def _listen(host: str, port: int, run: Path) -> socket:
    from oddqso.review.serving import listen

    if port:
        return listen(host, port)
    try:
        return listen(host, usual_port(run))
    except ConfigError:  # another room of the run, or something else
        return listen(host, 0)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _plain(host: str) -> str:
    """A host's name as it stands in headers, without port and brackets."""
    plain = host.strip().strip("[]").lower()
    if not plain or any(letter in plain for letter in "/*@ "):
        raise ConfigError(f"--allowed-host {host!r} is no name of a host; write it without scheme and path")
    return plain


def _shown(database: str | Path) -> str:
    """The store's address without the password that may stand in it."""
    text = str(database)
    scheme, mark, rest = text.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}" if mark else text
