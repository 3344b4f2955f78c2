"""Whether what is measured has changed: fixed ordinary spectra, judged again, must still look ordinary."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp, kstest

ALARM: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Drift:
    """A Kolmogorov-Smirnov test.

    Parameters
    ----------
    n : int
        Spectra.
    distance : float
        Largest distance between the distributions; 0 without spectra.
    p_value : float
        Chance of a larger one if nothing has changed.
    alarm : bool
        Whether that is below 1e-3.
    """

    n: int
    distance: float
    p_value: float
    alarm: bool


def drift(p_value: NDArray[Any], before: NDArray[Any] | None = None) -> Drift:
    """Compare conformal p-values of ordinary spectra with those that they should have.

    Parameters
    ----------
    p_value : (n,) float
        Of ordinary spectra, now.
    before : (n_before,) float, optional
        Of ordinary spectra of the run; by default they are uniform between 0 and 1.

    Examples
    --------
    >>> drift(np.linspace(0.01, 1, 100)).alarm, drift(np.linspace(0.01, 0.5, 100)).alarm
    (False, True)
    """
    p = np.asarray(p_value, np.float64)
    p = p[np.isfinite(p)]
    if not len(p) or (before is not None and not len(before)):
        return Drift(len(p), 0.0, 1.0, False)
    found = kstest(p, "uniform") if before is None else ks_2samp(p, before)
    return Drift(len(p), float(found.statistic), float(found.pvalue), bool(found.pvalue < ALARM))
