"""sample: which objects, and which of them fit, calibrate and are tested."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from oddqso.desi.params import SampleParams
from oddqso.errors import DataError
from oddqso.run.files import write_json, writing
from oddqso.run.stage import Context, Stage


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
    counts = table.group_by("SHARD").aggregate([([], "count_all")]).sort_by("SHARD")
    with writing(out / "sample.parquet") as aside, pq.ParquetWriter(aside, table.schema) as writer:
        for name in counts["SHARD"].to_pylist():
            writer.write_table(table.filter(pc.equal(table["SHARD"], name)))
    write_json(
        out / "waterfall.json",
        [
            {"name": step.name, "description": step.description, "n_in": step.n_in, "n_out": step.n_out}
            for step in waterfall
        ],
    )
    write_json(
        out / "shards.json",
        [
            {"name": name, "n_rows": n_rows}
            for name, n_rows in zip(counts["SHARD"].to_pylist(), counts["count_all"].to_pylist(), strict=True)
        ],
    )


def read_shard(folder: Path, shard: str | None) -> pa.Table:
    """The sample's rows of one shard, in order; other row groups are not read."""
    return pq.read_table(folder / "sample.parquet", filters=[("SHARD", "=", shard)])


def inventory(root: Path, params: SampleParams) -> str:
    """The state of the input files: names, sizes and times of change."""
    from oddqso.desi.paths import find_inputs
    from oddqso.desi.paths import inventory as state

    return state(find_inputs(root))


STAGE = Stage("sample", kind="gather", reads=(), function=sample, params=SampleParams, inventory=inventory)
