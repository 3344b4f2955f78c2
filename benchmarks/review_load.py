"""Fifty reviewers at once on one server: latencies and errors, on the loopback and for a bounded time.

Each signs in, opens the spectrum page, and goes through a queue of one's own as the page does: what comes next, facts
and spectrum of the object (fetched ahead), neighbors of every fifth, a verdict after a time to think, an undo now and
then. The server is the command itself, with accounts, blinding and a SQLite store, in a process of its own.
"""

import argparse
import asyncio
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from oddqso.review.store import open_store

PASSWORD = "fifty reviewers at once"
N_REVIEWERS, SECONDS, THINK_S = 50, 40.0, 3.0


class Watch:
    """Latencies by kind of request, and what went wrong."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.errors: list[str] = []
        self.counts_from = float("inf")

    async def ask(self, client: httpx.AsyncClient, kind: str, method: str, path: str, **more: Any) -> Any:
        """Ask, and note how long it took; None if it went wrong."""
        start = time.perf_counter()
        try:
            answer = await client.request(method, path, **more)
        except httpx.HTTPError as error:
            self.errors.append(f"{kind}: {type(error).__name__}")
            return None
        if time.monotonic() >= self.counts_from:
            self.seconds[kind].append(time.perf_counter() - start)
        if answer.status_code >= 400:
            self.errors.append(f"{kind}: {answer.status_code} {answer.text[:80]}")
            return None
        return answer


async def sign_in(watch: Watch, base: str, name: str) -> httpx.AsyncClient:
    """A browser in which a reviewer has signed in."""
    client = httpx.AsyncClient(base_url=base, timeout=30, headers={"accept-encoding": "gzip"})
    await watch.ask(client, "sign in", "POST", "/login", data={"name": name, "password": PASSWORD})
    page = await watch.ask(client, "page", "GET", "/api")
    client.headers["x-csrf-token"] = re.search(r'name="csrf" content="(\w+)"', page.text)[1]
    return client


async def look(watch: Watch, client: httpx.AsyncClient, number: int, think_s: float, until: float) -> int:
    """Review until the time is over; how many verdicts were given."""
    rng, place, n_given = random.Random(number), "", 0
    await asyncio.sleep(rng.uniform(0, think_s))
    while time.monotonic() < until:
        found = await watch.ask(client, "next", "GET", f"/api/v1/next?queue=unlabeled&n=5{place}")
        ids = found.json()["items"] if found else []
        for target_id in ids[:3]:
            path = f"/api/v1/objects/{target_id}"
            await asyncio.gather(
                watch.ask(client, "object", "GET", path), watch.ask(client, "spectrum", "GET", f"{path}/spectrum")
            )
            if rng.random() < 0.2:
                await watch.ask(client, "neighbors", "GET", f"{path}/neighbors")
            await asyncio.sleep(rng.expovariate(1 / think_s))
            said = {"client_id": str(uuid.UUID(int=rng.getrandbits(128))), "target_id": target_id, "queue": "unlabeled"}
            said |= {"verdict": rng.choice(("ORDINARY", "ANOMALY", "ARTIFACT")), "comment": "looked at"}
            stored = await watch.ask(client, "verdict", "POST", "/api/v1/verdicts", json=said)
            n_given += stored is not None
            if stored and rng.random() < 0.05:
                undoing = {"client_id": str(uuid.UUID(int=rng.getrandbits(128)))}
                await watch.ask(client, "undo", "POST", f"/api/v1/verdicts/{stored.json()['id']}/undo", json=undoing)
            place = f"&after={target_id}"
            if time.monotonic() > until:
                break
        if not ids:
            place = ""
            await asyncio.sleep(think_s)
    return n_given


async def _load(base: str, n: int, seconds: float, think_s: float) -> dict[str, Any]:
    watch = Watch()
    clients = [await sign_in(watch, base, f"reviewer{number}") for number in range(n)]
    watch.counts_from = time.monotonic() + 2 * think_s  # what is read for the first time is not counted
    until = watch.counts_from + seconds
    given = await asyncio.gather(*(look(watch, one, number, think_s, until) for number, one in enumerate(clients)))
    for client in clients:
        await client.aclose()
    everything = np.concatenate([np.array(some) for some in watch.seconds.values()]) * 1e3
    p50, p95, p99 = np.percentile(everything, [50, 95, 99])
    return {
        "load_p50_ms": round(float(p50), 1),
        "load_p95_ms": round(float(p95), 1),
        "load_p99_ms": round(float(p99), 1),
        "load_errors": len(watch.errors),
        "load": {
            "n_reviewers": n,
            "seconds": seconds,
            "think_s": think_s,
            "n_requests": len(everything),
            "requests_per_s": round(len(everything) / seconds, 1),
            "n_verdicts": sum(given),
            "p95_ms": {kind: round(float(np.percentile(some, 95)) * 1e3, 1) for kind, some in watch.seconds.items()},
            "first_errors": watch.errors[:5],
        },
    }


def measure(
    run: Path, scratch: Path, *, n: int = N_REVIEWERS, seconds: float = SECONDS, think_s: float = THINK_S
) -> dict[str, Any]:
    """Latencies and errors; every acknowledged verdict is looked up in the store afterwards.

    Parameters
    ----------
    run : Path
        A complete run; only its store, which lies in ``scratch``, is written.
    scratch : Path
        A folder.
    n : int
        Reviewers.
    seconds, think_s : float
        For how long, and how long each looks at an object on average [s].
    """
    database = scratch / "load.sqlite"
    store = open_store(database)
    for number in range(n):
        store.add_reviewer(f"reviewer{number}", "reviewer", PASSWORD)
    store.close()
    command = [sys.executable, "-m", "oddqso.cli", "review", str(run), "--group", "--plain-http", "--no-browser"]
    command += ["--database", str(database), "--set", "review.login_failures=100"]
    with (scratch / "server.log").open("w") as log:
        server = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        try:
            lines = server.stdout or []
            base = next(match[0] for line in lines if (match := re.search(r"http://[^/\s]+", line)))
            result = asyncio.run(_load(base, n, seconds, think_s))
        finally:
            server.send_signal(signal.SIGTERM)
            code = server.wait(30)
    store = open_store(database)
    stored = sum(entry.undoes is None for entry in store.verdicts())
    store.close()
    result["load"] |= {"n_lost": result["load"]["n_verdicts"] - stored, "server_ended_with": code}
    return result


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--scratch", type=Path, default=Path("runs/review-load"))
    parser.add_argument("--reviewers", type=int, default=N_REVIEWERS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--think", type=float, default=THINK_S)
    given = parser.parse_args()
    shutil.rmtree(given.scratch, ignore_errors=True)
    given.scratch.mkdir(parents=True)
    found = measure(given.run, given.scratch, n=given.reviewers, seconds=given.seconds, think_s=given.think)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
