"""`Stage` and `Context`: what a step of a run is, and what it may know."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from oddqso.params import Params


def _quiet(done: float) -> None:
    """Progress that nobody follows."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a stage may know of where it runs.

    Parameters
    ----------
    input : Path
        The folder that the run was pointed at.
    run : Path
        The run's directory. What people put there, as verdicts, a stage may read if its inventory names it.
    seed : int
        The run's seed.
    stage : str
        The stage's name.
    shard : str, optional
        The shard, for a map stage.
    progress : callable
        A gather stage may call it with the share that is done, 0 to 1.
    """

    input: Path
    run: Path
    seed: int
    stage: str
    shard: str | None = None
    progress: Callable[[float], None] = _quiet

    def rng(self) -> np.random.Generator:
        """A generator that depends on the run's seed, the stage and the shard, and on nothing else."""
        digest = hashlib.sha256(f"{self.seed}/{self.stage}/{self.shard or ''}".encode()).digest()
        return np.random.default_rng(np.frombuffer(digest, dtype=np.uint32).tolist())


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a run.

    Parameters
    ----------
    name : str
        The stage's name, its folder's name, and its section in the settings.
    kind : {"map", "gather"}
        A map stage turns one shard into one shard: ``function(context, *inputs, params) -> pa.Table``.
        A gather stage sees everything at once and fills a folder: ``function(context, *inputs, params, out)``.
    reads : tuple of str
        The stages it reads. A map stage gets the shard's table from a map stage and the folder from a gather stage;
        a gather stage gets `Shards` from a map stage and the folder from a gather stage.
    function : callable
        A function of a module, so that a worker can find it by name.
    params : type of Params
        Its settings.
    version : int
        Raised whenever the same input and settings would give another output.
    resumable : bool
        A gather stage that finds in ``out`` what a killed attempt left there, and goes on from it.
        Others find ``out`` empty.
    inventory : callable, optional
        ``inventory(input, run, params)`` names the state of the files that the stage reads besides other stages: in the
        input, or put into the run's directory by people. Part of its fingerprint.
    """

    name: str
    kind: Literal["map", "gather"]
    reads: tuple[str, ...]
    function: Callable[..., Any]
    params: type[Params]
    version: int = 1
    resumable: bool = False
    inventory: Callable[[Path, Path, Any], str] | None = None
