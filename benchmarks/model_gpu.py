"""How fast a model encodes, decodes and trains on a GPU, and how much memory it takes there.

    python benchmarks/model_gpu.py [--weights FOLDER] [--run FOLDER] [--device cuda] [--out FILE]

Without a run, simulated spectra are made. Writes benchmarks/results/model_gpu.json with the name of the device; beside
it stands what one core of the same machine reaches. Without a GPU it says so and ends with 1; ``--device cpu`` tries
the command itself, and then nothing is written unless --out says where.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from model_speed import N_TRAIN, Work, prepared_of, training_step, whitened
from oddqso.embed.encoding import encode
from oddqso.embed.params import TrainParams
from oddqso.embed.starting import SHIPPED
from oddqso.embed.threads import threads
from oddqso.embed.weights import load_model
from oddqso.spectra import Spectra
from oddqso.testing import make_spectra

OUT = Path(__file__).parent / "results" / "model_gpu.json"
SECONDS = 10.0
BATCHES = (256, 1024, 4096)
TRAIN_BATCHES = (64, 256, 1024)


def measured(work: Work, device: str) -> dict[str, float]:
    """Spectra a second, and the most memory [MiB] that the device held."""
    wait: Callable[[], None] = torch.cuda.synchronize if device == "cuda" else lambda: None
    work()  # once without being counted
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    wait()
    begin, units = time.monotonic(), 0
    while time.monotonic() - begin < SECONDS:
        units += work()
        wait()
    found = {"per_s": units / (time.monotonic() - begin)}
    if device == "cuda":
        found["memory_mib"] = torch.cuda.max_memory_allocated() / 2**20
    return found


def encoding(folder: Path, spectra: Spectra, batch_size: int, device: str) -> Work:
    """Encode, decode and whiten, from arrays in the memory of the processor to arrays there."""
    model = load_model(folder)

    def work() -> int:
        whitened(spectra, encode(model, spectra, batch_size, device="gpu" if device == "cuda" else "cpu"))
        return len(spectra)

    return work


def repeated(spectra: Spectra, n_spec: int) -> Spectra:
    """So many spectra, the same again and again."""
    return spectra[torch.arange(n_spec).numpy() % len(spectra)]


def measure(folder: Path, spectra: Spectra, device: str, batches: Any = BATCHES, trains: Any = TRAIN_BATCHES) -> Any:
    """All figures, by size of the batch; the best of each, and those of one core."""
    found: dict[str, Any] = {
        "device": torch.cuda.get_device_name() if device == "cuda" else platform.processor() or "cpu",
        "torch": torch.__version__, "encode_decode": {}, "train": {},
    }  # fmt: skip
    for size in batches:
        found["encode_decode"][str(size)] = measured(
            encoding(folder, repeated(spectra, 2 * size), size, device), device
        )
    for precision in ("fp32", "bf16-mixed"):
        for size in trains:
            step = training_step(load_model(folder).vae, repeated(spectra, 2 * size), size, device, precision)
            found["train"][f"{size} {precision}"] = measured(step, device)
    core_encode = measured(encoding(folder, repeated(spectra, 256), 64, "cpu"), "cpu")
    few = training_step(load_model(folder).vae, repeated(spectra, N_TRAIN), TrainParams().batch_size, "cpu")
    found["one_core"] = {"encode_decode_per_s": core_encode["per_s"], "train_per_s": measured(few, "cpu")["per_s"]}
    best = {name: max(one["per_s"] for one in found[name].values()) for name in ("encode_decode", "train")}
    found |= {"encode_decode_per_s": best["encode_decode"], "train_per_s": best["train"]}
    found["train_over_two_cores"] = best["train"] / (2 * found["one_core"]["train_per_s"])
    return found


def main() -> int:
    """Measure and write; 1 where there is no GPU."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=SHIPPED, help="folder of a trained model")
    parser.add_argument("--run", type=Path, help="a run that has prepared spectra")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        print(
            "torch finds no GPU: install torch for CUDA where there is one (--device cpu only tries)", file=sys.stderr
        )
        return 1
    spectra = prepared_of(given.run) if given.run else make_spectra(1024, seed=1)
    with threads(1):
        if given.device == "cpu":
            found = measure(given.weights, spectra, "cpu", (64,), (32,))
        else:
            found = measure(given.weights, spectra, "cuda")
    text = json.dumps(found, indent=2) + "\n"
    out = given.out or (OUT if given.device == "cuda" else None)
    if out is not None:
        out.write_text(text)
    print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
