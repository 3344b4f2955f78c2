"""How fast a model encodes, decodes and whitens, and how fast models train, on two processes of one thread each.

    python benchmarks/model_speed.py MODEL_FOLDER RUN_FOLDER

takes prepared spectra from a run and prints the figures. Beside them, measured by the same processes: what their
matrix products and memory copies reach, and a plain encoder of one-dimensional convolutions in float32. The trainings
are two, side by side, each of a model and spectra of its own; one that two processes share is not measured.
"""

import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from model_flop import flop_of
from oddqso.embed.encoding import encode
from oddqso.embed.module import VaeModule
from oddqso.embed.params import EncodeParams, TrainParams
from oddqso.embed.threads import threads
from oddqso.embed.vae import Vae
from oddqso.embed.weights import load_model
from oddqso.runs.directory import RunDirectory
from oddqso.spectra import Spectra
from oddqso.spectra.grid import N_MODEL
from oddqso.testing import make_spectra

N_PROCESS = 2
N_SPEC, N_TRAIN, N_COUNTED = 1024, 256, 256
SECONDS = 8.0
"""How long each is measured, about; work is repeated until then."""
PUBLISHED_PER_S = 30.0
"""Spectra a second on two cores of the best-known spectrum autoencoder, as published; not measured here."""

Work = Callable[[], int]
"""Does a portion of work; how many units it was."""


def measure(folder: Path, spectra: Spectra, scratch: Path) -> dict[str, Any]:
    """Speed and memory of the model in ``folder`` on prepared ``spectra``; ``scratch`` is a folder for passing files.

    Rates are of both processes together, by the wall clock, from when both are ready until both are done.
    """
    rows = np.random.default_rng(1).permutation(len(spectra))[:N_SPEC]
    some = scratch / "spectra.npz"
    np.savez(some, rows=rows, flux=spectra.flux[rows], ivar=spectra.ivar[rows], z=spectra.z[rows])
    model = load_model(folder)
    flop = flop_of(model, spectra[rows[:N_COUNTED]])
    found = {name: together(name, folder, some) for name in WORK}
    rate = {name: one["per_s"] for name, one in found.items()}
    return {
        "encode_decode_per_s": rate["encode"],
        "per_cpu_s": found["encode"]["per_cpu_s"],
        "share_of_peak": rate["encode"] * flop["total"] / (1e9 * rate["matmul"]),
        "flop": flop["total"],
        "flop_parts": {name: round(number) for name, number in flop.items() if name != "total"},
        "matmul_gflop_per_s": rate["matmul"],
        "copy_gb_per_s": rate["copy"],
        "memory_mib": found["encode"]["memory_mib"],
        "two_trainings_per_s": rate["train"],
        "two_trainings_per_cpu_s": found["train"]["per_cpu_s"],
        "two_trainings_memory_mib": found["train"]["memory_mib"],
        "conv1d_encoder_per_s": rate["conv1d"],
        "conv1d_encoder_flop": 2.0 * _plain_flop(),
        "published_per_s": PUBLISHED_PER_S,
        "n_process": N_PROCESS,
        "n_component": model.vae.params.n_component,
    }


def together(name: str, folder: Path, some: Path) -> dict[str, float]:
    """Two processes do the work ``name`` at once: units a second of the wall clock and of processor time, memory."""
    context = multiprocessing.get_context("spawn")
    ready, results = context.Barrier(N_PROCESS), context.SimpleQueue()
    processes = [context.Process(target=_repeat, args=(name, folder, some, ready, results)) for _ in range(N_PROCESS)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        if process.exitcode != 0:
            raise RuntimeError(f"the measurement {name} failed; its message stands above")
    done = [results.get() for _ in processes]
    wall = max(one["end"] for one in done) - min(one["begin"] for one in done)
    units = sum(one["units"] for one in done)
    return {
        "per_s": units / wall,
        "per_cpu_s": units / sum(one["cpu"] for one in done),
        "memory_mib": max(one["memory_mib"] for one in done),
    }


def _repeat(name: str, folder: Path, some: Path, ready: Any, results: Any) -> None:
    with threads(1):
        work = WORK[name](folder, some)
        work()  # once without being counted
        ready.wait()
        begin, cpu, units = time.monotonic(), time.process_time(), 0
        while time.monotonic() - begin < SECONDS:
            units += work()
        end, cpu = time.monotonic(), time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    results.put({"begin": begin, "end": end, "cpu": cpu, "units": units, "memory_mib": peak})


def whitened(spectra: Spectra, made: Any) -> NDArray[np.float32]:
    """Whitened residual (n_spec, n_wave), 0 where nothing is known."""
    scale = made.model_sigma.astype(np.float32)
    scale *= made.model
    scale *= scale
    scale *= spectra.ivar
    scale += 1
    np.divide(spectra.ivar, scale, out=scale)
    chi: NDArray[np.float32] = np.sqrt(scale, out=scale)
    chi *= spectra.flux - made.model
    return chi


def _encode(folder: Path, some: Path) -> Work:
    model, spectra = load_model(folder), _spectra(some)
    batch = EncodeParams().batch_size

    def work() -> int:
        for first in range(0, len(spectra), 256):
            part = spectra[first : first + 256]
            whitened(part, encode(model, part, batch))
        return len(spectra)

    return work


def _train(folder: Path, some: Path) -> Work:
    """Steps of the training as they are with the default batch, each process on its own spectra."""
    model, spectra = load_model(folder), _spectra(some)
    return training_step(model.vae, spectra[:N_TRAIN], TrainParams().batch_size, "cpu")


def training_step(vae: Vae, spectra: Spectra, batch_size: int, device: str, precision: str = "fp32") -> Work:
    """A walk through ``spectra`` in steps of the training: loss, gradient, clipping, AdamW."""
    params = TrainParams(network=vae.params, batch_size=batch_size)
    vae.mixed = precision == "bf16-mixed"
    module = VaeModule(vae.train().requires_grad_(True), params, 1, Path("unused.pt"), lambda curves: None).to(device)
    optimizer: Any = module.configure_optimizers()
    generator = torch.Generator().manual_seed(1)
    flux, ivar = (torch.from_numpy(array.copy()) for array in (spectra.flux, spectra.ivar))

    def work() -> int:
        for first in range(0, len(spectra), batch_size):
            rows = slice(first, first + batch_size)
            batch = (flux[rows].to(device), ivar[rows].to(device), spectra.z[rows])
            module.terms(batch, generator=generator).loss.backward()
            nn.utils.clip_grad_norm_(module.parameters(), params.gradient_clip)
            optimizer.step()
            optimizer.zero_grad()
        return len(spectra)

    return work


def _matmul(folder: Path, some: Path) -> Work:
    """Products of float32 matrices, in Gflop."""
    left, right = torch.rand(2, 1024, 1024)

    def work() -> int:
        for _ in range(8):
            left @ right
        return 8 * 2 * 1024**3

    return _in_billions(work)


def _copy(folder: Path, some: Path) -> Work:
    """Copies of 64 MB, in GB."""
    one, other = torch.rand(2, 16_000_000)

    def work() -> int:
        for _ in range(8):
            other.copy_(one)
        return 8 * 4 * 16_000_000

    return _in_billions(work)


def _in_billions(work: Work) -> Any:
    return lambda: work() / 1e9


_PLAIN = ((2, 96, 7, 2), (96, 192, 7, 4), (192, 272, 7, 4), (272, 256, 5, 2))


def _plain_flop() -> float:
    """Multiplications of the plain encoder, a spectrum."""
    total, n_wave = 0, N_MODEL
    for inside, outside, kernel, stride in _PLAIN:
        n_wave //= stride
        total += n_wave * kernel * inside * outside
    return total


def _conv1d(folder: Path, some: Path) -> Work:
    """What is usually written first: one-dimensional convolutions in float32, flux and ivar to 128 numbers."""
    layers: list[nn.Module] = []
    for inside, outside, kernel, stride in _PLAIN:
        layers += [nn.Conv1d(inside, outside, kernel, stride, kernel // 2), nn.LeakyReLU(0.1)]
    plain = nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(_PLAIN[-1][1], 128))
    inputs = torch.rand(EncodeParams().batch_size, 2, N_MODEL)

    @torch.inference_mode()
    def work() -> int:
        plain(inputs)
        return len(inputs)

    return work


WORK: dict[str, Callable[[Path, Path], Work]] = {
    "matmul": _matmul, "copy": _copy, "encode": _encode, "train": _train, "conv1d": _conv1d,
}  # fmt: skip


def _spectra(some: Path) -> Spectra:
    with np.load(some) as known:
        flux, ivar, z = known["flux"], known["ivar"], known["z"]
    one = make_spectra(1)
    count = np.arange(len(z))
    return replace(
        one[np.zeros(len(z), np.int64)], target_id=count.astype(np.int64), flux=flux, ivar=ivar, z=z,
    )  # fmt: skip


def prepared_of(run: Path) -> Spectra:
    """The largest prepared shard of a run."""
    shards = RunDirectory(run).shards("prepare")
    return Spectra.from_table(max(shards, key=lambda table: table.num_rows))


def main() -> None:
    """Print what is measured."""
    folder, run = (Path(name) for name in sys.argv[1:3])
    with tempfile.TemporaryDirectory() as scratch:
        print(json.dumps(measure(folder, prepared_of(run), Path(scratch)), indent=2))


if __name__ == "__main__":
    main()
