"""A toy run: numbers are listed, squared shard by shard, and summed. Run as a program it can be killed."""

import os
import sys
import time
from pathlib import Path

import pyarrow as pa

from oddqso.params import Params
from oddqso.runs.directory import RunDirectory
from oddqso.runs.executors import make_executor
from oddqso.runs.files import write_json
from oddqso.runs.progress import Silent
from oddqso.runs.runner import Runner
from oddqso.runs.shards import Shards
from oddqso.runs.stage import Context, Stage


class ListParams(Params):
    n_shards: int = 4


class SquareParams(Params):
    power: int = 2
    pause_s: float = 0.0
    bad_shard: str = ""
    die: bool = False


class SumParams(Params):
    pass


def list_numbers(context: Context, *, params: ListParams, out: Path) -> None:
    write_json(out / "shards.json", [{"name": f"s{k}", "n_rows": 3} for k in range(params.n_shards)])


def square(context: Context, listed: Path, *, params: SquareParams) -> pa.Table:
    time.sleep(params.pause_s)
    if params.die and context.shard == "s1":
        os.kill(os.getpid(), 9)
    if context.shard == params.bad_shard:
        raise ValueError("this shard is bad")
    numbers = context.rng().integers(0, 100, 3)
    return pa.table({"N": numbers, "N2": numbers**params.power})


def add(context: Context, squared: Shards, *, params: SumParams, out: Path) -> None:
    assert not any(out.iterdir())
    total = sum(int(table["N2"].to_numpy().sum()) for table in squared)
    write_json(out / "sum.json", {"sum": total, "rng": int(context.rng().integers(1 << 30))})


STAGES = (
    Stage("list", kind="gather", reads=(), function=list_numbers, params=ListParams),
    Stage("square", kind="map", reads=("list",), function=square, params=SquareParams),
    Stage("sum", kind="gather", reads=("square",), function=add, params=SumParams),
)


def make_runner(root: Path, seed: int = 1, **square_params: object) -> Runner:
    params = {"list": ListParams(), "square": SquareParams(**square_params), "sum": SumParams()}
    return Runner(RunDirectory(root), STAGES, params, root, seed)


if __name__ == "__main__":
    root, workers, pause = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    runner = make_runner(root, pause_s=pause)
    with runner.directory.locked(), make_executor(workers) as executor:
        runner.run(executor, Silent())
