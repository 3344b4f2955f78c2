"""The command itself, in a process of its own: opened, killed, opened again."""

import os
import re
import shutil
import signal
import subprocess
import sys
import uuid

import httpx
import pytest

from oddqso.api.reviewing import open_room
from oddqso.errors import ConfigError
from oddqso.review.store import open_store

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("pipeline")]


class Opened:
    """A room that a process serves, and a browser in it."""

    def __init__(self, run, *words):
        command = [sys.executable, "-m", "oddqso.cli", "review", str(run), "--no-browser", "--name", "ada", *words]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        self.url = ""
        for line in self.process.stdout:
            found = re.search(r"http://\S+", line)
            if found:
                self.url = found[0]
                break
        assert self.url, self.process.stderr.read()
        self.client = httpx.Client(base_url=self.url.split("?")[0], follow_redirects=True)

    def enter(self):
        assert self.client.get(self.url, follow_redirects=False).status_code == 303
        page = self.client.get("/api")
        assert page.status_code == 200, page.text
        self.client.headers["x-csrf-token"] = re.search(r'name="csrf" content="(\w+)"', page.text)[1]
        return self

    def give(self, target_id):
        sent = {"client_id": str(uuid.uuid4()), "target_id": target_id, "verdict": "ORDINARY", "comment": "seen"}
        answer = self.client.post("/api/v1/verdicts", json=sent)
        assert answer.status_code == 201, answer.text
        return sent

    def end(self, number):
        self.process.send_signal(number)
        out, error = self.process.communicate(timeout=20)
        self.client.close()
        return self.process.returncode, out, error


@pytest.fixture
def opened(finished_run, tmp_path):
    """Opens a room on a copy of a run; what is still open at the end is killed."""
    run = shutil.copytree(finished_run, tmp_path / "run", symlinks=True)
    rooms = []

    def start(*words):
        rooms.append(Opened(run, *words))
        return rooms[-1]

    start.run = run
    yield start
    for room in rooms:
        if room.process.poll() is None:
            room.process.kill()
            room.process.communicate()


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(opened):
    room = opened().enter()
    ids = room.client.get("/api/v1/next?queue=score&n=12").json()["items"]
    said = [room.give(target_id) for target_id in ids[:8]]
    room.end(signal.SIGKILL)
    again = opened().enter()
    stored = again.client.get("/api/v1/verdicts").json()["verdicts"]
    assert [one["client_id"] for one in stored] == [one["client_id"] for one in said]
    assert again.client.post("/api/v1/verdicts", json=said[-1]).status_code == 200, "sent again, it is the same"
    assert again.client.get("/api/v1/next?queue=unlabeled&n=1").json()["items"] == [ids[8]]
    for target_id in ids[8:]:
        again.give(target_id)
    code, _, error = again.end(signal.SIGTERM)
    assert code == 0
    assert "Traceback" not in error
    store = open_store(opened.run / "review" / "review.sqlite")
    assert store.counts().n_entries == 12
    store.close()


def test_whoever_was_in_stays_in_when_the_server_comes_back(opened):
    room = opened().enter()
    cookies = dict(room.client.cookies)
    room.end(signal.SIGTERM)
    again = opened()
    again.client.cookies.update(cookies)
    assert again.client.get("/api/v1/me").json()["name"] == "ada"
    again.end(signal.SIGINT)


def test_a_group_without_accounts_does_not_open(opened):
    with pytest.raises(ConfigError, match="oddqso reviewers add"), open_room(opened.run, group=True):
        pass
