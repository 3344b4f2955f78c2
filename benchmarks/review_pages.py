"""How fast the spectrum page turns: from a key to the next spectrum on the screen, in Chromium.

``python benchmarks/review_pages.py RUN`` prints the figures. The page measures itself: `performance.measure("flip")`
runs from the time of the key event to the first moment after the new spectrum was painted. The run should have at least
10,000 objects. "Ahead" is at a reader's pace, when the next objects are fetched ahead; "cold" jumps to objects that
were never asked for, with the request on the way.
"""

import json
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn

from oddqso import api
from oddqso.review.app import create_app
from oddqso.review.serving import listen

N_FLIPS = 60
PACE_MS = 600
"""Between two keys: a fast reader's."""


def measure(run: Path, scratch: Path) -> dict[str, float]:
    """Flip times [ms] on a complete run; the store is made in ``scratch``."""
    from playwright.sync_api import sync_playwright

    with api.reviewing.open_room(run, database=scratch / "pages.sqlite", name="benchmark") as room:
        listening = listen("127.0.0.1", 0)
        server = uvicorn.Server(uvicorn.Config(create_app(room), log_level="error", access_log=False))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.context.request.get(f"{base}/?token={room.launch.new()}", max_redirects=0)
            first = page.context.request.get(f"{base}/api/v1/next?queue=score&n=1").json()["items"][0]
            page.goto(f"{base}/object/{first}?queue=score")
            page.wait_for_timeout(4 * PACE_MS)
            ahead = flips(page, "o", N_FLIPS, PACE_MS)
            last = page.context.request.get(f"{base}/api/v1/queues/score?offset={room.source.n // 2}&limit=1").json()
            page.goto(f"{base}/object/{last['items'][0]['target_id']}?queue=score")
            page.wait_for_timeout(4 * PACE_MS)
            cold = flips(page, "n", 20, 0)
            browser.close()
        server.should_exit = True
        thread.join(10)
        n_objects = room.source.n
    return {
        "page_flip_ms_p50": percentile(ahead, 50),
        "page_flip_ms_p95": percentile(ahead, 95),
        "page_flip_n": len(ahead),
        "page_flip_rush_ms_p50": percentile(cold, 50),
        "page_flip_rush_ms_p95": percentile(cold, 95),
        "page_flip_objects": n_objects,
    }


def flips(page: Any, key: str, n: int, pace_ms: int) -> list[float]:
    """Press a key ``n`` times, and read what the page measured."""
    page.evaluate("performance.clearMeasures()")
    for _ in range(n):
        shown = page.evaluate("document.documentElement.dataset.shown")
        page.keyboard.press(key)
        page.wait_for_function("was => document.documentElement.dataset.shown !== was", arg=shown)
        page.wait_for_timeout(pace_ms)
    found: list[float] = page.evaluate("performance.getEntriesByName('flip').map((one) => one.duration)")
    return found


def percentile(times: list[float], which: float) -> float:
    """Rounded to 0.1 ms."""
    return round(float(np.percentile(times, which)), 1)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(sys.argv[1]), Path(folder)), indent=2))
