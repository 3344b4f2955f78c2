"""Active standardized latents of a run, one row an object of the catalog: what is near to what."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oddqso.errors import DataError
from oddqso.runs.directory import RunDirectory
from oddqso.score.latents import ActiveUnits
from oddqso.spectra.columns import matrix_from

_DETECTORS: Final = ("KNN", "FOREST", "GMM")
"""Any of them keeps the active units; all keep the same."""


def read_latents(directory: RunDirectory, target_id: NDArray[np.int64]) -> NDArray[np.float32]:
    """Active latents, standardized as the density detectors see them; (n, n_active) float32.

    What is not finite becomes 0, the middle.

    Parameters
    ----------
    directory : RunDirectory
        A run with the stage embed complete.
    target_id : (n,) int64
        The objects wanted, in any order.

    Raises
    ------
    DataError
        If the run has no latent vector for one of them.
    """
    order = np.argsort(target_id, kind="stable")
    ascending, units = target_id[order], None
    out, seen = np.empty((0, 0), np.float32), np.zeros(len(target_id), np.bool_)
    for table in directory.shards("embed"):
        ids, latent = table["TARGETID"].to_numpy(), matrix_from(table, "LATENT")
        if units is None:
            units = _units(directory, latent.shape[1])
            out = np.empty((len(target_id), len(units.unit)), np.float32)
        place = np.minimum(np.searchsorted(ascending, ids), max(len(ascending) - 1, 0))
        here = ascending[place] == ids if len(ascending) else np.zeros(len(ids), np.bool_)
        rows = order[place[here]]
        out[rows] = units(np.asarray(latent)[here])
        seen[rows] = True
    if not seen.all():
        raise DataError(
            f"{directory.root} has no latent vector of TARGETID {target_id[~seen][0]}; run again with --from embed"
        )
    np.nan_to_num(out, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    return out


def _units(directory: RunDirectory, n_latent: int) -> ActiveUnits:
    """The active units that the density detectors were fitted to; all units, as they are, if none was."""
    for name in _DETECTORS:
        path = directory.stage("fit") / f"{name}.npz"
        if path.exists():
            with np.load(path) as arrays:
                if "unit" in arrays:
                    kept: dict[str, Any] = {key: arrays[key] for key in ("unit", "center", "width", "n_latent")}
                    return ActiveUnits.from_arrays(kept)
    return ActiveUnits(np.arange(n_latent), np.zeros(n_latent), np.ones(n_latent), n_latent)
