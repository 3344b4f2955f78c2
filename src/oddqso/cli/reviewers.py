"""Commands of the people who review, and of the store of what they say."""

import sys
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from oddqso import api
from oddqso.cli.options import DatabaseOption
from oddqso.errors import ConfigError

if TYPE_CHECKING:  # heavy: not at the start of a command line
    from oddqso.review.store import StoreInfo

people = typer.Typer(no_args_is_help=True, help="Accounts of the review room.")
store = typer.Typer(no_args_is_help=True, help="The store of reviews: backup, restore, migrate.")

RunOfStore = Annotated[Path | None, typer.Option("--run", help="The run whose own store it is.")]
Name = Annotated[str, typer.Argument(help="The reviewer.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from the standard input's first line.")
]


def add(
    name: Name,
    run: RunOfStore = None,
    database: DatabaseOption = None,
    role: Annotated[str, typer.Option(help="reviewer, or lead: also accounts, gold items and settling.")] = "reviewer",
    password_stdin: FromStdin = False,
    no_password: Annotated[bool, typer.Option("--no-password", help="Nobody signs in; tokens still work.")] = False,
) -> None:
    """Make an account; the password is asked twice, and not shown."""
    ask = None if no_password else (lambda: _password(password_stdin))
    made = api.add_reviewer(api.StorePlace(run, database), name, role, ask)
    print(f"{made.name} ({made.role}) may review")


def list_(run: RunOfStore = None, database: DatabaseOption = None) -> None:
    """Who may review, and how much each has judged."""
    table = Table("name", "role", "objects judged", "")
    for one, judged in api.list_reviewers(api.StorePlace(run, database)):
        state = "disabled" if one.disabled else "" if one.has_password else "no password"
        table.add_row(one.name, one.role, f"{judged:,}", state)
    Console(width=None if sys.stdout.isatty() else 100).print(table)


def password(
    name: Name, run: RunOfStore = None, database: DatabaseOption = None, password_stdin: FromStdin = False
) -> None:
    """Change a password; the reviewer is signed out everywhere."""
    api.set_password(api.StorePlace(run, database), name, lambda: _password(password_stdin))
    print(f"{name} has a new password")


def role(
    name: Name,
    role: Annotated[str, typer.Argument(help="reviewer or lead.")],
    run: RunOfStore = None,
    database: DatabaseOption = None,
) -> None:
    """Make a reviewer a lead, or a lead a reviewer."""
    api.set_role(api.StorePlace(run, database), name, role)
    print(f"{name} is {role} now")


def disable(
    name: Name,
    run: RunOfStore = None,
    database: DatabaseOption = None,
    enable: Annotated[bool, typer.Option("--enable", help="Open the account again.")] = False,
) -> None:
    """Shut an account; what it said stays."""
    api.disable_reviewer(api.StorePlace(run, database), name, not enable)
    print(f"{name} is {'enabled' if enable else 'disabled'}")


def token(
    name: Name,
    run: RunOfStore = None,
    database: DatabaseOption = None,
    label: Annotated[str, typer.Option(help="What it is for.")] = "command line",
    list_: Annotated[bool, typer.Option("--list", help="Tell the reviewer's tokens, and make none.")] = False,
    revoke: Annotated[int | None, typer.Option(help="Make the token of this number worthless.")] = None,
) -> None:
    """Make a token for the programming interface; it is shown once."""
    place = api.StorePlace(run, database)
    if list_:
        for one in api.list_tokens(place, name):
            print(f"{one.id}  {one.name}  {one.created[:10]}{'  revoked' if one.revoked else ''}")
    elif revoke is not None:
        api.revoke_token(place, name, revoke)
        print(f"token {revoke} of {name} is worthless now")
    else:
        print(api.new_token(place, name, label))


def info(run: RunOfStore = None, database: DatabaseOption = None) -> None:
    """What a store is and how much it holds; nothing is changed."""
    _tell(api.store_info(api.StorePlace(run, database)))


def migrate(run: RunOfStore = None, database: DatabaseOption = None) -> None:
    """Make a store, or bring its schema up to date; `oddqso review` does the same."""
    _tell(api.store_migrate(api.StorePlace(run, database)))


def backup(
    path: Annotated[Path, typer.Argument(help="The file to write.")],
    run: RunOfStore = None,
    database: DatabaseOption = None,
) -> None:
    """Copy a store into one file, while others go on reviewing."""
    rows = api.store_backup(api.StorePlace(run, database), path)
    print(f"{path}: {rows['verdicts']:,} entries, {rows['reviewers']:,} reviewers")


def restore(
    path: Annotated[Path, typer.Argument(help="A backup.")],
    run: RunOfStore = None,
    database: DatabaseOption = None,
) -> None:
    """Fill a new or empty store from a backup; it may be of the other kind of database."""
    rows = api.store_restore(api.StorePlace(run, database), path)
    print(f"restored: {rows['verdicts']:,} entries, {rows['reviewers']:,} reviewers")


def _tell(told: "StoreInfo") -> None:
    print(f"{told.where}\n{told.kind}, schema {told.schema or 'none'} (this oddqso writes {told.newest})")
    for name, rows in told.rows.items():
        print(f"{rows:>12,}  {name}")


def _password(from_stdin: bool) -> str:
    if from_stdin:
        line = sys.stdin.readline()
        if not line.strip("\r\n"):
            raise ConfigError("the standard input holds no password")
        return line.rstrip("\r\n")
    if not sys.stdin.isatty():
        raise ConfigError("there is no terminal to ask for a password; use --password-stdin")
    try:
        first, second = getpass("Password: "), getpass("The same again: ")
    except EOFError:
        raise ConfigError("no password was given") from None
    if first != second:
        raise ConfigError("the two passwords differ; nothing was changed")
    return first


for name, command in (
    ("add", add), ("list", list_), ("password", password), ("role", role), ("disable", disable), ("token", token),
):  # fmt: skip
    people.command(name)(command)
for word, action in (("info", info), ("migrate", migrate), ("backup", backup), ("restore", restore)):
    store.command(word)(action)
