"""ingest: the spectra of a shard, read from DESI files, arms joined, on the native grid."""

from pathlib import Path

import pyarrow as pa

from oddqso.desi.params import IngestParams
from oddqso.runs.stage import Context, Stage
from oddqso.stages.sample import read_shard


def ingest(context: Context, sample: Path, *, params: IngestParams) -> pa.Table:
    """Read one shard; its rows are the sample's rows in the sample's order."""
    from oddqso.desi.ingest import ingest as read

    rows = read_shard(sample, context.shard)
    table = read(context.input, rows, params)
    return table.append_column("SPLIT", rows["SPLIT"]).append_column("STRICT", rows["STRICT"])


STAGE = Stage("ingest", kind="map", reads=("sample",), function=ingest, params=IngestParams)
