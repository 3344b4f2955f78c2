"""From DESI files to prepared spectra, and on to a catalog: spectra per second, and memory.

    python benchmarks/ingest.py [--sizes 1000 10000 100000] [--real FOLDER] [--work FOLDER]

1. The machine: what memory and files can give at most.
2. Reading 10 % scattered rows of large coadds, against three ways to do it with astropy.
3. Preparing (join, deredden, rebin, normalize), against NumPy + spectres in batches.
4. Simulating a survey with its default settings.
5. Whole runs through the command line at growing sizes: seconds by stage, memory of all processes, and whether cost
   grows in proportion. Training is cut short (its time is not counted), the report is left out.

Rates of 2 and 3 are per CPU-second of one core, the best of several rounds in which the contestants take turns.
Writes benchmarks/results/ingest.json; each part can be done alone with --parts, and keeps what the others wrote.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "results"
PARTS = ("machine", "read", "prepare", "simulate", "run", "real")
NOT_COUNTED = ("train", "report")
SHORT_TRAINING = ("train.max_epochs=1", "train.n_em=4", "train.max_spectra=4000", "train.max_em_spectra=2000")


def best_cpu_seconds(contestants: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """CPU seconds of each contestant, the best round; they take turns, so that a busy machine is unfair to all."""
    best = dict.fromkeys(contestants, np.inf)
    for _ in range(rounds):
        for name, run in contestants.items():
            began = time.process_time()
            run()
            best[name] = min(best[name], time.process_time() - began)
    return best


def measure_machine(work: Path) -> dict[str, Any]:
    block = np.ones(1 << 27, np.uint8)
    copy = np.empty_like(block)
    memory = min(_wall(lambda: np.copyto(copy, block)) for _ in range(5))
    path = work / "bandwidth.bin"
    with path.open("wb") as file:
        for _ in range(8):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())

    def read() -> None:
        with path.open("rb", buffering=0) as file:
            while file.readinto(memoryview(copy)[: 1 << 22]):
                pass

    def read_cold() -> None:
        with path.open("rb") as file:
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        read()

    cold, warm = _wall(read_cold), min(_wall(read) for _ in range(3))
    size = path.stat().st_size
    path.unlink()
    model = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    return {
        "processor": model or platform.processor(), "cores": os.cpu_count(), "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2), "memory_copy_gb_per_s": round(len(block) / memory / 1e9, 2),
        "file_cached_gb_per_s": round(size / warm / 1e9, 2), "file_uncached_gb_per_s": round(size / cold / 1e9, 2),
    }  # fmt: skip


def write_large_coadd(path: Path, n_target: int, seed: int) -> None:
    """A coadd with all HDUs of DR1 but the resolution, and noise for spectra."""
    from astropy.io import fits

    from oddqso.desi.formats import COADD_FIBERMAP, COADD_SCORES, EXP_FIBERMAP, record_dtype
    from oddqso.spectra.grid import ARMS, arm_grid

    rng = np.random.default_rng(seed)
    target_id = 39_627_568_982_000_000 + rng.permutation(n_target)

    def table(spec: str, name: str, ids: Any) -> Any:
        rows = np.zeros(len(ids), record_dtype(spec))
        rows["TARGETID"] = ids
        return fits.BinTableHDU(rows, name=name)

    hdus = [fits.PrimaryHDU(), table(COADD_FIBERMAP, "FIBERMAP", target_id)]
    hdus.append(table(EXP_FIBERMAP, "EXP_FIBERMAP", np.repeat(target_id, 2)))
    for arm in ARMS:
        shape = (n_target, len(arm_grid(arm)))
        hdus.append(fits.ImageHDU(arm_grid(arm), name=f"{arm}_WAVELENGTH"))
        hdus.append(fits.ImageHDU(rng.normal(2, 1, shape).astype(np.float32), name=f"{arm}_FLUX"))
        hdus.append(fits.ImageHDU(rng.uniform(0.5, 2, shape).astype(np.float32), name=f"{arm}_IVAR"))
        hdus.append(fits.ImageHDU((rng.random(shape) < 0.004).astype(np.int32), name=f"{arm}_MASK"))
    hdus.append(table(COADD_SCORES, "SCORES", target_id))
    fits.HDUList(hdus).writeto(path, overwrite=True)


def _native(array: Any) -> Any:
    return array.astype(array.dtype.newbyteorder("="))


def _images(data: Callable[[str], Any], rows: Any) -> dict[str, Any]:
    return {f"{a}_{k}": _native(data(f"{a}_{k}")[rows]) for a in "BRZ" for k in ("FLUX", "IVAR", "MASK")}


def read_by_map(path: Path, wanted: Any) -> dict[str, Any]:
    """One opening, images mapped into memory, tables as tables."""
    from astropy.io import fits
    from astropy.table import Table

    with fits.open(path, memmap=True) as file:
        rows = np.flatnonzero(np.isin(Table(file["FIBERMAP"].data)["TARGETID"], wanted))
        return _images(lambda name: file[name].data, rows)


def read_by_getdata(path: Path, wanted: Any) -> dict[str, Any]:
    """The shortest code."""
    from astropy.io import fits

    rows = np.flatnonzero(np.isin(fits.getdata(path, "FIBERMAP")["TARGETID"], wanted))
    return _images(lambda name: fits.getdata(path, name), rows)


def read_whole(path: Path, wanted: Any) -> dict[str, Any]:
    """Whole images into memory, then rows: what DESI's own readers do."""
    from astropy.io import fits

    with fits.open(path, memmap=False) as file:
        rows = np.flatnonzero(np.isin(file["FIBERMAP"].data["TARGETID"], wanted))
        return _images(lambda name: _native(file[name].data), rows)


def measure_read(work: Path, n_target: int = 2500, rounds: int = 9) -> dict[str, Any]:
    from oddqso.desi.coadd import read_coadd

    path = work / "coadd-main-dark-0.fits"
    write_large_coadd(path, n_target, seed=1)
    wanted = 39_627_568_982_000_000 + np.sort(np.random.default_rng(2).choice(n_target, n_target // 10, replace=False))
    theirs, ours = read_by_map(path, wanted), read_coadd(path, wanted)
    assert np.isin(theirs["B_FLUX"][:, 0], ours.flux["B"][:, 0]).all(), "both must read the same rows"
    ways: dict[str, Callable[[], Any]] = {
        "oddqso": lambda: read_coadd(path, wanted), "astropy_whole": lambda: read_whole(path, wanted),
        "astropy_map": lambda: read_by_map(path, wanted), "astropy_getdata": lambda: read_by_getdata(path, wanted),
    }  # fmt: skip
    seconds = best_cpu_seconds(ways, rounds)
    size_gb = path.stat().st_size / 1e9
    path.unlink()
    rate = {name: round(len(wanted) / s) for name, s in seconds.items()}
    return {
        "n_target": n_target, "n_wanted": len(wanted), "file_gb": round(size_gb, 2), "per_cpu_s": rate,
        "read_per_cpu_s": rate["oddqso"], "read_vs_astropy": round(seconds["astropy_whole"] / seconds["oddqso"], 1),
        "read_vs_astropy_map": round(seconds["astropy_map"] / seconds["oddqso"], 1),
        "read_vs_astropy_getdata": round(seconds["astropy_getdata"] / seconds["oddqso"], 1),
    }  # fmt: skip


def prepare_plainly(flux: Any, ivar: Any, mask: Any, z: Any, ebv: Any, extinction: Any) -> tuple[Any, Any]:
    """Join, deredden, rebin and normalize a batch in NumPy and spectres, without loops over spectra."""
    from spectres import spectres

    from oddqso.spectra.grid import ARMS, N_NATIVE, arm_grid, arm_start, model_grid, native_grid

    top, bottom = np.zeros((len(z), N_NATIVE)), np.zeros((len(z), N_NATIVE))
    for arm in ARMS:
        here = slice(arm_start(arm), arm_start(arm) + len(arm_grid(arm)))
        weight = ivar[arm].astype(np.float64) * (mask[arm] == 0)
        top[:, here] += weight * flux[arm]
        bottom[:, here] += weight
    dimming = 10 ** (0.4 * np.outer(ebv, extinction))
    joined = np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0) * dimming
    sigma = np.where(bottom > 0, dimming / np.sqrt(np.maximum(bottom, 1e-30)), 1e6)  # spectres knows no masks
    rebinned, error = spectres(model_grid(), native_grid(), joined, sigma, fill=1e6, verbose=False)
    scale = np.empty(len(z))
    for i, rest in enumerate(model_grid() / (1 + z[:, None])):
        scale[i] = np.median(rebinned[i][(rest > 1230) & (error[i] < 1e3)])
    return rebinned / scale[:, None], (scale[:, None] / error) ** 2


def measure_prepare(n_spec: int = 512, n_batch: int = 64, rounds: int = 7) -> dict[str, Any]:
    from oddqso.prepare.params import PrepareParams
    from oddqso.prepare.prepare import prepare
    from oddqso.spectra import Spectra
    from oddqso.spectra.dust import galactic_extinction
    from oddqso.spectra.grid import ARMS, arm_grid, native_grid
    from oddqso.spectra.join import join_arms

    rng = np.random.default_rng(3)
    z, ebv = rng.uniform(0.3, 4, n_spec), rng.uniform(0, 0.1, n_spec).astype(np.float32)
    shapes = {arm: (n_spec, len(arm_grid(arm))) for arm in ARMS}
    flux = {arm: rng.normal(3, 1, shape).astype(np.float32) for arm, shape in shapes.items()}
    ivar = {arm: rng.uniform(0.5, 2, shape).astype(np.float32) for arm, shape in shapes.items()}
    mask = {arm: (rng.random(shape) < 0.004).astype(np.uint32) for arm, shape in shapes.items()}
    ids, ones, params = np.arange(n_spec), np.ones(n_spec, np.float32), PrepareParams()
    extinction = galactic_extinction(native_grid())

    def ours() -> Any:
        joined, weight, quality = join_arms(flux, ivar, mask, n_spec)
        return prepare(Spectra(ids, z, ebv, ones, quality, native_grid(), joined, weight), params)

    def theirs() -> None:
        for start in range(0, n_spec, n_batch):
            part = slice(start, start + n_batch)
            arms = ({a: x[part] for a, x in some.items()} for some in (flux, ivar, mask))
            prepare_plainly(*arms, z[part], ebv[part], extinction)

    ours()  # compiled, or read from the cache of compiled code
    seconds = best_cpu_seconds({"oddqso": ours, "numpy_spectres_batched": theirs}, rounds)
    rate = {name: round(n_spec / s) for name, s in seconds.items()}
    return {
        "n_spec": n_spec, "batch_of_spectres": n_batch, "per_cpu_s": rate, "prepare_per_cpu_s": rate["oddqso"],
        "prepare_vs_spectres_batched": round(seconds["numpy_spectres_batched"] / seconds["oddqso"], 1),
    }  # fmt: skip


class MemoryWatch:
    """The most memory that a process and its children held, sampled a few times a second.

    ``pss`` shares out pages that several processes map; it counts mapped files too, which the system may drop.
    """

    def __init__(self, pid: int) -> None:
        self.pss_gb, self.private_gb, self._pid, self._stop = 0.0, 0.0, pid, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "MemoryWatch":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        import psutil

        while not self._stop.wait(0.3):
            pss, private = 0, 0
            try:
                top = psutil.Process(self._pid)
                family = [top, *top.children(recursive=True)]
            except psutil.Error:
                continue
            for process in family:
                try:
                    memory = process.memory_full_info()
                except psutil.Error:
                    continue
                pss, private = pss + memory.pss, private + memory.uss
            self.pss_gb, self.private_gb = max(self.pss_gb, pss / 1e9), max(self.private_gb, private / 1e9)


def command(*words: Any) -> tuple[float, MemoryWatch]:
    """Run ``oddqso`` with some words; its wall seconds and its memory."""
    line = [sys.executable, "-m", "oddqso.cli", *map(str, words)]
    program = Path(sys.executable).with_name("oddqso")
    if program.exists():
        line[:3] = [str(program)]
    began = time.monotonic()
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    with process, MemoryWatch(process.pid) as watch:
        said, _ = process.communicate()
    if process.returncode:
        sys.exit(f"{' '.join(line)} failed:\n{said[-3000:]}")
    return time.monotonic() - began, watch


def measure_simulate(work: Path, n_target: int, workers: int) -> dict[str, Any]:
    seconds, watch = command("simulate", work / "tree", "--n", n_target, "--workers", workers)
    shutil.rmtree(work / "tree")
    return {
        "n_target": n_target, "seconds": round(seconds, 1), "workers": workers,
        "peak_memory_gb": round(watch.pss_gb, 2), "simulate_per_s": round(n_target / seconds, 1),
    }  # fmt: skip


def replicate(tree: Path, out: Path, n_target: int) -> int:
    """Write a larger survey by copying the coadds and redrock files of one under new pixels and TARGETIDs."""
    from oddqso.desi.headers import FitsFile

    coadds = sorted(tree.rglob("coadd-main-dark-*.fits"))
    written, copy, pixel = 0, 0, 0
    while written < n_target:
        for coadd in coadds:
            folder = out / f"healpix/main/dark/{pixel // 100}/{pixel}"
            folder.mkdir(parents=True)
            for kind, hdus in (("coadd", ("FIBERMAP",)), ("redrock", ("REDSHIFTS", "FIBERMAP", "TSNR2"))):
                old = coadd.with_name(coadd.name.replace("coadd", kind))
                new = folder / f"{kind}-main-dark-{pixel}.fits"
                shutil.copy(old, new)
                with FitsFile(new) as file, new.open("r+b") as patched:
                    for name in hdus:
                        hdu = file.hdu(name)
                        rows = np.memmap(patched, np.uint8, "r+", hdu.offset, (hdu.shape[0], hdu.row_bytes))
                        ids = rows[:, hdu.columns["TARGETID"].offset :][:, :8].copy().view(">i8")
                        ids[ids > 0] += copy << 42
                        rows[:, hdu.columns["TARGETID"].offset :][:, :8] = ids.view(np.uint8)
            written += hdu.shape[0]
            pixel += 8  # two files a shard: about as many quasars as a shard of DESI has
            if written >= n_target:
                break
        copy += 1
    return written


def run_once(tree: Path, work: Path, workers: int, words: list[str]) -> dict[str, Any]:
    from oddqso import api

    run = work / "run"
    seconds, watch = command("run", tree, "--run", run, "--workers", workers, *words)
    stages = {s.name: s.seconds for s in api.status(run)}
    n_spec = max(s.n_rows for s in api.status(run))
    shutil.rmtree(run)
    counted = sum(s for name, s in stages.items() if name not in NOT_COUNTED)
    return {
        "n_spec": n_spec, "wall_seconds": round(seconds, 1), "stage_seconds": stages,
        "without_training_seconds": round(counted, 1), "per_s": round(n_spec / counted, 1),
        "peak_memory_gb": round(watch.pss_gb, 2), "peak_private_gb": round(watch.private_gb, 2),
    }  # fmt: skip


def measure_runs(work: Path, sizes: list[int], workers: int, words: list[str]) -> dict[str, Any]:
    """Whole runs at several numbers of quasars; surveys above 12,000 targets are copies of a smaller one."""
    n_seed = int(min(max(sizes) * 1.4, 12_000))
    seed = work / "seed"
    of_survey = ("resolution=false", "spectra_fraction=0", f"targets_per_pixel={min(700, max(100, n_seed // 4))}")
    chosen = [word for setting in of_survey for word in ("--set", setting)]
    command("simulate", seed, "--n", n_seed, "--workers", workers, *chosen)
    runs = []
    for size in sizes:
        tree = work / "tree"
        replicate(seed, tree, int(size * 1.4))
        runs.append(run_once(tree, work, workers, words))
        print(f"  {runs[-1]['n_spec']:>7,} spectra: {runs[-1]['per_s']:,.0f}/s without training, "
              f"{runs[-1]['peak_memory_gb']:.2f} GB", flush=True)  # fmt: skip
        shutil.rmtree(tree)
    shutil.rmtree(seed)
    spent = [r["without_training_seconds"] for r in runs]
    exponents = [
        round(float(np.log(b / a) / np.log(y["n_spec"] / x["n_spec"])), 2)
        for (a, b), (x, y) in zip(pairwise(spent), pairwise(runs), strict=True)
    ]
    return {
        "workers": workers, "words": words, "runs": runs, "end_to_end_per_s": runs[-1]["per_s"],
        "peak_memory_gb": max(r["peak_memory_gb"] for r in runs),
        "peak_private_gb": max(r["peak_private_gb"] for r in runs),
        "cost_grows_as_n_to_the": exponents,
    }  # fmt: skip


def measure_real(real: Path, work: Path, workers: int) -> dict[str, Any]:
    return run_once(real / "sdss-desi-layout", work, workers, [])


def _wall(run: Callable[[], Any]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000], help="quasars of the runs")
    parser.add_argument("--real", type=Path, default=os.environ.get("ODDQSO_REAL_DATA"), help="folder of real spectra")
    parser.add_argument("--work", type=Path, help="scratch space, about 0.4 MB a quasar; default: the system's")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--n-simulate", type=int, default=2000, help="targets of the timed simulation")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--set", action="append", default=[], help="a setting of the runs, section.name=value")
    given = parser.parse_args()
    out = RESULTS / "ingest.json"
    result: dict[str, Any] = json.loads(out.read_text()) if out.exists() else {}
    words = [word for setting in (*SHORT_TRAINING, *given.set) for word in ("--set", setting)]
    words += ["--until", "release"]
    with tempfile.TemporaryDirectory(dir=given.work, prefix="oddqso-bench-") as folder:
        work = Path(folder)
        parts: dict[str, Callable[[], dict[str, Any] | None]] = {
            "machine": lambda: measure_machine(work),
            "read": lambda: measure_read(work),
            "prepare": measure_prepare,
            "simulate": lambda: measure_simulate(work, given.n_simulate, given.workers),
            "run": lambda: measure_runs(work, sorted(given.sizes), given.workers, words),
            "real": lambda: measure_real(Path(given.real), work, given.workers) if given.real else None,
        }
        for name in given.parts:
            print(f"{name} ...", flush=True)
            measured = parts[name]()
            if measured is not None:
                result[name] = measured
                print("  " + json.dumps({k: v for k, v in measured.items() if not isinstance(v, list)}), flush=True)
    realism = RESULTS / "realism.json"
    if realism.exists():
        result["simulation_auc"] = json.loads(realism.read_text()).get("simulation_auc")
    for part, names in {
        "read": ("read_per_cpu_s", "read_vs_astropy"), "prepare": ("prepare_per_cpu_s", "prepare_vs_spectres_batched"),
        "simulate": ("simulate_per_s",), "run": ("end_to_end_per_s", "peak_memory_gb"),
    }.items():  # fmt: skip
        result |= {name: result[part][name] for name in names if part in result}
    RESULTS.mkdir(exist_ok=True)
    out.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")
    print(f"wrote {out}")
    for name, value in result.items():
        if not isinstance(value, dict):
            print(f"  {name:32s} {value}")


if __name__ == "__main__":
    main()
