"""How flat the score is where it was not made flat: learned on half of the held-out spectra, measured on the rest."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddqso.significance.apply import apply_maps, flat_maps, floats
from oddqso.significance.assess import learn_maps
from oddqso.significance.flatness import flatness
from oddqso.significance.params import SignificanceParams

MOST_ROWS: Final = 40_000
"""Held-out spectra, at most, that are used."""


def cross_fitted(table: pa.Table, params: SignificanceParams) -> NDArray[np.float64]:
    """The final score of each held-out spectrum under a normalization learned from the other half of them.

    Parameters
    ----------
    table : pa.Table
        As `oddqso.significance.assess.assess` takes it.
    params : SignificanceParams
        Settings.

    Returns
    -------
    (n_spec,) float64
        NaN for FIT spectra, for those without a score, and for those beyond `MOST_ROWS`.
    """
    target_id = table["TARGETID"].to_numpy()
    fit = np.asarray(table["SPLIT"].to_pylist(), dtype="U11") == "FIT"
    held = np.flatnonzero(~fit)
    held = held[np.argsort(_mixed(target_id[held]), kind="stable")[:MOST_ROWS]]
    taught_by_fit = params.normalize.learn_from == "fit"
    score = np.full(len(target_id), np.nan)
    for half in (0, 1):
        measured, others = np.sort(held[half::2]), np.sort(held[1 - half :: 2])
        taught = np.flatnonzero(fit) if taught_by_fit else others
        if len(measured) and len(taught):
            maps = flat_maps(learn_maps(table.take(taught), params))
            score[measured] = floats(apply_maps(table.take(measured), maps, params), "SCORE")
    return score


def cross_fitted_flatness(
    table: pa.Table, axes: Mapping[str, NDArray[Any]], params: SignificanceParams
) -> dict[str, Any]:
    """`flatness` of `cross_fitted` on strict spectra, odd ones included, for nobody knows which they are.

    Parameters
    ----------
    table : pa.Table
        As `cross_fitted` takes it.
    axes : mapping of str to (n_spec,) float
        Axes besides ``snr``, ``z`` and ``coverage``.
    params : SignificanceParams
        Settings.
    """
    strict = np.asarray(table["STRICT"].to_numpy(), bool)
    own = {"snr": floats(table, "SNR"), "z": floats(table, "Z"), "coverage": floats(table, "COVERAGE")}
    score = cross_fitted(table, params)
    return flatness(score[strict], {name: axis[strict] for name, axis in {**own, **axes}.items()})


def _mixed(target_id: NDArray[np.int64]) -> NDArray[np.uint64]:
    """A hash, so that halves do not depend on order, and are not neighbors on the sky."""
    mixed: NDArray[np.uint64] = target_id.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return mixed ^ (mixed >> np.uint64(29))
