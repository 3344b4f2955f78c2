"""Rooms on a made run, and people who ask."""

import itertools
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from fastapi.testclient import TestClient

from oddqso.review.app import create_app
from oddqso.review.params import ReviewParams
from oddqso.review.room import Mode, Room
from oddqso.review.source import open_source
from oddqso.review.store import Role, accounts, open_store

PASSWORD = "correct horse battery"
API = "/api/v1"


CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords in a millisecond instead of a tenth of a second."""
    monkeypatch.setattr(accounts, "_HASHER", CHEAP)
    accounts._hash_of_nobody.cache_clear()


@pytest.fixture(scope="session")
def new_store(tmp_path_factory) -> Path:
    """A store with a lead, ada, and two reviewers, ben and eve; to be copied."""
    path = tmp_path_factory.mktemp("store") / "review.sqlite"
    store = open_store(path)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(accounts, "_HASHER", CHEAP)
        for name in ("ada", "ben", "eve"):
            store.add_reviewer(name, Role.LEAD if name == "ada" else Role.REVIEWER, PASSWORD)
    store.close()
    return path


@pytest.fixture(scope="session")
def source(made_run, made_views):
    return open_source(made_run, made_views)


@pytest.fixture
def room(source, new_store, tmp_path, clock) -> Iterator[Room]:
    """A group with a lead, ada, and two reviewers, ben and eve; nothing is withheld."""
    store = open_store(shutil.copy(new_store, tmp_path / "review.sqlite"), clock)
    names = ("testserver", "127.0.0.1", "localhost")
    yield Room(store, source, ReviewParams(blind=False), Mode.GROUP, allowed_hosts=names)
    store.close()


@dataclass
class Person:
    """A browser in which somebody has signed in."""

    client: TestClient
    csrf: str

    def get(self, path, **more):
        return self.client.get(f"{API}{path}", **more)

    def post(self, path, body, **headers):
        return self.client.post(f"{API}{path}", json=body, headers={"x-csrf-token": self.csrf, **headers})

    def send(self, method, path, body=None):
        return self.client.request(method, f"{API}{path}", json=body, headers={"x-csrf-token": self.csrf})


@pytest.fixture
def sign_in():
    """Sign somebody in to a room's application."""

    def enter(room: Room, name: str | None = "ada", app=None) -> Person:
        client = TestClient(app or create_app(room), follow_redirects=False)
        if name is None:
            return Person(client, "")
        answer = client.post("/login", data={"name": name, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        token = next(iter(client.cookies.values()))
        return Person(client, room.store.session(token)[1])

    return enter


@pytest.fixture
def ada(room, sign_in) -> Person:
    return sign_in(room, "ada")


@pytest.fixture
def blind_room(room) -> Room:
    return replace(room, params=ReviewParams(blind=True, gold_share=0.25))


@pytest.fixture
def laptop(room) -> Room:
    local = room.store.ensure_local_reviewer("me")
    return replace(room, mode=Mode.LAPTOP, local=local)


_numbers = itertools.count()


@pytest.fixture
def verdict(source):
    """What a page sends, of the n-th object."""

    def make(row: int = 0, **more):
        target_id = str(source.columns["TARGETID"][row])
        return {"client_id": str(uuid.uuid4()), "target_id": target_id, "verdict": "ORDINARY"} | more

    return make
