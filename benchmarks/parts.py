"""What benchmarks of several parts share: a process for each part, and on what machine it ran."""

import json
import multiprocessing
import os
import platform
import shutil
import subprocess
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


def code_version(folder: Path = Path(__file__).parent.parent) -> dict[str, Any]:
    """The commit of the code, and whether ``src`` or ``benchmarks`` differ from it; None where git knows nothing."""

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        return done.stdout.strip()

    status = git("status", "--porcelain", "--", "src", "benchmarks", ":!benchmarks/results")
    return {"commit": git("rev-parse", "HEAD"), "changed": None if status is None else bool(status)}


def one_commit(parts: dict[str, dict[str, Any]]) -> str | None:
    """Why the parts of a file do not tell of one commit; None if they do.

    Examples
    --------
    >>> one, other = ({"code": {"commit": name, "changed": False}} for name in ("a" * 40, "b" * 40))
    >>> one_commit({"accuracy": one, "speed": one})
    >>> one_commit({"accuracy": one, "speed": other})
    'the parts were measured with different code: accuracy aaaaaaaaaa, speed bbbbbbbbbb'
    >>> one_commit({"accuracy": one, "speed": {}})
    'it is not known with which commit speed was measured'
    """
    codes = {name: part.get("code") or {"commit": None, "changed": None} for name, part in sorted(parts.items())}
    unknown = [name for name, code in codes.items() if code["commit"] is None]
    if unknown:
        return f"it is not known with which commit {', '.join(unknown)} was measured"
    if len({code["commit"] for code in codes.values()}) > 1:
        said = ", ".join(f"{name} {code['commit'][:10]}" for name, code in codes.items())
        return f"the parts were measured with different code: {said}"
    changed = [name for name, code in codes.items() if code["changed"]]
    return f"the code was changed since its commit when {', '.join(changed)} was measured" if changed else None
