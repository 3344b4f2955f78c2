"""The people who review, and the store of what they say."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from oddqso.errors import ConfigError, DataError
from oddqso.runs.directory import RunDirectory

if TYPE_CHECKING:  # heavy: not at the start of a command line
    from oddqso.review.store import ApiToken, Reviewer, Store, StoreInfo


@dataclass(frozen=True, slots=True)
class StorePlace:
    """Where a store of reviews is: the file of a run, or a database of its own.

    Parameters
    ----------
    run : path, optional
        A run; its file is ``RUN/review/review.sqlite``.
    database : path or str, optional
        A SQLite file or a PostgreSQL URL; it goes before the run's own file.

    Raises
    ------
    ConfigError
        If neither is given, or the folder is no run.
    """

    run: Path | str | None = None
    database: Path | str | None = None

    def __post_init__(self) -> None:
        if self.database is None and self.run is None:
            raise ConfigError("say which store: --run RUN for the run's own, or --database with a file or a URL")
        if self.database is None and RunDirectory(Path(str(self.run))).record() is None:
            raise ConfigError(f"{self.run} is no run: it has no run.json; name a run, or a --database")

    @property
    def url(self) -> Path | str:
        """What `oddqso.review.store.open_store` takes."""
        return default_store(Path(str(self.run))) if self.database is None else self.database

    @contextmanager
    def opened(self, make: bool = False) -> Iterator["Store"]:
        """The store, brought up to date.

        Parameters
        ----------
        make : bool
            Whether to make one where there is none.

        Raises
        ------
        StoreError
            If there is none, or it cannot be opened.
        """
        from oddqso.review.store import describe, open_store

        if not make:
            describe(self.url)
        store = open_store(self.url)
        try:
            yield store
        finally:
            store.close()


def default_store(run: Path) -> Path:
    """A run's own store."""
    return run / "review" / "review.sqlite"


def add_reviewer(
    place: StorePlace, name: str, role: str = "reviewer", password: Callable[[], str] | None = None
) -> "Reviewer":
    """Make an account; its verdicts bear the name.

    Parameters
    ----------
    place : StorePlace
        A store is made if there is none.
    name : str
        Unique, whatever its case; at most 64 characters.
    role : str
        ``reviewer``, or ``lead``: also accounts, assignments, gold items and settling.
    password : callable, optional
        Gives the password, of at least 10 characters; asked once the rest is known to be good. Without one nobody can
        sign in, and tokens still work.

    Raises
    ------
    DataError
        For a name, role or password that cannot be used.
    ConflictError
        If the name is taken.
    """
    from oddqso.errors import ConflictError

    with place.opened(make=True) as store:
        if store.reviewer(name) is not None:
            raise ConflictError(f"there is a reviewer {name} already; choose another name")
        return store.add_reviewer(name, role, None if password is None else password())


def list_reviewers(place: StorePlace) -> list[tuple["Reviewer", int]]:
    """All accounts by name, and how many objects each has judged."""
    with place.opened() as store:
        judged = store.counts().by_reviewer
        return [(one, judged.get(one.name, 0)) for one in store.reviewers()]


def set_password(place: StorePlace, name: str, password: Callable[[], str]) -> None:
    """Change a password; the reviewer is signed out everywhere."""
    with place.opened() as store:
        found = _known(store, name)
        store.set_password(found.id, password())


def set_role(place: StorePlace, name: str, role: str) -> None:
    """Make a reviewer a lead, or a lead a reviewer."""
    with place.opened() as store:
        store.set_role(_known(store, name).id, role)


def disable_reviewer(place: StorePlace, name: str, disabled: bool = True) -> None:
    """Shut an account, and sign it out; its verdicts stay. Or open it again."""
    with place.opened() as store:
        store.disable(_known(store, name).id, disabled)


def new_token(place: StorePlace, name: str, label: str) -> str:
    """A token for the programming interface, in a reviewer's name; only its hash is kept."""
    with place.opened() as store:
        return store.api_token(_known(store, name).id, label)


def list_tokens(place: StorePlace, name: str | None = None) -> list["ApiToken"]:
    """The tokens of one reviewer or of all, without what they are."""
    with place.opened() as store:
        return store.api_tokens(None if name is None else _known(store, name).id)


def revoke_token(place: StorePlace, name: str, token_id: int) -> None:
    """Make a reviewer's token worthless.

    Raises
    ------
    DataError
        If that reviewer has no such token.
    """
    with place.opened() as store:
        if token_id not in {token.id for token in store.api_tokens(_known(store, name).id)}:
            raise DataError(f"{name} has no token {token_id}; see `oddqso reviewers token {name} --list`")
        store.revoke_token(token_id)


def store_info(place: StorePlace) -> "StoreInfo":
    """What a store is and how much it holds; nothing is changed."""
    from oddqso.review.store import describe

    return describe(place.url)


def store_migrate(place: StorePlace) -> "StoreInfo":
    """Make a store, or bring it up to date; opening it does the same."""
    with place.opened(make=True):
        pass
    return store_info(place)


def store_backup(place: StorePlace, path: Path | str) -> dict[str, int]:
    """Copy a store of this moment into one file, while others go on; rows by table."""
    with place.opened() as store:
        return store.backup(path)


def store_restore(place: StorePlace, path: Path | str) -> dict[str, int]:
    """Fill a new or empty store from a backup; rows by table."""
    with place.opened(make=True) as store:
        return store.restore(path)


def _known(store: "Store", name: str) -> "Reviewer":
    found = store.reviewer(name)
    if found is None:
        names = ", ".join(one.name for one in store.reviewers()[:10]) or "nobody yet"
        raise DataError(f"there is no reviewer {name} (there are: {names}); see `oddqso reviewers list`")
    return found
