"""The middle of the merged score, the same at every S/N and redshift.

Detectors agree with each other more at one S/N than at another, so a merge of flat scores is not quite flat. Its median
is moved, and nothing else: the tail stays as the detectors have it, for there a few odd spectra would decide.
"""

from dataclasses import dataclass, fields
from itertools import cycle, islice
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from oddqso.significance.params import NormalizeParams

_N_STEPS: Final = 4
_MOST_KNOTS: Final = 40
_LEAST_KNOTS: Final = 5
_LEAST_ROWS: Final = 30


@dataclass(frozen=True, slots=True, eq=False)
class CenterMap:
    """Medians of a score along log S/N and z, one after the other.

    Parameters
    ----------
    knots, center : (n_step, n_knot) float64
        Places along log10(S/N), z, log10(S/N), z; and what the median of what the steps before leave differs there
        from the median of all.
    """

    knots: NDArray[np.float64]
    center: NDArray[np.float64]

    def __call__(self, score: NDArray[Any], log_snr: NDArray[Any], z: NDArray[Any]) -> NDArray[np.float64]:
        """The score with its median moved, (n_spec,)."""
        moved = np.asarray(score, np.float64).copy()
        for x, knots, center in zip(islice(cycle((log_snr, z)), _N_STEPS), self.knots, self.center, strict=True):
            moved -= np.interp(x, knots, center)
        return moved

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Plain arrays, by name."""
        return {f.name: np.asarray(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Self:
        """From what `to_arrays` gave."""
        return cls(**arrays)


def fit_center_map(score: NDArray[Any], log_snr: NDArray[Any], z: NDArray[Any], params: NormalizeParams) -> CenterMap:
    """Medians of one score at each place.

    Parameters
    ----------
    score, log_snr, z : (n_spec,) float
        Of mostly ordinary spectra, all finite, at least two of them.
    params : NormalizeParams
        How many spectra a place needs.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, z = rng.normal(size=4000), rng.normal(size=4000)
    >>> score = rng.exponential(size=4000) + 0.3 * x
    >>> moved = fit_center_map(score, x, z, NormalizeParams())(score, x, z)
    >>> [abs(round(float(np.corrcoef(s, x)[0, 1]), 1)) for s in (score, moved)]
    [0.3, 0.0]
    """
    left = np.asarray(score, np.float64).copy()
    n_knot = int(np.clip(len(left) // params.center_rows, 1, _MOST_KNOTS))
    n_knot = max(n_knot, min(_LEAST_KNOTS, len(left) // _LEAST_ROWS), 1)
    knots, center = [], []
    for x in islice(cycle((log_snr, z)), _N_STEPS):
        parts = np.array_split(np.argsort(x, kind="stable"), n_knot)
        knots.append(np.array([np.median(x[part]) for part in parts]))
        center.append(np.array([np.median(left[part]) for part in parts]) - np.median(left))
        left -= np.interp(x, knots[-1], center[-1])
    return CenterMap(np.stack(knots), np.stack(center))
