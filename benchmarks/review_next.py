"""What comes next, at 1.6 million objects: by the route itself, with a session, verdicts, blinding and gold items.

The catalog is that of a run, repeated under other TARGETIDs; there are no spectra behind it, and none are asked for.
"""

import argparse
import json
import resource
import time
import uuid
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from oddqso.review.app import create_app
from oddqso.review.params import ReviewParams
from oddqso.review.room import Mode, Room
from oddqso.review.source import RunSource, open_source
from oddqso.review.store import NewVerdict, Store, open_store

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the test client asks for the successor of httpx
    from fastapi.testclient import TestClient

N_ROWS, N_VERDICTS, N_ASK = 1_600_000, 2000, 40
QUEUES = ("unlabeled", "assigned", "score", "found-by-NARROW")


def large_run(run: Path, folder: Path, n: int) -> Path:
    """A folder that looks like a run with ``n`` objects: the catalog of a run, repeated, in the order of the score."""
    catalog = pq.read_table(run / "release" / "catalog.parquet")
    rows = np.sort(np.arange(n) % catalog.num_rows)
    table = catalog.take(pa.array(rows))
    ids = np.random.default_rng(1).permutation(n).astype(np.int64) + 39_627_000_000_000_000
    table = table.set_column(table.column_names.index("TARGETID"), "TARGETID", pa.array(ids))
    for stage in ("embed", "release"):
        (folder / stage).mkdir(parents=True)
        manifest = json.loads((run / stage / "manifest.json").read_text())
        (folder / stage / "manifest.json").write_text(json.dumps(manifest))
    pq.write_table(table, folder / "release" / "catalog.parquet")
    return folder


def fill(store: Store, source: RunSource, n: int) -> str:
    """Verdicts, assignments and gold items; a token of the reviewer."""
    lead, me = store.add_reviewer("lead", "lead"), store.add_reviewer("me")
    ids = [int(one) for one in source.columns["TARGETID"][: 4 * n]]
    for who, chosen in ((me, ids[:n:2]), (lead, ids[: n // 4])):
        for target_id in chosen:
            said = NewVerdict(client_id=str(uuid.uuid4()), target_id=target_id, verdict="ORDINARY")
            store.add_verdict(who.id, said)
    store.assign(ids[n : 2 * n], me.id, "score", "lead")
    for target_id in ids[3 * n : 3 * n + 50]:
        store.set_gold(target_id, "ORDINARY", None, "lead")
    return store.api_token(me.id, "benchmark")


def _timed(client: TestClient, path: str) -> tuple[float, Any]:
    """How long a request took [ms], and what was answered."""
    start = time.perf_counter()
    answer = client.get(path)
    return 1e3 * (time.perf_counter() - start), answer.json()


def _walk(client: TestClient, queue: str) -> list[float]:
    """Go through the beginning of a queue; the time of each step [ms]."""
    path, taken = f"/api/v1/next?queue={queue}&n=5", []
    _, found = _timed(client, path)
    for _ in range(N_ASK):
        ms, found = _timed(client, f"{path}&after={found['items'][-1]}")
        taken.append(ms)
    return taken


def measure(run: Path, scratch: Path, *, n: int = N_ROWS) -> dict[str, Any]:
    """95th percentiles of the time to the next objects [ms], of all queues together and of each, blind and not."""
    source = open_source(large_run(run, scratch / "large", n), lambda target_ids: [])
    store = open_store(scratch / "large.sqlite")
    token = fill(store, source, min(N_VERDICTS, n // 10))
    told: dict[str, Any] = {"n": n}
    every = []
    for blind, mark in ((False, ""), (True, "_blind")):
        room = Room(store, source, ReviewParams(blind=blind), Mode.GROUP, allowed_hosts=("testserver",))
        client = TestClient(create_app(room), headers={"authorization": f"Bearer {token}"})
        told[f"cold{mark}_ms"] = round(_timed(client, "/api/v1/next?queue=unlabeled")[0], 1)
        for queue in QUEUES[: 3 if blind else 4]:
            taken = _walk(client, queue)
            told[f"{queue}{mark}_p95_ms"] = round(float(np.percentile(taken, 95)), 1)
            every += taken
        _timed(client, "/api/v1/queues")
        told[f"list_of_queues{mark}_ms"] = round(_timed(client, "/api/v1/queues")[0], 1)
    store.close()
    told["peak_memory_gib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
    return {"next_ms": round(float(np.percentile(every, 95)), 1), "next": told}


if __name__ == "__main__":
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a complete run")
    parser.add_argument("--rows", type=int, default=N_ROWS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(given.run, Path(folder), n=given.rows), indent=1))
