"""One target out of a finished run: its catalog row and all that is known of its spectrum."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from oddqso.errors import DataError
from oddqso.reports.results import SpectrumView
from oddqso.runs.directory import RunDirectory
from oddqso.runs.files import read_table
from oddqso.stages.score import evidence


@lru_cache(maxsize=2)
def _places(sample: Path, state: int) -> dict[int, str]:
    table = pq.read_table(sample, columns=["TARGETID", "SHARD"])
    return dict(zip(table["TARGETID"].to_pylist(), table["SHARD"].to_pylist(), strict=True))


def spectrum_views(directory: RunDirectory, target_ids: list[int]) -> list[SpectrumView]:
    """The spectra of some targets, in the given order, each shard opened once.

    Raises
    ------
    DataError
        If a target is not in the run.
    """
    sample = directory.stage("sample") / "sample.parquet"
    places = _places(sample, sample.stat().st_mtime_ns)
    unknown = [target_id for target_id in target_ids if target_id not in places]
    if unknown:
        raise DataError(
            f"TARGETID {unknown[0]} is not in the sample of {directory.root} ({len(places):,} quasars); "
            "was it cut by the sample's rules? See the quality waterfall in the report"
        )
    by_shard: dict[str, list[int]] = {}
    for target_id in target_ids:
        by_shard.setdefault(places[target_id], []).append(target_id)
    views: dict[int, SpectrumView] = {}
    for shard, members in by_shard.items():
        tables = [read_table(directory.stage(name) / f"{shard}.arrow") for name in ("ingest", "prepare", "embed")]
        rows = np.flatnonzero(np.isin(tables[0]["TARGETID"].to_numpy(), np.array(members, dtype=np.int64)))
        found = views_of(*(table.take(rows) for table in tables))
        views |= {view.target_id: view for view in found}
    return [views[target_id] for target_id in target_ids]


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
