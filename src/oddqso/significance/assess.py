"""From raw scores to one score, rank, p-value and q-value, and to what may be claimed."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddqso.errors import ConfigError, DataError
from oddqso.significance.claim import Claim, claim
from oddqso.significance.conformal import grouped_conformal_p, q_values
from oddqso.significance.flatness import flatness
from oddqso.significance.merge import cauchy_merge
from oddqso.significance.normalize import fit_tail_map
from oddqso.significance.params import SignificanceParams
from oddqso.spectra import UNSCORABLE

MERGED: Final = "MERGED"
"""The name under which the merged score's tail map is kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Assessment:
    """What became of the scores.

    Parameters
    ----------
    table : pa.Table
        TARGETID, RANK_<NAME>, TAIL_<NAME>, SCORE, RANK, P_VALUE, Q_VALUE, GROUP; one row a spectrum, in their order.
    claim : Claim
        What may be claimed.
    flatness : dict
        `flatness` of SCORE and of each TAIL_<NAME> on the held-out strict spectra, by name.
    tail_maps : dict
        The fitted normalization as plain arrays: ``{name: {cell: {array: ...}}}``, the merged score under `MERGED`.
    """

    table: pa.Table
    claim: Claim
    flatness: dict[str, Any]
    tail_maps: dict[str, dict[str, dict[str, NDArray[Any]]]]


@dataclass(frozen=True, slots=True, eq=False)
class _Facts:
    """What is known of each of ``n_spec`` spectra besides its scores."""

    target_id: NDArray[np.int64]
    z: NDArray[np.float64]
    log_snr: NDArray[np.float64]
    strict: NDArray[np.bool_]
    split: NDArray[Any]
    cell: NDArray[Any]
    group: NDArray[Any]
    scorable: NDArray[np.bool_]


def assess(table: pa.Table, params: SignificanceParams) -> Assessment:
    """Normalize each score, merge, normalize again, calibrate TEST on CALIBRATION, adjust for multiple tests.

    The normalization is learned from CALIBRATION and TEST together, without a look at which is which, so an ordinary
    TEST spectrum stays exchangeable with the CALIBRATION ones and the p-values stay valid (Marandon et al. 2024). FIT
    spectra, which the model has seen and fits better than any other, are normalized among themselves.

    Parameters
    ----------
    table : pa.Table
        TARGETID, Z, SNR, COVERAGE, STRICT, SPLIT, QUALITY and SCORE_<NAME>, one row a spectrum.
    params : SignificanceParams
        Settings.

    Raises
    ------
    DataError
        If a column is missing or a TARGETID stands twice.
    ConfigError
        If the settings merge a detector that there is not.
    """
    facts = _facts(table, params)
    scores = {
        name.removeprefix("SCORE_"): np.where(facts.scorable, _floats(table, name), np.nan)
        for name in table.column_names
        if name.startswith("SCORE_")
    }
    missing = set(params.merged) - set(scores)
    if missing:
        raise ConfigError(
            f"significance.merged names {', '.join(sorted(missing))}, but the scores are {', '.join(scores) or 'none'}"
        )
    tails, tail_maps = {}, {}
    for name, score in scores.items():
        tails[name], tail_maps[name] = _tail_probability(score, facts, params)
    merged = cauchy_merge(np.column_stack([tails[name] for name in params.merged]), params)
    p_hat, tail_maps[MERGED] = _tail_probability(merged, facts, params)
    final = (-np.log10(p_hat)).astype(np.float32)  # p-values are made from the number that is published

    columns: dict[str, pa.Array] = {"TARGETID": pa.array(facts.target_id)}
    for name, score in scores.items():
        tail = (-np.log10(tails[name])).astype(np.float32)
        columns[f"RANK_{name}"] = _ranks(tail, score, facts.target_id)
        columns[f"TAIL_{name}"] = pa.array(tail, mask=~np.isfinite(tail))
    columns["SCORE"] = pa.array(final, mask=~np.isfinite(final))
    columns["RANK"] = _ranks(final, merged, facts.target_id)
    significance, made = _significance(final, facts, params)
    held_out = (facts.split == "CALIBRATION") & facts.strict
    named = {"SCORE": final} | {name: -np.log10(tail) for name, tail in tails.items()}
    flat = {
        name: flatness(values[held_out], facts.log_snr[held_out], facts.z[held_out]) for name, values in named.items()
    }
    return Assessment(pa.table(columns | significance), made, flat, tail_maps)


def flat_maps(tail_maps: dict[str, dict[str, dict[str, NDArray[Any]]]]) -> dict[str, NDArray[Any]]:
    """All arrays of all tail maps under one name each, for one ``.npz``: ``<detector>; <cell>; <array>``.

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


def _significance(
    score: NDArray[np.float32], facts: _Facts, params: SignificanceParams
) -> tuple[dict[str, pa.Array], Claim]:
    """P_VALUE, Q_VALUE and GROUP, null except for TEST, and the claim."""
    scored = np.isfinite(score)
    test, held = (scored & (facts.split == split) for split in ("TEST", "CALIBRATION"))
    group, held_group = facts.group[test], facts.group[held]
    p = grouped_conformal_p(score[test], group, score[held], held_group)
    q = np.empty(len(p))
    for name in np.unique(group) if params.q_within_groups else [None]:
        here = group == name if name is not None else np.ones(len(p), bool)
        q[here] = q_values(p[here])
    columns = {}
    for name, values in {"P_VALUE": p, "Q_VALUE": q}.items():
        column = np.full(len(score), np.nan)
        column[test] = values
        columns[name] = pa.array(column, mask=~test)
    columns["GROUP"] = pa.array(facts.group, pa.string(), mask=~test)
    return columns, claim(score[test], group, q, score[held], held_group, params)


def _tail_probability(
    score: NDArray[Any], facts: _Facts, params: SignificanceParams
) -> tuple[NDArray[np.float64], dict[str, dict[str, NDArray[Any]]]]:
    """Tail probability of a score given S/N, z and cell; NaN where it cannot be known.

    A cell with too few spectra borrows the map of all of its side: of all that the model has seen, or of all others.
    """
    p_hat = np.full(len(score), np.nan)
    known = np.isfinite(score) & np.isfinite(facts.log_snr) & np.isfinite(facts.z)
    seen = facts.split == "FIT"
    maps: dict[str, dict[str, NDArray[Any]]] = {}
    if params.normalize.learn_from == "fit":
        sides = {"fit": (known & seen, known)}
    else:
        sides = {"held out": (known & ~seen, known & ~seen), "fit": (known & seen, known & seen)}
    for side, (learn, apply) in sides.items():
        for cell in [*sorted(set(facts.cell.tolist())), "all"]:
            rows = learn & (facts.cell == cell) if cell != "all" else learn
            wanted = apply & ((facts.cell == cell) if cell != "all" else np.isnan(p_hat))
            if rows.sum() >= (params.normalize.center_rows if cell != "all" else 2) and wanted.any():
                taught = _some(rows, facts.target_id, params.normalize.max_rows)
                tail_map = fit_tail_map(score[taught], facts.log_snr[taught], facts.z[taught], params.normalize)
                maps[f"{side}, {cell}"] = tail_map.to_arrays()
                p_hat[wanted] = tail_map(score[wanted], facts.log_snr[wanted], facts.z[wanted])
    return p_hat, maps


def _some(rows: NDArray[np.bool_], target_id: NDArray[np.int64], at_most: int) -> NDArray[np.intp]:
    """Indices of the rows that are True, or of ``at_most`` of them whatever their order: those of the lowest hashes."""
    index = np.flatnonzero(rows)
    if len(index) <= at_most:
        return index
    mixed = target_id[index].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing, modulo 2**64
    mixed ^= mixed >> np.uint64(32)
    return np.sort(index[np.argsort(mixed * np.uint64(0xD6E8FEB86659FD93), kind="stable")[:at_most]])


def _ranks(primary: NDArray[Any], secondary: NDArray[Any], target_id: NDArray[np.int64]) -> pa.Array:
    """1 for the oddest; ties fall to the second score, then to the smaller TARGETID; null where there is no score."""
    known = np.isfinite(primary)
    order = np.lexsort((target_id[known], -secondary[known], -primary[known]))
    rank = np.zeros(len(primary), np.int32)
    rank[np.flatnonzero(known)[order]] = np.arange(1, known.sum() + 1, dtype=np.int32)
    return pa.array(rank, mask=~known)


def _facts(table: pa.Table, params: SignificanceParams) -> _Facts:
    needed = ("TARGETID", "Z", "SNR", "COVERAGE", "STRICT", "SPLIT", "QUALITY")
    missing = [name for name in needed if name not in table.column_names]
    if missing:
        raise DataError(f"the scores come without {', '.join(missing)} (found {', '.join(table.column_names)})")
    target_id = table["TARGETID"].to_numpy()
    if len(np.unique(target_id)) != len(target_id):
        values, counts = np.unique(target_id, return_counts=True)
        raise DataError(
            f"TARGETID {values[counts.argmax()]} stands {counts.max()} times; a sample names an object once"
        )
    snr = _floats(table, "SNR")
    strict = table["STRICT"].to_numpy()
    sample = np.where(strict, "strict", "permissive")
    coverage = np.where(_floats(table, "COVERAGE") >= params.normalize.coverage_full, "full", "partial")
    group = sample if params.group_by_strict else np.full(len(snr), "all")
    if params.group_snr:
        bounds = ["0", *(f"{edge:g}" for edge in params.group_snr), "inf"]
        bins = np.array([f"S/N {low}-{high}" for low, high in pairwise(bounds)])
        group = np.char.add(np.char.add(group, ", "), bins[np.searchsorted(params.group_snr, snr, side="right")])
    return _Facts(
        target_id=target_id,
        z=_floats(table, "Z"),
        log_snr=np.log10(np.maximum(snr, 1e-3)),  # a NaN stays NaN
        strict=strict,
        split=np.asarray(table["SPLIT"].to_pylist(), dtype="U11"),
        cell=np.char.add(np.char.add(sample, ", "), coverage),
        group=group,
        scorable=(table["QUALITY"].to_numpy().astype(np.uint32) & np.uint32(UNSCORABLE)) == 0,
    )


def _floats(table: pa.Table, name: str) -> NDArray[np.float64]:
    """A column as float64; null is NaN."""
    return np.asarray(table[name].to_numpy(zero_copy_only=False), dtype=np.float64)
