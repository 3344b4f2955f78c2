"""The catalog as one table, joined from what the stages found."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from oddqso.catalog.columns import DETECTORS, Column, catalog_columns
from oddqso.errors import DataError

ARROW_TYPES: Final = {
    "bool": pa.bool_(), "int32": pa.int32(), "int64": pa.int64(),
    "float32": pa.float32(), "float64": pa.float64(), "str": pa.string(),
}  # fmt: skip
"""The Arrow type of each dtype of a `Column`."""


def assemble(
    sample: pa.Table, prepare_meta: pa.Table, score: pa.Table, significance: pa.Table, found_tail: float = 3.0
) -> pa.Table:
    """The catalog: one row a spectrum of the sample, sorted by RANK then TARGETID, unscored last.

    Parameters
    ----------
    sample : pa.Table
        The objects of the run; gives most columns.
    prepare_meta : pa.Table
        TARGETID, EBV, SCALE, QUALITY, SNR and COVERAGE of the prepared spectra.
    score : pa.Table
        TARGETID, a raw SCORE_<NAME> a detector and the PEAK_ columns.
    significance : pa.Table
        TARGETID, RANK_<NAME>, TAIL_<NAME>, SCORE, RANK, P_VALUE, Q_VALUE, GROUP, TIER and FDP_95.
    found_tail : float
        A detector has found a spectrum if its TAIL_<NAME> is at least this.

    Returns
    -------
    pa.Table
        The columns of `catalog_columns` for the detectors in ``score``. What is unknown is null, NaN included.

    Raises
    ------
    DataError
        If the tables do not hold each TARGETID of the sample exactly once, or a column is missing or does not fit.
    """
    target_id = _unique_ids(sample, "sample")
    order = np.argsort(target_id, kind="stable")
    tables = {"sample": sample.take(pa.array(order))}
    for name, table in {"prepare": prepare_meta, "score": score, "significance": significance}.items():
        tables[name] = _in_order(table, target_id[order], name)
    detectors = _detectors(score)
    columns = catalog_columns(detectors)
    tables["release"] = found_by(tables["significance"], detectors, found_tail)
    catalog = pa.table({column.name: _column(column, tables) for column in columns})
    rank = catalog["RANK"].fill_null(np.iinfo(np.int32).max).to_numpy()
    return catalog.take(pa.array(np.lexsort((catalog["TARGETID"].to_numpy(), rank))))


def found_by(significance: pa.Table, detectors: Sequence[str], found_tail: float) -> pa.Table:
    """FOUND_BY: which of ``detectors`` have TAIL_<NAME> at or above ``found_tail``, with commas; null if none.

    Examples
    --------
    >>> tails = pa.table({"TAIL_GMM": [3.5, 0.1, None], "TAIL_KNN": [4.0, 2.9, None]})
    >>> found_by(tails, ["GMM", "KNN"], 3.0)["FOUND_BY"].to_pylist()
    ['GMM,KNN', None, None]
    """
    missing = [name for name in detectors if f"TAIL_{name}" not in significance.column_names]
    if missing:
        raise DataError(f"no table has the column TAIL_{missing[0]}; the stage significance should have made it")
    tails = [pc.cast(significance[f"TAIL_{name}"], pa.float64()).fill_null(0.0).to_numpy() for name in detectors]
    fired = np.stack(tails, axis=1) >= found_tail if tails else np.zeros((len(significance), 0), bool)
    names = [",".join(name for name, here in zip(detectors, row, strict=True) if here) or None for row in fired]
    return pa.table({"FOUND_BY": pa.array(names, pa.string())})


def desi_name(ra: NDArray[np.float64], dec: NDArray[np.float64]) -> NDArray[np.str_]:
    """Names of positions in degrees, as DESI writes them: truncated to four decimals, not rounded.

    Examples
    --------
    >>> desi_name(np.array([9.87659]), np.array([-0.04329])).tolist()
    ['DESI J009.8765-00.0432']
    """
    # 1e-7 deg keeps 12.3456, stored as 12.345599999, from losing its last digit
    ra4 = np.trunc(np.nan_to_num(ra) * 1e4 + 1e-3).astype(np.int64)
    dec4 = np.trunc(np.abs(np.nan_to_num(dec)) * 1e4 + 1e-3).astype(np.int64)
    names = [
        f"DESI J{a // 10_000:03d}.{a % 10_000:04d}{sign}{d // 10_000:02d}.{d % 10_000:04d}"
        for a, d, sign in zip(ra4.tolist(), dec4.tolist(), np.where(dec < 0, "-", "+").tolist(), strict=True)
    ]
    return np.array(names, dtype=np.str_)


def _unique_ids(table: pa.Table, name: str) -> NDArray[np.int64]:
    target_id = np.asarray(table["TARGETID"].to_numpy(), dtype=np.int64)
    unique, counts = np.unique(target_id, return_counts=True)
    if len(unique) != len(target_id):
        raise DataError(
            f"the table of {name} holds TARGETID {unique[counts > 1][0]} {counts.max()} times; each must stand once"
        )
    return target_id


def _in_order(table: pa.Table, target_id: NDArray[np.int64], name: str) -> pa.Table:
    """The rows of a table in the order of ``target_id``, (n,) ascending."""
    found = _unique_ids(table, name)
    order = np.argsort(found, kind="stable")
    if len(found) != len(target_id) or not np.array_equal(found[order], target_id):
        missing, extra = np.setdiff1d(target_id, found), np.setdiff1d(found, target_id)
        examples = ", ".join(str(i) for i in np.concatenate([missing, extra])[:3])
        raise DataError(
            f"the table of {name} lacks {len(missing)} TARGETIDs of the sample and has {len(extra)} others "
            f"({examples}); run the stage {name} again"
        )
    return table.take(pa.array(order))


def _detectors(score: pa.Table) -> list[str]:
    found = [name.removeprefix("SCORE_") for name in score.column_names if name.startswith("SCORE_")]
    return [name for name in DETECTORS if name in found] + sorted(name for name in found if name not in DETECTORS)


def _column(column: Column, tables: dict[str, pa.Table]) -> pa.ChunkedArray:
    sample, prepared = tables["sample"], tables["prepare"]
    if column.name == "DESINAME":
        names = desi_name(sample["RA"].to_numpy(), sample["DEC"].to_numpy())
        return pa.chunked_array([pa.array(names.tolist(), pa.string())])
    if column.name == "QUALITY":
        parts = [table["QUALITY"].to_numpy() for table in tables.values() if "QUALITY" in table.column_names]
        return _fit(pa.chunked_array([pa.array(np.bitwise_or.reduce([p.astype(np.int64) for p in parts]))]), column)
    for table in _sources(column, sample, prepared, tables["score"], tables["significance"], tables["release"]):
        if column.name in table.column_names:
            return _fit(table[column.name], column)
    raise DataError(f"no table has the column {column.name}; the stage {column.stage} should have made it")


def _sources(column: Column, *tables: pa.Table) -> Sequence[pa.Table]:
    sample, prepared, score, significance, release = tables
    home = {"sample": sample, "ingest": prepared, "prepare": prepared, "score": score}
    home |= {"significance": significance, "release": release}
    return (home[column.stage], sample) if column.stage in ("ingest", "prepare") else (home[column.stage],)


def _fit(values: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    """The values in the declared type, NaN and infinity as null, text in plain ASCII."""
    try:
        values = pc.cast(values, ARROW_TYPES[column.dtype])
    except pa.ArrowInvalid as error:
        raise DataError(f"column {column.name} does not fit into {column.dtype}: {error}") from error
    if column.dtype.startswith("float"):
        return pc.if_else(pc.is_finite(values), values, None)
    if column.dtype == "str":
        return pa.chunked_array([pa.array([_ascii(text) for text in values.to_pylist()], pa.string())])
    if values.null_count and not column.nullable:
        raise DataError(
            f"column {column.name} has {values.null_count} unknown values; the stage {column.stage} owes them"
        )
    return values


def _ascii(text: Any) -> str | None:
    return None if text is None else str(text).strip().encode("ascii", "replace").decode() or None
