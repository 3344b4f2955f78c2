"""The signed residual in windows of the rest and the observed frame: where a spectrum differs from its model, and how.

Astrophysics stands at fixed places in the rest frame, sky and instrument in the observed frame.
"""

from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

REST_WINDOWS: Final = (
    ("O VI", 1000.0, 1060.0), ("forest", 1060.0, 1180.0), ("Lyα, N V", 1185.0, 1265.0), ("Si IV", 1350.0, 1430.0),
    ("C IV trough", 1430.0, 1520.0), ("C IV", 1520.0, 1600.0), ("He II, N III]", 1600.0, 1820.0),
    ("Al III, C III]", 1820.0, 1950.0), ("2175 Å", 1950.0, 2250.0), ("UV Fe II", 2250.0, 2600.0),
    ("Mg II trough", 2600.0, 2765.0), ("Mg II", 2765.0, 2850.0), ("Balmer continuum", 2850.0, 3650.0),
    ("[O II] to Hγ", 3650.0, 4700.0), ("Hβ, [O III]", 4700.0, 5100.0), ("Hα", 6300.0, 6850.0),
)  # fmt: skip
"""Name and edges, rest frame [Angstrom]."""

OBSERVED_WINDOWS: Final = (
    ("blue end", 3600.0, 4200.0), ("B", 4200.0, 5000.0), ("B, red", 5000.0, 5740.0),
    ("join of B and R", 5740.0, 5820.0), ("R", 5820.0, 6700.0), ("R, red", 6700.0, 7480.0),
    ("join of R and Z", 7480.0, 7640.0), ("Z", 7640.0, 8400.0), ("Z, sky", 8400.0, 9200.0), ("red end", 9200.0, 9824.0),
)  # fmt: skip
"""Name and edges, observed frame [Angstrom]."""

NAMES: Final = tuple(f"rest {one[0]}" for one in REST_WINDOWS) + tuple(f"seen {one[0]}" for one in OBSERVED_WINDOWS)

_EDGES: Final = np.array([one[1:] for one in (*REST_WINDOWS, *OBSERVED_WINDOWS)])


def window_residuals(
    flux: NDArray[np.float32], ivar: NDArray[np.float32], model: NDArray[np.float32], model_sigma: NDArray[np.float32],
    wave: NDArray[np.float64], z: NDArray[np.float64],
) -> NDArray[np.float32]:  # fmt: skip
    """Arcsinh of the significance of the mean residual in each window, (n_spec, 26) float32.

    With weights ``w = 1 / (1 / ivar + (model_sigma model)^2)`` it is ``sum(w y (f - y)) / sqrt(sum(w y^2))``: by how
    many standard deviations the model ``y``, scaled, misses the flux ``f``. NaN where no pixel is good.

    Parameters
    ----------
    flux, ivar, model : (n_spec, n_wave) float32
        Prepared flux, its inverse variance (0: unknown) and the reconstruction, in the same units.
    model_sigma : (n_spec, n_wave) float32
        The model's error as a fraction of the model.
    wave : (n_wave,) float64
        Observed frame, ascending [Angstrom].
    z : (n_spec,) float64
        Redshift.

    Examples
    --------
    >>> wave, row = np.linspace(3600, 9800, 4000), np.ones((1, 4000), np.float32)
    >>> found = window_residuals(row * 1.1, row, row, 0 * row, wave, np.array([1.0]))
    >>> bool(np.isnan(found[0, 0])), bool(found[0, 8] > 0)
    (True, True)
    """
    out = np.empty((len(flux), len(_EDGES)), dtype=np.float32)
    arrays = (np.ascontiguousarray(one, dtype=np.float32) for one in (flux, ivar, model, model_sigma))
    _window_residuals(*arrays, wave, np.asarray(z, dtype=np.float64), _EDGES, len(REST_WINDOWS), out)
    return np.arcsinh(out)


@njit(cache=True, nogil=True)
def _window_residuals(
    flux: Any, ivar: Any, model: Any, model_sigma: Any, wave: Any, z: Any, edges: Any, n_rest: int, out: Any
) -> None:
    for i in range(len(flux)):
        for k in range(len(edges)):
            shift = 1.0 + z[i] if k < n_rest else 1.0
            first, last = np.searchsorted(wave, edges[k, 0] * shift), np.searchsorted(wave, edges[k, 1] * shift)
            miss, norm = 0.0, 0.0
            for j in range(first, last):
                if ivar[i, j] > 0:
                    y = model[i, j]
                    weight = 1.0 / (1.0 / ivar[i, j] + (model_sigma[i, j] * y) ** 2)
                    miss += weight * y * (flux[i, j] - y)
                    norm += weight * y * y
            out[i, k] = miss / np.sqrt(norm) if norm > 0 else np.nan
