"""Which spectra are calibrated against which: like with like."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddqso.significance.params import SignificanceParams


def calibration_groups(strict: NDArray[np.bool_], snr: NDArray[Any], params: SignificanceParams) -> NDArray[Any]:
    """The calibration group of each spectrum, (n_spec,) of text: by strictness and, if asked, by S/N.

    Examples
    --------
    >>> calibration_groups(np.array([True, False]), np.array([1.0, 9.0]), SignificanceParams(group_snr=(3.0,))).tolist()
    ['strict, S/N 0-3', 'permissive, S/N 3-inf']
    """
    group = np.where(strict, "strict", "permissive") if params.group_by_strict else np.full(len(snr), "all")
    if params.group_snr:
        bounds = ["0", *(f"{edge:g}" for edge in params.group_snr), "inf"]
        bins = np.array([f"S/N {low}-{high}" for low, high in pairwise(bounds)])
        group = np.char.add(np.char.add(group, ", "), bins[np.searchsorted(params.group_snr, snr, side="right")])
    return group
