"""A room in a process of its own, and browsers that look at it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from oddqso.review.store import open_store

SERVE = Path(__file__).parent / "serve.py"


@dataclass
class Server:
    """A server that can be killed and started again at the same place."""

    run: Path
    store: Path
    port: int = 0
    process: subprocess.Popen | None = None
    url: str = ""
    seen: int = 0

    def start(self) -> None:
        command = [sys.executable, "-W", "ignore", str(SERVE), str(self.run), str(self.store), str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        assert self.url, "the server did not start"
        self.port = urlsplit(self.url).port

    def kill(self) -> None:
        """As by kill -9."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    @property
    def base(self) -> str:
        return self.url.partition("/?")[0]

    def verdicts(self) -> list:
        """Entries that this test has made."""
        with closing(open_store(self.store)) as store:
            return store.verdicts()[self.seen :]


@pytest.fixture(scope="module")
def browser(chromium):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def served_run(made_run) -> Path:
    """The run that is served."""
    return made_run


@pytest.fixture(scope="module")
def _server(served_run, tmp_path_factory) -> Iterator[Server]:
    started = Server(served_run, tmp_path_factory.mktemp("served") / "review.sqlite")
    started.start()
    yield started
    started.kill()


@pytest.fixture(scope="module")
def _cookies(browser, _server) -> list:
    """Those of who has opened the link, which works once."""
    context = browser.new_context()
    context.request.get(_server.url, max_redirects=0)
    cookies = context.cookies()
    context.close()
    return cookies


@pytest.fixture
def server(_server) -> Server:
    _server.seen = 0
    _server.seen = len(_server.verdicts())
    return _server


@dataclass
class Reader:
    """A page, and what went wrong on it."""

    page: object
    context: object
    base: str
    problems: list[str] = field(default_factory=list)

    def open(self, place: int = 0) -> str:
        """Open an object by its place in the queue by score."""
        answer = self.context.request.get(f"{self.base}/api/v1/queues/score?limit=1&offset={place}")
        target_id = answer.json()["items"][0]["target_id"]
        self.page.goto(f"{self.base}/object/{target_id}?queue=score")
        self.wait(target_id)
        return target_id

    def wait(self, target_id: str) -> None:
        self.page.wait_for_function("id => document.documentElement.dataset.shown === id", arg=target_id)

    def shown(self) -> str:
        return self.page.evaluate("document.documentElement.dataset.shown")

    def press(self, *keys: str) -> None:
        """Press keys; wait after each that leads to another object."""
        for key in keys:
            self.page.keyboard.press(key)

    def go_on(self, key: str) -> str:
        """Press a key that leads to another object, and wait until it is painted."""
        before = self.shown()
        self.page.keyboard.press(key)
        self.page.wait_for_function("id => document.documentElement.dataset.shown !== id", arg=before)
        return self.shown()

    def saved(self) -> None:
        self.page.wait_for_function("() => document.getElementById('outbox-state').dataset.state === 'saved'")


@pytest.fixture
def reader(browser, server, _cookies) -> Iterator[Callable[..., Reader]]:
    """Makes readers; none of their pages may break a rule of its own content security policy, or throw."""
    made = []

    def make(**options) -> Reader:
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 800}} | options))
        context.set_default_timeout(15_000)
        one = Reader(context.new_page(), context, server.base)
        one.page.on("pageerror", lambda error: one.problems.append(str(error)))
        one.page.on("console", lambda line: one.problems.append(line.text) if "Security" in line.text else None)
        context.add_cookies(_cookies)
        made.append(one)
        return one

    yield make
    for one in made:
        one.page.unroute_all(behavior="wait")  # a request may be under way in a handler that the test has set
        one.context.close()
    assert not [problem for one in made for problem in one.problems]
