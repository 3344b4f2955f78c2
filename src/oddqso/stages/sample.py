"""sample: which objects, and which of them fit, calibrate and are tested."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from oddqso.desi.params import SampleParams
from oddqso.errors import DataError
from oddqso.runs.files import write_json, writing
from oddqso.runs.stage import Context, Stage


def sample(context: Context, *, params: SampleParams, out: Path) -> None:
    """Fill ``out`` with ``sample.parquet`` (a row group a shard), ``waterfall.json`` and ``shards.json``.

    Raises
    ------
    DataError
        If no quasar is left.
    """
    from oddqso.desi.paths import find_inputs
    from oddqso.desi.sample import make_sample

    table, waterfall = make_sample(find_inputs(context.input), params)
    if table.num_rows == 0:
        steps = "; ".join(f"{step.name}: {step.n_out}" for step in waterfall)
        raise DataError(f"no quasar is left in the sample from {context.input} ({steps}); see [sample] in the settings")
    shards = _shards(table)
    with writing(out / "sample.parquet") as aside, pq.ParquetWriter(aside, table.schema) as writer:
        start = 0
        for shard in shards:
            writer.write_table(table.slice(start, shard["n_rows"]))
            start += shard["n_rows"]
    write_json(out / "waterfall.json", [asdict(step) for step in waterfall])
    write_json(out / "shards.json", shards)


def _shards(table: pa.Table) -> list[dict[str, Any]]:
    """Name and number of rows of each shard, in the order of the table, which is sorted by shard."""
    runs = pc.run_end_encode(table["SHARD"].combine_chunks())
    ends = runs.run_ends.to_pylist()
    starts = [0, *ends[:-1]]
    return [
        {"name": name, "n_rows": end - start}
        for name, start, end in zip(runs.values.to_pylist(), starts, ends, strict=True)
    ]


def read_shard(folder: Path, shard: str | None) -> pa.Table:
    """The sample's rows of one shard, in order; other row groups are not read."""
    return pq.read_table(folder / "sample.parquet", filters=[("SHARD", "=", shard)])


def inventory(root: Path, run: Path, params: SampleParams) -> str:
    """The state of the input files: names, sizes and times of change."""
    from oddqso.desi.paths import find_inputs
    from oddqso.desi.paths import inventory as state

    return state(find_inputs(root))


STAGE = Stage("sample", kind="gather", reads=(), function=sample, params=SampleParams, inventory=inventory)
