"""Make the images of the review room from a finished demo (`make demo` first): a few verdicts, and every page.

Writes ``docs/images/review-*.png``. Needs Chromium.
"""

import shutil
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from oddqso import api
from oddqso.review.app import create_app
from oddqso.review.serving import listen
from oddqso.review.store import NewVerdict, Role, open_store

IMAGES = Path(__file__).parent / "images"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PAGES = ("map", "learning", "vetting", "api")
GROUP_PAGES = ("agreement", "settle", "people")
PASSWORD = "for these images only"
UNTIL = {
    "map": "#map-status:not(:has-text('being made')):has-text('objects')",
    "vetting": "#groups tr",
    "settle": "#sides article",
}
"""What stands on a page when it is ready."""
VERDICTS = "oarowakoru"
"""Keys; so the other pages have something to show."""


def main(run: Path) -> None:
    """All pages of a room on a run, of one person and of a group; verdicts go to stores that are thrown away."""
    from playwright.sync_api import sync_playwright

    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        alone = api.reviewing.open_room(run, database=Path(folder) / "shots.sqlite", name="ada")
        with alone as room, served(room) as base:
            page = browser.new_page(viewport={"width": 1360, "height": 820})
            page.context.request.get(f"{base}/?token={room.launch.new()}", max_redirects=0)
            objects(page, base)
            shoot_pages(page, base, {"queues": ""} | {name: name for name in PAGES})
            tablet(browser, page, base)
        accounts = Path(folder) / "group.sqlite"
        make_accounts(accounts)
        with api.reviewing.open_room(run, database=accounts, group=True) as room:
            people(room)
            with served(room) as base:
                page = browser.new_page(viewport={"width": 1360, "height": 820})
                page.goto(f"{base}/login")
                page.fill("[name=name]", "ada")
                page.fill("[name=password]", PASSWORD)
                page.keyboard.press("Enter")
                page.wait_for_url(f"{base}/")
                shoot_pages(page, base, {name: name for name in GROUP_PAGES})
        browser.close()


@contextmanager
def served(room: Any) -> Iterator[str]:
    """The address of a room that answers."""
    with listen("127.0.0.1", 0) as listening:
        server = uvicorn.Server(uvicorn.Config(create_app(room), log_level="error", access_log=False))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


def make_accounts(path: Path) -> None:
    """A lead and two reviewers."""
    store = open_store(path)
    for name in ("ada", "ben", "cleo"):
        store.add_reviewer(name, Role.LEAD if name == "ada" else Role.REVIEWER, PASSWORD, by="ada")
    store.close()


def people(room: Any) -> None:
    """What a group has done: verdicts that mostly agree, objects dealt out, gold items."""
    store, ids = room.store, [int(one) for one in room.source.target_id[:40]]
    said = {"ada": "OAAOAOOAOAOOAO", "ben": "OAOOAOOAOAOOAO", "cleo": "OAAOAOOKOAOOUO"}
    words = {"O": "ORDINARY", "A": "ANOMALY", "K": "KNOWN", "U": "UNSURE"}
    for one in store.reviewers():
        for place, letter in enumerate(said[one.name]):
            comment = "a trough blueward of C IV" if letter == "A" else ""
            told = {"verdict": words[letter], "comment": comment, "confidence": 2, "interest": 4 * (letter == "A")}
            store.add_verdict(one.id, NewVerdict(client_id=str(uuid.uuid4()), target_id=ids[place], **told))
        if one.role is not Role.LEAD:
            store.assign(ids[10:30], one.id, "score", "ada")
    store.set_gold(ids[1], "ANOMALY", None, "ada")
    store.set_gold(ids[3], "ORDINARY", None, "ada")


def shoot_pages(page: Any, base: str, pages: dict[str, str]) -> None:
    """Each page by its name, when it has drawn itself."""
    for name, path in pages.items():
        answer = page.goto(f"{base}/{path}")
        if answer is not None and answer.ok:
            page.wait_for_selector(UNTIL.get(name, "main"), timeout=180_000)
            page.wait_for_timeout(2500)
            shoot(page, name)


def objects(page: Any, base: str) -> None:
    """The spectrum page: bright, by day and by night, with its help, zoomed, and with sub-types."""
    items = page.context.request.get(f"{base}/api/v1/queues/score?limit=60").json()["items"]
    bright = next((one for one in items[4:] if one["snr"] > 4), items[0])["target_id"]
    for one, key in zip(items[10:], VERDICTS, strict=False):
        page.goto(f"{base}/object/{one['target_id']}?queue=score")
        page.wait_for_selector("html[data-shown]")
        page.keyboard.press("3")
        page.keyboard.press(key)
        page.wait_for_timeout(300)
    page.goto(f"{base}/object/{bright}?queue=score")
    page.wait_for_selector(".neighbor canvas")
    page.wait_for_timeout(1500)
    shoot(page, "object")
    page.screenshot(path=IMAGES / "review-object-whole.png", full_page=True)
    page.keyboard.press("?")
    shoot(page, "help")
    page.keyboard.press("Escape")
    for key in ("+", "+", "+", "s", "A"):
        page.keyboard.press(key)
    page.wait_for_timeout(400)
    shoot(page, "zoom")
    page.keyboard.press("Escape")
    page.keyboard.press("x")
    page.keyboard.press("T")
    page.wait_for_timeout(400)
    shoot(page, "dark")
    page.keyboard.press("T")


def tablet(browser: Any, page: Any, base: str) -> None:
    """The same on a tablet."""
    context = browser.new_context(viewport={"width": 768, "height": 1024}, has_touch=True, is_mobile=True)
    context.add_cookies(page.context.cookies())
    held = context.new_page()
    target_id = context.request.get(f"{base}/api/v1/next?queue=score&n=1").json()["items"][0]
    held.goto(f"{base}/object/{target_id}?queue=score")
    held.wait_for_timeout(1500)
    shoot(held, "tablet")
    context.close()


def shoot(page: Any, name: str) -> None:
    """What the window shows."""
    page.screenshot(path=IMAGES / f"review-{name}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("runs/demo"))
