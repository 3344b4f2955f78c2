"""One target out of a finished run: its catalog row and all that is known of its spectrum."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from oddqso.errors import DataError
from oddqso.reports.results import SpectrumView
from oddqso.runs.directory import RunDirectory
from oddqso.runs.files import read_table
from oddqso.stages.score import evidence


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """In which shard each target of a sample lies; a million targets take 10 MB."""

    target_id: NDArray[np.int64]
    """(n,) int64, ascending."""
    shard: NDArray[np.int32]
    """(n,) int32, place in ``names``."""
    names: tuple[str, ...]

    def shards(self, target_ids: NDArray[np.int64]) -> NDArray[np.int32]:
        """The shard of each of some targets, (n,) int32; -1 for one that is not in the sample."""
        if not len(self.target_id):
            return np.full(len(target_ids), -1, np.int32)
        place = np.minimum(np.searchsorted(self.target_id, target_ids), len(self.target_id) - 1)
        return np.where(self.target_id[place] == target_ids, self.shard[place], np.int32(-1))


@lru_cache(maxsize=2)
def _places(sample: Path, state: int) -> _Places:
    table = pq.read_table(sample, columns=["TARGETID", "SHARD"])
    target_id, shard = table["TARGETID"].to_numpy(), table["SHARD"].combine_chunks().dictionary_encode()
    order = np.argsort(target_id, kind="stable")
    return _Places(target_id[order], shard.indices.to_numpy()[order], tuple(shard.dictionary.to_pylist()))


def spectrum_views(directory: RunDirectory, target_ids: Sequence[int]) -> list[SpectrumView]:
    """The spectra of some targets, in the given order, each shard opened once and only their rows read.

    Raises
    ------
    DataError
        If a target is not in the run.
    """
    sample = directory.stage("sample") / "sample.parquet"
    places = _places(sample, sample.stat().st_mtime_ns)
    try:
        wanted = np.array(target_ids, dtype=np.int64)
    except OverflowError:
        raise DataError(f"one of {list(target_ids)[:3]} is no TARGETID: it does not fit into 64 bits") from None
    shards = places.shards(wanted)
    if (shards < 0).any():
        raise DataError(
            f"TARGETID {wanted[shards < 0][0]} is not in the sample of {directory.root} ({len(places.target_id):,} "
            "quasars); was it cut by the sample's rules? See the quality waterfall in the report"
        )
    views: dict[int, SpectrumView] = {}
    for shard in np.unique(shards).tolist():
        tables = [
            read_table(directory.stage(name) / f"{places.names[shard]}.arrow")
            for name in ("ingest", "prepare", "embed")
        ]
        rows = np.flatnonzero(np.isin(tables[0]["TARGETID"].to_numpy(), wanted[shards == shard]))
        found = views_of(*(table.take(rows) for table in tables))
        views |= {view.target_id: view for view in found}
    return [views[target_id] for target_id in wanted.tolist()]


def views_of(ingested: pa.Table, prepared: pa.Table, embedded: pa.Table) -> list[SpectrumView]:
    """Each row of three tables of the same spectra, as it is shown."""
    seen: Any = evidence(ingested, prepared, embedded)
    return [
        SpectrumView(
            target_id=int(seen.target_id[row]),
            z=float(seen.z[row]),
            wave=seen.wave,
            flux=seen.flux[row],
            ivar=seen.ivar[row],
            model=seen.model[row],
            model_sigma=seen.model_sigma[row],
        )
        for row in range(len(seen))
    ]


def catalog_row(directory: RunDirectory, target_id: int) -> dict[str, Any]:
    """The catalog's row of one target.

    Raises
    ------
    DataError
        If the target is not in the catalog.
    """
    catalog = pq.read_table(directory.stage("release") / "catalog.parquet", filters=[("TARGETID", "=", target_id)])
    if catalog.num_rows != 1:
        raise DataError(f"TARGETID {target_id} is not in the catalog of {directory.root}")
    row: dict[str, Any] = catalog.to_pylist()[0]
    return row


def ordinary_targets(catalog: pa.Table, n_most: int, rng: np.random.Generator) -> list[int]:
    """Targets to judge reconstructions by: strict, held out (CALIBRATION), scored; at most ``n_most`` at random."""
    held_out = pc.and_(
        pc.equal(catalog["SPLIT"], "CALIBRATION"), pc.and_(catalog["STRICT"], pc.is_valid(catalog["SCORE"]))
    )
    target_ids = np.sort(catalog.filter(held_out)["TARGETID"].to_numpy())
    chosen = rng.permutation(len(target_ids))[:n_most]
    return [int(target_id) for target_id in target_ids[np.sort(chosen)]]
