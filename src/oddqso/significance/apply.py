"""The normalization of a run, frozen: the score of spectra that were no part of it."""

from dataclasses import dataclass, fields, replace
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddqso.errors import ConfigError, DataError
from oddqso.significance.center import CenterMap
from oddqso.significance.merge import cauchy_merge
from oddqso.significance.normalize import TailMap
from oddqso.significance.params import NormalizeParams, SignificanceParams
from oddqso.spectra import UNSCORABLE

MERGED: Final = "MERGED"
"""The name under which the map of the merged score is kept."""

CELLS: Final = ("permissive, full", "permissive, partial", "strict, full", "strict, partial")
"""Spectra that are normalized among themselves: by sample and by arm coverage."""

REST: Final = "all"
"""The map for spectra of a cell that has too few to have one."""

TailMaps = dict[str, dict[str, NDArray[Any]]]
"""The maps of one score as plain arrays: ``{"<side>, <cell>": {array: ...}}``."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Where ``n_spec`` spectra stand in the normalization.

    Parameters
    ----------
    z, log_snr : (n_spec,) float64
        Redshift, and log10 of the S/N.
    cell : (n_spec,) str
        One of `CELLS`.
    scorable : (n_spec,) bool
        Without a flag that forbids a score.
    """

    z: NDArray[np.float64]
    log_snr: NDArray[np.float64]
    cell: NDArray[Any]
    scorable: NDArray[np.bool_]

    def __getitem__(self, here: NDArray[np.bool_]) -> Self:
        """Some of the spectra."""
        return replace(self, **{f.name: getattr(self, f.name)[here] for f in fields(self)})


def rows_of(table: pa.Table, params: NormalizeParams) -> Rows:
    """`Rows` of a table with Z, SNR, COVERAGE, STRICT and QUALITY."""
    sample = np.where(table["STRICT"].to_numpy(), "strict", "permissive")
    coverage = np.where(floats(table, "COVERAGE") >= params.coverage_full, "full", "partial")
    return Rows(
        z=floats(table, "Z"),
        log_snr=np.log10(np.maximum(floats(table, "SNR"), 1e-3)),  # a NaN stays NaN
        cell=np.char.add(np.char.add(sample, ", "), coverage),
        scorable=(table["QUALITY"].to_numpy().astype(np.uint32) & np.uint32(UNSCORABLE)) == 0,
    )


def scores_of(table: pa.Table, rows: Rows, params: SignificanceParams) -> dict[str, NDArray[np.float64]]:
    """Raw scores by detector, NaN where there is none.

    Raises
    ------
    ConfigError
        If the settings merge a detector that there is not.
    """
    scores = {
        name.removeprefix("SCORE_"): np.where(rows.scorable, floats(table, name), np.nan)
        for name in table.column_names
        if name.startswith("SCORE_")
    }
    missing = set(params.merged) - set(scores)
    if missing:
        raise ConfigError(
            f"significance.merged names {', '.join(sorted(missing))}, but the scores are {', '.join(scores) or 'none'}"
        )
    return scores


def side_of(params: SignificanceParams) -> str:
    """The side whose maps judge held-out and new spectra: what taught them."""
    return "fit" if params.normalize.learn_from == "fit" else "held out"


def mapped(
    score: NDArray[Any], rows: Rows, maps: TailMaps, side: str, kind: type[TailMap] | type[CenterMap] = TailMap
) -> NDArray[np.float64]:
    """What the maps make of a score given S/N, z and cell, (n_spec,); NaN where it cannot be known.

    That is its tail probability, or, with ``kind`` `CenterMap`, the score with its median moved. A cell without a map
    borrows the one of all.
    """
    p_hat = np.full(len(score), np.nan)
    left = np.isfinite(score) & np.isfinite(rows.log_snr) & np.isfinite(rows.z)
    for cell in (*CELLS, REST):
        arrays = maps.get(f"{side}, {cell}")
        here = left & (rows.cell == cell) if cell != REST else left
        if arrays is not None and here.any():
            p_hat[here] = kind.from_arrays(arrays)(score[here], rows.log_snr[here], rows.z[here])
            left &= ~here
    return p_hat


def merged_score(
    tails: dict[str, NDArray[np.float64]], params: SignificanceParams, without: str | None = None
) -> NDArray[np.float64]:
    """The merge of the detectors that the settings name, (n_spec,), its median not yet moved; without one if wanted."""
    names = [name for name in params.merged if name != without] or list(params.merged)
    return cauchy_merge(np.column_stack([tails[name] for name in names]), params)


def apply_maps(table: pa.Table, maps: dict[str, NDArray[Any]], params: SignificanceParams) -> pa.Table:
    """The score that a run would have given these spectra, had they been among its held-out ones.

    Nothing is learned: a spectrum of the run gets the score that it has there, whatever stands beside it.

    Parameters
    ----------
    table : pa.Table
        TARGETID, Z, SNR, COVERAGE, STRICT, QUALITY and SCORE_<NAME>, one row a spectrum.
    maps : dict of str to array
        The content of the run's ``significance/tail_maps.npz``.
    params : SignificanceParams
        The run's settings.

    Returns
    -------
    pa.Table
        TARGETID, TAIL_<NAME> and SCORE, in their order; null where there is no score.

    Raises
    ------
    DataError
        If a column or a detector's map is missing.
    ConfigError
        If the settings merge a detector that there is not.
    """
    require(table, ("TARGETID", "Z", "SNR", "COVERAGE", "STRICT", "QUALITY"))
    nested, rows, side = nested_maps(maps), rows_of(table, params.normalize), side_of(params)
    scores = scores_of(table, rows, params)
    unknown = [name for name in (*scores, MERGED) if name not in nested]
    if unknown and len(table):
        raise DataError(f"the run has no normalization for {', '.join(unknown)} (it has {', '.join(nested) or 'none'})")
    tails = {name: mapped(score, rows, nested.get(name, {}), side) for name, score in scores.items()}
    told = {f"TAIL_{name}": published(-np.log10(tail)) for name, tail in tails.items()}
    final = mapped(merged_score(tails, params), rows, nested.get(MERGED, {}), side, CenterMap)
    return pa.table({"TARGETID": table["TARGETID"]} | told | {"SCORE": published(final)})


def published(score: NDArray[np.float64]) -> pa.Array:
    """A score as it stands in the catalog: float32, null where unknown."""
    value = score.astype(np.float32)
    return pa.array(value, mask=~np.isfinite(value))


def flat_maps(tail_maps: dict[str, TailMaps]) -> dict[str, NDArray[Any]]:
    """All arrays of all tail maps under one name each, for one ``.npz``: ``<detector>; <side>, <cell>; <array>``.

    Examples
    --------
    >>> list(flat_maps({"GMM": {"fit, all": {"level": np.ones(2)}}}))
    ['GMM; fit, all; level']
    """
    return {
        f"{name}; {cell}; {key}": array
        for name, cells in tail_maps.items()
        for cell, arrays in cells.items()
        for key, array in arrays.items()
    }


def nested_maps(flat: dict[str, NDArray[Any]]) -> dict[str, TailMaps]:
    """The reverse of `flat_maps`.

    Examples
    --------
    >>> nested_maps({"GMM; fit, all; level": np.ones(2)})
    {'GMM': {'fit, all': {'level': array([1., 1.])}}}
    """
    nested: dict[str, TailMaps] = {}
    for label, array in flat.items():
        name, cell, key = label.split("; ")
        nested.setdefault(name, {}).setdefault(cell, {})[key] = array
    return nested


def require(table: pa.Table, needed: tuple[str, ...]) -> None:
    """Raise DataError if the table lacks one of these columns."""
    missing = [name for name in needed if name not in table.column_names]
    if missing:
        raise DataError(f"the scores come without {', '.join(missing)} (found {', '.join(table.column_names)})")


def floats(table: pa.Table, name: str) -> NDArray[np.float64]:
    """A column as float64; null is NaN."""
    return np.asarray(table[name].to_numpy(zero_copy_only=False), dtype=np.float64)
