"""Figures of the catalog: how flat the scores are, what the p-values look like, where the detectors agree."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import stats

from oddqso.spectra.quality import Quality

ALPHAS: Final = (0.01, 0.05, 0.10, 0.20)
"""Nominal false discovery rates at which lists are counted."""


def column(catalog: pa.Table, name: str) -> NDArray[np.float64]:
    """A numeric column (n_spec,) float64, null as NaN.

    Examples
    --------
    >>> column(pa.table({"RANK": pa.array([1, None])}), "RANK")
    array([ 1., nan])
    """
    return np.asarray(catalog[name].cast(pa.float64()).fill_null(float("nan")).to_numpy(), dtype=np.float64)


def words(catalog: pa.Table, name: str) -> NDArray[np.str_]:
    """A text column (n_spec,), null as ""."""
    return np.array(catalog[name].fill_null("").to_pylist(), dtype=np.str_)


def detectors(catalog: pa.Table) -> list[str]:
    """Names of the detectors in a catalog, in its order."""
    return [name.removeprefix("SCORE_") for name in catalog.column_names if name.startswith("SCORE_")]


def counts(catalog: pa.Table) -> dict[str, Any]:
    """How many spectra there are of each kind, and what they are like."""
    split, scored = words(catalog, "SPLIT"), np.isfinite(column(catalog, "SCORE"))
    snr, z = column(catalog, "SNR"), column(catalog, "Z")
    return {
        "n": catalog.num_rows,
        "n_scored": int(scored.sum()),
        "n_fit": int((split == "FIT").sum()),
        "n_calibration": int((split == "CALIBRATION").sum()),
        "n_test": int((split == "TEST").sum()),
        "n_tested": int(np.isfinite(column(catalog, "P_VALUE")).sum()),
        "snr_median": _median(snr[scored]),
        "z_median": _median(z[scored]),
        "z_min": float(z[scored].min()) if scored.any() else None,
        "z_max": float(z[scored].max()) if scored.any() else None,
    }


def quality_counts(catalog: pa.Table) -> dict[str, int]:
    """How many spectra bear each `Quality` bit; bits that none bears are left out."""
    quality = catalog["QUALITY"].to_numpy().astype(np.int64)
    found = {str(bit.name): int(np.count_nonzero(quality & int(bit))) for bit in Quality}
    return {name: n for name, n in found.items() if n}


def flatness(catalog: pa.Table, held_out: NDArray[np.bool_]) -> dict[str, dict[str, float | None]]:
    """Spearman's rank correlation of every score with S/N and with z, over held-out spectra; 0 is flat.

    Raw scores (SCORE_<NAME>) are compared with what conditioning made of them (TAIL_<NAME>) and with the merged SCORE.
    """
    names = ["SCORE"] + [f"{kind}_{name}" for name in detectors(catalog) for kind in ("SCORE", "TAIL")]
    return {
        name: {
            "snr": _spearman(column(catalog, name)[held_out], column(catalog, "SNR")[held_out]),
            "z": _spearman(column(catalog, name)[held_out], column(catalog, "Z")[held_out]),
        }
        for name in names
        if name in catalog.column_names
    }


def p_value_figures(p_value: NDArray[np.float64]) -> dict[str, Any]:
    """How uniform p-values (n,) are; p-values of ordinary spectra are uniform or larger.

    Examples
    --------
    >>> figures = p_value_figures((np.arange(100) + 0.5) / 100)
    >>> figures["n"], round(figures["ks"], 3), figures["share_at_most_1_percent"]
    (100, 0.005, 0.01)
    """
    if not len(p_value):
        return {"n": 0}
    test = stats.kstest(p_value, "uniform")
    return {
        "n": len(p_value),
        "ks": float(test.statistic),
        "ks_p": float(test.pvalue),
        "share_at_most_1_percent": float(np.mean(p_value <= 0.01)),
        "share_at_most_10_percent": float(np.mean(p_value <= 0.1)),
        "smallest": float(p_value.min()),
    }


def discoveries(
    catalog: pa.Table, alphas: Sequence[float], shortest: Mapping[float, int] | None = None
) -> list[dict[str, Any]]:
    """How long the list is at each nominal false discovery rate, and the shortest that one can be.

    Parameters
    ----------
    catalog : pa.Table
        With Q_VALUE.
    alphas : sequence of float
        Nominal rates.
    shortest : mapping of float to int, optional
        R_min at a rate, where the run says it; else it is m / (alpha (n + 1)) over all of CALIBRATION.
    """
    q_value = column(catalog, "Q_VALUE")
    scored = np.isfinite(column(catalog, "SCORE"))
    m, n = int(np.isfinite(q_value).sum()), int(((words(catalog, "SPLIT") == "CALIBRATION") & scored).sum())
    known = shortest or {}
    return [
        {
            "alpha": float(alpha),
            "n": int(np.count_nonzero(q_value <= alpha)),
            "r_min": int(known.get(alpha, max(1, np.ceil(m / (alpha * (n + 1)) - 1e-9)))),
        }
        for alpha in alphas
    ]


def agreement(catalog: pa.Table, n_top: int) -> dict[str, Any]:
    """How far the detectors' top lists overlap.

    Returns
    -------
    dict
        ``n_top``; ``overlap``, how many of one detector's list stand on another's; ``in_merged``, how many stand on the
        merged list; ``alone``, how many spectra it found by itself (FOUND_BY).
    """
    names = detectors(catalog)
    lists = {name: set(np.flatnonzero(column(catalog, f"RANK_{name}") <= n_top).tolist()) for name in names}
    merged = set(np.flatnonzero(column(catalog, "RANK") <= n_top).tolist())
    found_by = words(catalog, "FOUND_BY")
    return {
        "n_top": n_top,
        "overlap": {a: {b: len(lists[a] & lists[b]) for b in names} for a in names},
        "alone": {name: int((found_by == name).sum()) for name in names},
        "in_merged": {name: len(lists[name] & merged) for name in names},
    }


def running_quantiles(
    x: NDArray[np.float64], y: NDArray[np.float64], levels: Sequence[float], n_bin: int = 14
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Quantiles of ``y`` in bins of ``x`` that hold the same number of spectra.

    Returns
    -------
    (n_bin,) float64, (n_level, n_bin) float64
        Median of ``x`` in the bin, quantiles of ``y``; fewer bins where there are fewer than 20 spectra a bin.

    Examples
    --------
    >>> x = np.arange(100.0)
    >>> running_quantiles(x, x, [0.5], n_bin=2)
    (array([24.5, 74.5]), array([[24.5, 74.5]]))
    """
    order = np.argsort(x, kind="stable")
    parts = np.array_split(order, max(1, min(n_bin, len(order) // 20)))
    if not len(order):
        return np.empty(0), np.empty((len(levels), 0))
    middle = np.array([np.median(x[part]) for part in parts])
    return middle, np.array([[np.quantile(y[part], level) for part in parts] for level in levels])


def _spearman(a: NDArray[np.float64], b: NDArray[np.float64]) -> float | None:
    known = np.isfinite(a) & np.isfinite(b)
    if known.sum() < 3 or np.ptp(a[known]) == 0 or np.ptp(b[known]) == 0:
        return None
    return float(stats.spearmanr(a[known], b[known]).statistic)


def _median(values: NDArray[np.float64]) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None
