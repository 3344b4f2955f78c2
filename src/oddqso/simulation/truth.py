"""What a spectrum of a simulated survey is in truth."""

from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

ORDINARY: Final = ""
"""The class of an ordinary quasar."""

Z_TOLERANCE: Final = 0.01
"""A redshift further off than this, relative to 1 + z, is wrong (3000 km/s)."""


def true_classes(target_id: NDArray[np.int64], z: NDArray[np.float64], truth: pa.Table) -> list[str | None]:
    """What each spectrum is: "" for an ordinary quasar, a class for an odd one, None if the truth does not tell.

    Parameters
    ----------
    target_id : (n_spec,) int64
        DESI TARGETID.
    z : (n_spec,) float64
        Redshift at which the spectrum was judged.
    truth : pa.Table
        TARGETID, KIND, CLASS, Z_TRUE.

    Returns
    -------
    list of str or None
        The injected class; ``galaxy``, ``star``, ``sky`` or ``stuck`` for what is no quasar; ``wrong_redshift`` for a
        quasar judged at a redshift off by more than 3000 km/s.

    Examples
    --------
    >>> truth = pa.table({"TARGETID": [1, 2], "KIND": ["quasar", "star"], "CLASS": ["", ""], "Z_TRUE": [1.0, 0.0]})
    >>> true_classes(np.array([2, 1, 3]), np.array([2.0, 1.0, 1.0]), truth)
    ['star', '', None]
    """
    known = truth["TARGETID"].to_numpy()
    order = np.argsort(known, kind="stable")
    place = order[np.minimum(np.searchsorted(known[order], target_id), len(order) - 1)] if len(order) else None
    if place is None:
        return [None] * len(target_id)
    names = np.array(truth["CLASS"].fill_null("").to_pylist(), dtype=np.str_)[place]
    kinds = np.array(truth["KIND"].fill_null("").to_pylist(), dtype=np.str_)[place]
    z_true = truth["Z_TRUE"].cast(pa.float64()).fill_null(np.nan).to_numpy()[place]
    wrong = np.abs(z - z_true) > Z_TOLERANCE * (1 + z_true)
    otherwise = np.where(kinds != "quasar", kinds, np.where(wrong, "wrong_redshift", ORDINARY))
    found = np.where(names != "", names, otherwise).tolist()
    return [name if here else None for name, here in zip(found, (known[place] == target_id).tolist(), strict=True)]
