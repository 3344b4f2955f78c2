"""Which rows of a prepared shard may teach the model and the scores."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from oddqso.errors import DataError
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


def check_same_targets(*tables: pa.Table) -> None:
    """Refuse tables that are not of the same targets in the same order.

    Raises
    ------
    DataError
        If they are not.
    """
    first = tables[0]["TARGETID"].to_numpy()
    for table in tables[1:]:
        if not np.array_equal(table["TARGETID"].to_numpy(), first):
            raise DataError("two stages disagree on the TARGETIDs of a shard; run again with --from ingest")
