"""The runner: brings the stages of a run up to date, resuming what was left unfinished."""

import hashlib
import json
import logging
import shutil
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from oddqso.errors import OddqsoError, StageError
from oddqso.params import Params
from oddqso.runs.directory import RunDirectory
from oddqso.runs.executors import Executor
from oddqso.runs.files import read_json, read_table, store_error, write_table
from oddqso.runs.progress import Progress
from oddqso.runs.shards import Shards
from oddqso.runs.stage import Context, Stage
from oddqso.runs.threads import one_thread

logger = logging.getLogger(__name__)

_MAX_ERRORS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Task:
    """One shard of a map stage, as it travels to a worker."""

    stage: Stage
    context: Context
    inputs: tuple[Path, ...]
    params: Params
    out: Path


@dataclass(frozen=True, slots=True)
class Record:
    """What comes back from a worker."""

    shard: str
    n_rows: int
    error: str | None = None


def run_task(task: Task) -> Record:
    """Work on one shard; an error is told, not raised, so that the other shards go on."""
    shard = task.context.shard or ""
    try:
        inputs = [read_table(path) if path.suffix == ".arrow" else path for path in task.inputs]
        with one_thread():
            table = task.stage.function(task.context, *inputs, params=task.params)
        write_table(task.out, table)
        return Record(shard, table.num_rows)
    except OddqsoError as error:
        return Record(shard, 0, str(error))
    except Exception as error:
        logger.debug("shard %s of stage %s", shard, task.stage.name, exc_info=True)
        return Record(shard, 0, f"{type(error).__name__}: {error}")


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs stages in a directory.

    Parameters
    ----------
    directory : RunDirectory
        Where.
    stages : sequence of Stage
        All stages, in order: a stage stands after those it reads.
    params : mapping of str to Params
        The settings of each stage.
    input : Path
        The folder with the data.
    seed : int
        The run's seed.
    """

    directory: RunDirectory
    stages: Sequence[Stage]
    params: Mapping[str, Params]
    input: Path
    seed: int

    def fingerprints(self) -> dict[str, str]:
        """The fingerprint of every stage: of its version, its settings, and the fingerprints that it reads."""
        prints: dict[str, str] = {}
        for stage in self.stages:
            params = self.params[stage.name]
            content = {
                "stage": stage.name,
                "version": stage.version,
                "seed": self.seed,
                "params": params.identity(),
                "reads": [prints[name] for name in stage.reads],
                "inventory": stage.inventory(self.input, self.directory.root, params) if stage.inventory else "",
            }
            prints[stage.name] = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        return prints

    def run(self, executor: Executor, progress: Progress, *, first: str | None = None, last: str | None = None) -> None:
        """Bring the stages up to date.

        Parameters
        ----------
        executor : Executor
            Runs the shards of map stages.
        progress : Progress
            Is told how far the run has come.
        first : str, optional
            Do this stage and the later ones again, though they are complete; the earlier ones must be.
        last : str, optional
            Stop after this stage.

        Raises
        ------
        StageError
            If a stage fails; what is finished is kept.
        """
        names = [stage.name for stage in self.stages]
        start = names.index(first) if first else 0
        stop = names.index(last) if last else len(names) - 1
        prints = self.fingerprints()
        for k, stage in enumerate(self.stages[: stop + 1]):
            fingerprint = prints[stage.name]
            manifest = self.directory.manifest(stage.name)
            made_from = self.made_from(stage)
            if first is None or k < start:
                if self.is_current(manifest, fingerprint, made_from):
                    progress.skip(stage.name)
                    continue
                if self.directory.take_back(stage.name, fingerprint, made_from):
                    progress.skip(stage.name)
                    continue
                if k < start:
                    raise StageError(
                        f"stage {stage.name} is not complete with these settings, so --from {first} cannot start; "
                        "run without --from"
                    )
            if first is not None:  # what a killed attempt left there may be of other code
                shutil.rmtree(self.directory.partial(stage.name, fingerprint, made_from), ignore_errors=True)
            self._run_stage(stage, fingerprint, made_from, executor, progress)
        if stop == len(names) - 1:
            shutil.rmtree(self.directory.root / ".partial", ignore_errors=True)

    def made_from(self, stage: Stage) -> dict[str, str]:
        """Which making of each stage that it reads is in place: one that was made again is another."""
        return {name: (self.directory.manifest(name) or {}).get("made", "") for name in stage.reads}

    @staticmethod
    def is_current(manifest: dict[str, Any] | None, fingerprint: str, made_from: dict[str, str]) -> bool:
        """Whether a stage is complete, with these settings, and made from what is in place now."""
        return manifest is not None and manifest["fingerprint"] == fingerprint and manifest["reads"] == made_from

    def _run_stage(
        self, stage: Stage, fingerprint: str, made_from: dict[str, str], executor: Executor, progress: Progress
    ) -> None:
        began = time.monotonic()
        out = self.directory.partial(stage.name, fingerprint, made_from)
        try:
            if stage.kind == "gather" and not stage.resumable:
                shutil.rmtree(out, ignore_errors=True)
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise store_error(error, out) from error
        if stage.kind == "map":
            shards = self._map(stage, out, executor, progress)
        else:
            shards = self._gather(stage, out, progress)
        n_rows = sum(shard["n_rows"] for shard in shards)
        manifest = {
            "stage": stage.name,
            "version": stage.version,
            "fingerprint": fingerprint,
            "made": uuid.uuid4().hex,
            "reads": made_from,
            "params": self.params[stage.name].model_dump(mode="json"),
            "shards": shards,
            "seconds": round(time.monotonic() - began, 3),
        }
        self.directory.complete(out, manifest)
        words = f"{n_rows:,} spectra in {len(shards):,} shards" if shards else ""
        progress.end(stage.name, time.monotonic() - began, words)

    def _map(self, stage: Stage, out: Path, executor: Executor, progress: Progress) -> list[dict[str, Any]]:
        manifests = {name: self.directory.manifest(name) or {} for name in stage.reads}
        kinds = {other.name: other.kind for other in self.stages}
        shards: list[dict[str, Any]] = next((m["shards"] for m in manifests.values() if m.get("shards")), [])
        tasks = [
            Task(
                stage,
                Context(self.input, self.directory.root, self.seed, stage.name, shard["name"]),
                tuple(
                    self.directory.stage(name) / f"{shard['name']}.arrow"
                    if kinds[name] == "map"
                    else self.directory.stage(name)
                    for name in stage.reads
                ),
                self.params[stage.name],
                out / f"{shard['name']}.arrow",
            )
            for shard in shards
        ]
        rows = {shard["name"]: shard["n_rows"] for shard in shards}
        done = {name for name in rows if (out / f"{name}.arrow").exists()}
        progress.begin(stage.name, sum(rows.values()), sum(rows[name] for name in done), "spectra")
        failed: list[Record] = []
        for record in executor.map(run_task, [task for task in tasks if task.context.shard not in done]):
            if record.error is not None:
                failed.append(record)
            progress.advance(rows[record.shard])
        if failed:
            failed.sort(key=lambda record: record.shard)
            shown = "\n".join(f"  {record.shard}: {record.error}" for record in failed[:_MAX_ERRORS_SHOWN])
            more = f"\n  ... and {len(failed) - _MAX_ERRORS_SHOWN} more" if len(failed) > _MAX_ERRORS_SHOWN else ""
            raise StageError(
                f"stage {stage.name} failed on {len(failed)} of {len(tasks)} shards (others kept):\n{shown}{more}"
            )
        return [{"name": name, "n_rows": n_rows} for name, n_rows in rows.items()]

    def _gather(self, stage: Stage, out: Path, progress: Progress) -> list[dict[str, Any]]:
        kinds = {other.name: other.kind for other in self.stages}
        inputs: list[Shards | Path] = [
            self.directory.shards(name) if kinds[name] == "map" else self.directory.stage(name) for name in stage.reads
        ]
        progress.begin(stage.name, 1.0, 0.0, "")
        told = 0.0

        def tell(done: float) -> None:
            nonlocal told
            progress.advance(max(done - told, 0.0))
            told = max(done, told)

        context = replace(Context(self.input, self.directory.root, self.seed, stage.name), progress=tell)
        try:
            with one_thread():
                stage.function(context, *inputs, params=self.params[stage.name], out=out)
        except OSError as error:
            raise store_error(error, out) from error
        shards = out / "shards.json"
        return list(read_json(shards)) if shards.exists() else []
