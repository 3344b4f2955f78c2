"""What benchmarks of several parts share: a process for each part, and on what machine it ran."""

import json
import multiprocessing
import os
import platform
import shutil
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any


def in_own_process(part: Callable[..., None], name: str, given: tuple[Any, ...], work: Path) -> dict[str, Any]:
    """What a part finds, in a process of its own: memory and threads of one are none of another's.

    ``part(name, *given, scratch, out)`` writes what it finds to ``out`` as JSON; ``scratch`` is an empty folder.
    """
    scratch, out = work / f"scratch-{name}", work / f"{name}.json"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    process = multiprocessing.get_context("spawn").Process(target=part, args=(name, *given, scratch, out))
    process.start()
    process.join()
    shutil.rmtree(scratch, ignore_errors=True)
    if process.exitcode != 0:
        raise SystemExit(f"the part {name} failed; its message stands above")
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def machine(modules: Iterable[str]) -> dict[str, Any]:
    """On what it was measured."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    return {
        "processor": model, "cores": os.cpu_count(), "python": platform.python_version(),
        "versions": {name: version(name) for name in modules},
    }  # fmt: skip
