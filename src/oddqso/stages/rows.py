"""Which rows of a prepared shard may teach the model and the scores."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from oddqso.runs.shards import Shards
from oddqso.spectra import UNSCORABLE, Spectra


def teaching(table: pa.Table) -> NDArray[np.intp]:
    """Indices of the rows that are FIT, strict and can be scored."""
    fit = pc.equal(table["SPLIT"], "FIT").to_numpy() & table["STRICT"].to_numpy()
    return np.flatnonzero(fit & (table["QUALITY"].to_numpy() & UNSCORABLE == 0))


def teaching_spectra(prepared: Shards) -> Iterator[Spectra]:
    """The spectra that may teach, shard by shard."""
    for table in prepared:
        rows = teaching(table)
        if len(rows):
            yield Spectra.from_table(table)[rows]
