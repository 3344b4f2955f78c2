"""The command that opens the review room."""

from pathlib import Path
from typing import Annotated

import typer

from oddqso import api
from oddqso.cli.options import DatabaseOption, SetOption


def review(
    run: Annotated[Path, typer.Argument(help="The run's directory.")],
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where to listen; 0 takes the run's usual port, or a free one.")
    ] = 0,
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than the loopback need --group.")
    ] = "127.0.0.1",
    database: DatabaseOption = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
    name: Annotated[str | None, typer.Option(help="Who reviews on a laptop; the login by default.")] = None,
    group: Annotated[
        bool, typer.Option("--group/--laptop", help="People sign in with accounts (`oddqso reviewers`).")
    ] = False,
    https: Annotated[
        bool, typer.Option("--https/--plain-http", help="Whether a group's browsers come by HTTPS, through a proxy.")
    ] = True,
    allowed_host: Annotated[
        list[str] | None, typer.Option(help="A name under which browsers ask for the room; may be repeated.")
    ] = None,
    proxy: Annotated[
        str | None, typer.Option(help="Address of the proxy in front, whose X-Forwarded-For is believed.")
    ] = None,
    set: SetOption = None,
) -> None:
    """Open the room where people judge what a run found; Ctrl-C ends it, and nothing is lost."""
    api.review(
        run,
        host=host,
        port=port,
        database=database,
        group=group,
        https=https,
        allowed_hosts=allowed_host or (),
        proxy=proxy,
        name=name,
        browser=browser,
        overrides=set or (),
        told=_tell,
    )


def _tell(opened: api.Opened) -> None:
    print(f"{opened.run}: {opened.n:,} objects; verdicts are kept in {opened.store}")
    if opened.is_group:
        print(f"the room is open at {opened.url}; people sign in there", flush=True)
    else:
        print(f"open this link, it works once:\n\n    {opened.url}\n", flush=True)
