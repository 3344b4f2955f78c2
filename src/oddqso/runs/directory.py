"""A run's directory: ``run.json``, a folder a stage, and what is not finished yet.

::

    run.json                      settings, input, seed, versions
    {stage}/manifest.json         there only when the stage is complete
    {stage}/{shard}.arrow         a map stage's tables; a gather stage fills its folder as it likes
    .partial/{stage}-{print}/     a stage under way: whole shards, or a gather stage's working folder
    previous/{stage}-{print}/     complete outputs of other settings; taken back when those settings return
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oddqso.errors import StageError
from oddqso.runs.files import read_json, store_error, write_json
from oddqso.runs.shards import Shards


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """Paths and manifests of one run."""

    root: Path

    def record(self) -> dict[str, Any] | None:
        """The content of ``run.json``; None for a folder that is no run yet."""
        path = self.root / "run.json"
        return read_json(path) if path.exists() else None

    def write_record(self, record: dict[str, Any]) -> None:
        """Write ``run.json``."""
        write_json(self.root / "run.json", record)

    def stage(self, name: str) -> Path:
        """The folder of a complete stage."""
        return self.root / name

    def partial(self, name: str, fingerprint: str, made_from: Mapping[str, str]) -> Path:
        """The folder of a stage under way, from these makings of the stages that it reads."""
        key = hashlib.sha256(json.dumps([fingerprint, sorted(made_from.items())]).encode()).hexdigest()
        return self.root / ".partial" / f"{name}-{key[:16]}"

    def manifest(self, name: str) -> dict[str, Any] | None:
        """The manifest of a complete stage; None if it is not complete."""
        path = self.stage(name) / "manifest.json"
        return read_json(path) if path.exists() else None

    def shards(self, name: str) -> Shards:
        """The tables of a complete map stage."""
        manifest = self.manifest(name)
        if manifest is None:
            raise StageError(f"stage {name} of {self.root} is not complete; run `oddqso run --run {self.root}` first")
        return Shards(self.stage(name), tuple(shard["name"] for shard in manifest["shards"]))

    def complete(self, partial: Path, manifest: dict[str, Any]) -> None:
        """Give a partial folder its manifest and its place; what stood there goes to ``previous``."""
        name = manifest["stage"]
        write_json(partial / "manifest.json", manifest)
        self.set_aside(name)
        partial.replace(self.stage(name))

    def set_aside(self, name: str) -> None:
        """Move a complete stage to ``previous``."""
        manifest, folder = self.manifest(name), self.stage(name)
        if manifest is None:
            shutil.rmtree(folder, ignore_errors=True)
            return
        kept = self._previous(name, manifest["fingerprint"])
        kept.parent.mkdir(exist_ok=True)
        shutil.rmtree(kept, ignore_errors=True)
        folder.replace(kept)

    def take_back(self, name: str, fingerprint: str, made_from: Mapping[str, str]) -> bool:
        """Put a stage that was set aside back in its place, if it is there and was made from what is in place now."""
        kept = self._previous(name, fingerprint)
        if not (kept / "manifest.json").exists() or read_json(kept / "manifest.json")["reads"] != dict(made_from):
            return False
        aside = kept.with_name(f"{kept.name}-taken")
        kept.replace(aside)
        self.set_aside(name)
        aside.replace(self.stage(name))
        return True

    def _previous(self, name: str, fingerprint: str) -> Path:
        return self.root / "previous" / f"{name}-{fingerprint[:16]}"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for this process; the lock ends with the process, however it ends.

        Raises
        ------
        StageError
            If another process holds it.
        StoreError
            If the folder cannot be written.
        """
        path = self.root / ".lock"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            handle = path.open("a+")
        except OSError as error:
            raise store_error(error, self.root) from error
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                handle.seek(0)
                raise StageError(
                    f"{self.root} is in use by another oddqso process (pid {handle.read().strip() or 'unknown'}); "
                    "wait for it, or give this run a folder of its own with --run"
                ) from None
            handle.truncate(0)
            handle.write(str(os.getpid()))
            handle.flush()
            yield
