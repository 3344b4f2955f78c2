"""prepare: dereddened, rebinned to the model grid, normalized; and which spectra are strict in the end."""

import numpy as np
import pyarrow as pa

from oddqso.prepare.params import PrepareParams
from oddqso.runs.stage import Context, Stage
from oddqso.spectra import UNSCORABLE, Spectra


def prepare(context: Context, ingested: pa.Table, *, params: PrepareParams) -> pa.Table:
    """Prepare one shard; rows keep their order. STRICT loses those that cannot be scored or have too little signal."""
    from oddqso.prepare.prepare import prepare as prepare_spectra

    spectra, snr, coverage = prepare_spectra(Spectra.from_table(ingested), params)
    strict = ingested["STRICT"].to_numpy() & (snr >= params.strict_snr_min) & (spectra.quality & UNSCORABLE == 0)
    columns = {
        "SNR": pa.array(snr.astype(np.float32)),
        "COVERAGE": pa.array(coverage.astype(np.float32)),
        "SPLIT": ingested["SPLIT"],
        "STRICT": pa.array(strict),
    }
    table = spectra.to_table()
    for name, column in columns.items():
        table = table.append_column(name, column)
    return table


STAGE = Stage("prepare", kind="map", reads=("ingest",), function=prepare, params=PrepareParams)
