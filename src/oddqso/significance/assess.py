"""From raw scores to one score, rank, p-value and q-value, and to what may be claimed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddqso.errors import DataError
from oddqso.significance.apply import (
    CELLS,
    MERGED,
    REST,
    Rows,
    TailMaps,
    floats,
    mapped,
    merged_score,
    published,
    require,
    rows_of,
    scores_of,
    side_of,
)
from oddqso.significance.center import CenterMap, fit_center_map
from oddqso.significance.certificate import Tier
from oddqso.significance.claim import Claim
from oddqso.significance.flatness import flatness
from oddqso.significance.groups import calibration_groups
from oddqso.significance.labels import Labels
from oddqso.significance.normalize import TailMap, fit_tail_map
from oddqso.significance.params import SignificanceParams
from oddqso.significance.running import FrozenScores, calibrate, certificate_of


@dataclass(frozen=True, slots=True, eq=False)
class Assessment:
    """What became of the scores.

    Parameters
    ----------
    table : pa.Table
        TARGETID, RANK_<NAME>, TAIL_<NAME>, SCORE, RANK, P_VALUE, Q_VALUE, GROUP, TIER, FDP_95; one row a spectrum, in
        their order.
    claim : Claim
        What may be claimed.
    tiers : tuple of Tier
        The certificate of each list.
    flatness : dict
        `flatness` of SCORE and of each TAIL_<NAME> on the held-out strict spectra, by name.
    tail_maps : dict
        The fitted normalization as plain arrays: ``{name: {cell: {array: ...}}}``.
    """

    table: pa.Table
    claim: Claim
    tiers: tuple[Tier, ...]
    flatness: dict[str, Any]
    tail_maps: dict[str, TailMaps]

    def certificate(self) -> dict[str, Any]:
        """The certificate as plain numbers: each list, and the vetting that it rests on."""
        return certificate_of(self.claim, self.tiers)


@dataclass(frozen=True, slots=True, eq=False)
class _Facts:
    """What is known of each of ``n_spec`` spectra besides its scores."""

    target_id: NDArray[np.int64]
    rows: Rows
    strict: NDArray[np.bool_]
    split: NDArray[Any]
    group: NDArray[Any]
    odd: NDArray[np.bool_]
    seen: NDArray[np.bool_]


def assess(table: pa.Table, params: SignificanceParams, labels: Labels | None = None) -> Assessment:
    """Normalize each score, merge, move the median, calibrate TEST on CALIBRATION, adjust for multiple tests.

    The normalization is learned from CALIBRATION and TEST together, without a look at which is which, so an ordinary
    TEST spectrum stays exchangeable with the CALIBRATION ones and the p-values stay valid (Marandon et al. 2024). FIT
    spectra, which the model has seen and fits better than any other, are normalized among themselves. Labels move no
    score: they take spectra out of the calibration, and no more.

    Parameters
    ----------
    table : pa.Table
        TARGETID, Z, SNR, COVERAGE, STRICT, SPLIT, QUALITY and SCORE_<NAME>, one row a spectrum.
    params : SignificanceParams
        Settings.
    labels : Labels, optional
        What people found in CALIBRATION.

    Raises
    ------
    DataError
        If a column is missing, a TARGETID stands twice, or a label is on a spectrum outside CALIBRATION.
    ConfigError
        If the settings merge a detector that there is not.
    """
    facts = _facts(table, params, labels)
    scores = scores_of(table, facts.rows, params)
    tail_maps, tails = _normalize(scores, facts, params)
    merged = merged_score(tails, params)
    final = published(_judge(merged, facts, tail_maps[MERGED], params, CenterMap))
    score = _values(final)  # p-values are made from the number that is published

    columns: dict[str, pa.Array] = {"TARGETID": pa.array(facts.target_id)}
    for name, raw in scores.items():
        tail = published(-np.log10(tails[name]))
        columns[f"RANK_{name}"] = _ranks(_values(tail), raw, facts.target_id)
        columns[f"TAIL_{name}"] = tail
    columns["SCORE"] = final
    columns["RANK"] = _ranks(score, merged, facts.target_id)
    frozen = FrozenScores(facts.target_id, score, facts.group, facts.split)
    significance, made, tiers = calibrate(frozen, facts.odd, facts.seen, params, labels.false_alarm if labels else 0.0)
    held_out = (facts.split == "CALIBRATION") & facts.strict
    named = {"SCORE": score} | {name: -np.log10(tail) for name, tail in tails.items()}
    axes = {"snr": facts.rows.log_snr[held_out], "z": facts.rows.z[held_out]}
    flat = {name: flatness(values[held_out], axes) for name, values in named.items()}
    return Assessment(pa.table(columns | significance), made, tiers, flat, tail_maps)


def _values(published: pa.Array) -> NDArray[np.float32]:
    """A published column as float32; null is NaN."""
    return np.asarray(published.to_numpy(zero_copy_only=False), dtype=np.float32)


def learn_maps(table: pa.Table, params: SignificanceParams) -> dict[str, TailMaps]:
    """The normalization alone, learned from a table as `assess` takes it."""
    facts = _facts(table, params, None)
    return _normalize(scores_of(table, facts.rows, params), facts, params)[0]


def _normalize(
    scores: dict[str, NDArray[np.float64]], facts: _Facts, params: SignificanceParams
) -> tuple[dict[str, TailMaps], dict[str, NDArray[np.float64]]]:
    """Maps and tail probabilities of each score.

    Odd spectra would teach a map that they are ordinary, most where spectra are few. So the maps are learned again
    without the spectra that the *other* detectors together find oddest: no score has a say in who teaches its own map.
    """
    first = {name: _judge(scores[name], facts, _learn(scores[name], facts, params), params) for name in params.merged}
    tail_maps = {}
    for name, score in scores.items():
        teaching = _not_oddest(merged_score(first, params, without=name), facts, params)
        tail_maps[name] = _learn(np.where(teaching, score, np.nan), facts, params)
    tails = {name: _judge(score, facts, tail_maps[name], params) for name, score in scores.items()}
    tail_maps[MERGED] = _learn(merged_score(tails, params), facts, params, fit_center_map)
    return tail_maps, tails


def _not_oddest(score: NDArray[np.float64], facts: _Facts, params: SignificanceParams) -> NDArray[np.bool_]:
    """All but the share of each side that has the highest scores, (n_spec,)."""
    kept = np.ones(len(score), bool)
    fit = facts.split == "FIT"
    for side in (fit, ~fit):
        known = np.flatnonzero(side & np.isfinite(score))
        n_out = int(params.normalize.leave_out * len(known))
        if n_out:
            kept[known[np.argsort(score[known], kind="stable")[-n_out:]]] = False
    return kept


def _learn(
    score: NDArray[Any], facts: _Facts, params: SignificanceParams, fit: Callable[..., Any] = fit_tail_map
) -> TailMaps:
    """The maps of one score: of each side, what the model has seen and what it has not; of each cell, and of the rest.

    A cell with too few spectra has none; then there is one of all.
    """
    rows, limit = facts.rows, params.normalize
    known = np.isfinite(score) & np.isfinite(rows.log_snr) & np.isfinite(rows.z)
    maps: TailMaps = {}
    for side, learn in _sides(facts, params).items():
        chosen = {cell: known & learn & (rows.cell == cell) for cell in CELLS}
        chosen = {cell: here for cell, here in chosen.items() if here.sum() >= limit.center_rows}
        if len(chosen) < len(CELLS) and (known & learn).sum() >= 2:
            chosen[REST] = known & learn
        for cell, here in chosen.items():
            taught = _some(here, facts.target_id, limit.max_rows)
            tail_map = fit(score[taught], rows.log_snr[taught], rows.z[taught], limit)
            maps[f"{side}, {cell}"] = tail_map.to_arrays()
    return maps


def _judge(
    score: NDArray[Any], facts: _Facts, maps: TailMaps, params: SignificanceParams,
    kind: type[TailMap] | type[CenterMap] = TailMap,
) -> NDArray[np.float64]:  # fmt: skip
    """What each spectrum's score becomes under the maps of its own side, (n_spec,); see `mapped`."""
    if params.normalize.learn_from == "fit":
        return mapped(score, facts.rows, maps, "fit", kind)
    out = np.full(len(score), np.nan)
    for side, here in _sides(facts, params).items():
        out[here] = mapped(score[here], facts.rows[here], maps, side, kind)
    return out


def _sides(facts: _Facts, params: SignificanceParams) -> dict[str, NDArray[np.bool_]]:
    """The spectra that teach the maps of each side."""
    fit = facts.split == "FIT"
    return {"fit": fit} | ({side_of(params): ~fit} if params.normalize.learn_from == "held_out" else {})


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


def _facts(table: pa.Table, params: SignificanceParams, labels: Labels | None) -> _Facts:
    require(table, ("TARGETID", "Z", "SNR", "COVERAGE", "STRICT", "SPLIT", "QUALITY"))
    target_id = table["TARGETID"].to_numpy()
    if len(np.unique(target_id)) != len(target_id):
        values, counts = np.unique(target_id, return_counts=True)
        raise DataError(
            f"TARGETID {values[counts.argmax()]} stands {counts.max()} times; a sample names an object once"
        )
    strict, split = table["STRICT"].to_numpy(), np.asarray(table["SPLIT"].to_pylist(), dtype="U11")
    none = np.zeros(len(target_id), bool)
    odd, seen = labels.among(target_id, split) if labels else (none, none)
    return _Facts(
        target_id=target_id,
        rows=rows_of(table, params.normalize),
        strict=strict,
        split=split,
        group=calibration_groups(strict, floats(table, "SNR"), params),
        odd=odd,
        seen=seen,
    )
