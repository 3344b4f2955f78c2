"""Make the images of the review room from a finished demo (`make demo` first): a few verdicts, and every page.

Writes ``docs/images/review-*.png``. Needs Chromium.
"""

import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import uvicorn

from oddqso import api
from oddqso.review.app import create_app
from oddqso.review.serving import listen

IMAGES = Path(__file__).parent / "images"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PAGES = ("map", "learning", "vetting", "agreement", "settle", "api")
VERDICTS = "oarowakoru"
"""Keys; so the other pages have something to show."""


def main(run: Path) -> None:
    """All pages of a room on a run; verdicts go to a store that is thrown away."""
    from playwright.sync_api import sync_playwright

    IMAGES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        api.reviewing.open_room(run, database=Path(folder) / "shots.sqlite", name="ada") as room,
    ):
        listening = listen("127.0.0.1", 0)
        server = uvicorn.Server(uvicorn.Config(create_app(room), log_level="error", access_log=False))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1360, "height": 820})
            page.context.request.get(f"{base}/?token={room.launch.new()}", max_redirects=0)
            objects(page, base)
            for name, path in (("queues", ""), *((one, one) for one in PAGES)):
                answer = page.goto(f"{base}/{path}")
                page.wait_for_timeout(2500)
                if answer is not None and answer.ok:
                    shoot(page, name)
            tablet(browser, page, base)
            browser.close()
        server.should_exit = True
        thread.join(10)


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
