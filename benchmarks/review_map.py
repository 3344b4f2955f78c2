"""The latent map at survey size: how long it takes to open, to cut out, and to find neighbors.

A run of 1.6 million objects is made of one that is there: rows are drawn again with new TARGETIDs, latents and
positions with a jitter. Then Chromium opens the map, draws lassos and asks for other colors.

    python benchmarks/review_map.py RUN
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import uvicorn

from oddqso.explore.map import LatentMap, MapParams, principal_map
from oddqso.review.app import create_app
from oddqso.review.atlas import Atlas
from oddqso.review.latents import read_latents
from oddqso.review.map_file import read_map, write_map
from oddqso.review.room import Mode, Room
from oddqso.review.serving import listen
from oddqso.review.source import open_source
from oddqso.review.store import open_store
from oddqso.runs.directory import RunDirectory
from oddqso.runs.files import write_table
from oddqso.spectra.columns import matrix_column

N = 1_600_000
N_SHARD = 4000
N_LASSO = 9
JITTER = 0.1


def measure(run: Path, scratch: Path, n: int = N) -> dict[str, Any]:
    """Figures of the map at so many objects, in seconds, milliseconds and MiB."""
    large = make_large(run, scratch / "large", n)
    began = time.perf_counter()
    source = open_source(large, lambda target_ids: [])
    opened = time.perf_counter()
    atlas = Atlas(source)
    ready = time.perf_counter()
    figures = {"map_n": source.n, "source_open_s": opened - began, "atlas_open_s": ready - opened}
    figures |= in_browser(Room(open_store(scratch / "review.sqlite"), source, mode=Mode.LAPTOP, atlas=atlas))
    ids = source.target_id[np.random.default_rng(0).integers(0, source.n, 20)].tolist()
    source.neighbors(ids[0])
    figures["neighbors_ms"] = statistics.median(timed_ms(lambda one=one: source.neighbors(one)) for one in ids)
    figures["facts_ms"] = statistics.median(timed_ms(lambda one=one: source.facts(one)) for one in ids)
    probe = "import sys; sys.path.insert(0, sys.argv[2]); import review_map; review_map.print_memory(sys.argv[1])"
    command = [sys.executable, "-c", probe, str(large), str(Path(__file__).parent)]
    figures["memory_mib"] = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items()}


def print_memory(run: str) -> None:
    """The peak memory of a process that opens a run, its map and its neighbors [MiB]."""
    source = open_source(Path(run), lambda target_ids: [])
    Atlas(source).plane()
    source.neighbors(int(source.target_id[0]))
    source.percentiles(int(source.target_id[0]))
    lines = Path("/proc/self/status").read_text().splitlines()  # ru_maxrss would start at that of the parent
    print(next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")))


def timed_ms(work: Any) -> float:
    began = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - began)


def make_large(run: Path, out: Path, n: int) -> Path:
    """A run of ``n`` objects with a catalog, latent vectors and a map, made of another run's."""
    small, rng = RunDirectory(run), np.random.default_rng(1)
    catalog = pq.read_table(small.stage("release") / "catalog.parquet")
    target_id = catalog["TARGETID"].to_numpy()
    latent, found = read_latents(small, target_id), read_map(small, MapParams(), target_id)
    xy = (found or principal_map(latent)).xy
    rows = np.sort(rng.integers(0, len(catalog), n))  # the order of the catalog stays: the oddest first
    new_id = rng.permutation(n).astype(np.int64) * 1000 + 39_627_000_000_000_000
    for stage in ("fit", "significance"):
        shutil.copytree(small.stage(stage), out / stage)
    for stage in ("embed", "release"):
        (out / stage).mkdir(parents=True)
        shards = [{"name": str(start), "n_rows": min(N_SHARD, n - start)} for start in range(0, n, N_SHARD)]
        manifest = {"stage": stage, "fingerprint": "large", "reads": {}, "shards": shards}
        (out / stage / "manifest.json").write_text(json.dumps(manifest))
    shutil.copy(small.root / "run.json", out)
    wide = jittered(catalog.take(rows), rng).set_column(0, "TARGETID", pa.array(new_id))
    pq.write_table(wide, out / "release/catalog.parquet", compression="zstd")
    with np.load(out / "fit/KNN.npz") as kept:
        n_latent, unit = int(kept["n_latent"]), kept["unit"]
        center, width = kept["center"].astype(np.float32), kept["width"].astype(np.float32)
    for start in range(0, n, N_SHARD):
        part = slice(start, start + N_SHARD)
        noise = JITTER * rng.standard_normal((len(rows[part]), len(unit)), np.float32)
        full = np.zeros((len(rows[part]), n_latent), np.float32)
        full[:, unit] = center + width * (latent[rows[part]] + noise)
        write_table(out / f"embed/{start}.arrow", pa.table({"TARGETID": new_id[part], "LATENT": matrix_column(full)}))
    placed = xy[rows] + JITTER * rng.standard_normal((n, 2), np.float32)
    write_map(RunDirectory(out), MapParams(), new_id, LatentMap(placed.astype(np.float32), "UMAP"))
    return out


def jittered(catalog: pa.Table, rng: np.random.Generator) -> pa.Table:
    """Numbers a little different in each row, so that the file packs as badly as a real one."""
    for i, field in enumerate(catalog.schema):
        if pa.types.is_floating(field.type) and field.name != "SCORE":
            factor = 1 + 1e-4 * rng.standard_normal(len(catalog), np.float32)
            values = pc.multiply(catalog[field.name], pa.array(factor)).cast(field.type)
            catalog = catalog.set_column(i, field, values)
    return catalog


def in_browser(room: Room) -> dict[str, float]:
    """Open the map in Chromium, and draw on it."""
    from dataclasses import replace

    from playwright.sync_api import sync_playwright

    room = replace(room, local=room.store.ensure_local_reviewer("benchmark"))
    listening = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(create_app(room), log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.goto(f"{base}/?token={room.launch.new()}")
        opened = [open_map(page, base) for _ in range(5)]
        page.get_by_label("Color by").select_option("score")
        lassos = [draw_lasso(page, i) for i in range(N_LASSO)]
        views = durations(page, "/api/v1/map?")
        browser.close()
    server.should_exit = True
    thread.join(10)
    return {
        "map_open_s": max(opened),
        "map_open_again_s": statistics.median(opened[1:]),
        "map_view_ms": statistics.median(views),
        "lasso_ms": statistics.median(lassos),
        "lasso_ms_max": max(lassos),
    }


def open_map(page: Any, base: str) -> float:
    """Seconds from asking for the page to the picture of all objects."""
    page.goto(f"{base}/map")
    for _ in range(600):
        marks = page.evaluate("performance.getEntriesByName('map-drawn').map((one) => one.startTime)")
        if marks:
            return float(marks[0]) / 1e3
        page.wait_for_timeout(20)
    raise RuntimeError("the map was not drawn within 12 s")


def draw_lasso(page: Any, number: int) -> float:
    """Milliseconds from letting go of the mouse to the answer, as the browser counts them."""
    box = page.locator("#map-canvas").bounding_box()
    rng = np.random.default_rng(number)
    x, y = box["x"] + box["width"] * rng.uniform(0.35, 0.65), box["y"] + box["height"] * rng.uniform(0.3, 0.6)
    reach = rng.uniform(0.1, 0.45) * box["height"]
    page.keyboard.down("Shift")
    page.mouse.move(x + reach, y)
    page.mouse.down()
    for angle in np.linspace(0, 2 * np.pi, 120)[1:]:
        r = reach * (1 + 0.2 * np.sin(7 * angle))
        page.mouse.move(x + r * np.cos(angle), y + r * np.sin(angle))
    page.mouse.up()
    page.keyboard.up("Shift")
    for _ in range(500):
        found = durations(page, "/api/v1/map/lasso")
        if len(found) > number:
            return found[-1]
        page.wait_for_timeout(20)
    raise RuntimeError("the lasso was not answered within 10 s")


def durations(page: Any, address: str) -> list[float]:
    """How long the requests to an address took [ms]."""
    entries = "performance.getEntriesByType('resource').map((one) => [one.name, one.duration])"
    return [float(duration) for name, duration in page.evaluate(entries) if address in name]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--n", type=int, default=N, help="objects")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(chosen.run, Path(folder), chosen.n), indent=1))
