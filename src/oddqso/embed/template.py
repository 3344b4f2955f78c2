"""A plain quasar from published numbers: where no spectrum says otherwise the model is drawn towards it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

# Equivalent width and Gaussian width [Angstrom] of broad lines: Vanden Berk et al. 2001, AJ 122, 549, table 2;
# iron as three humps (2450, 4570 and 5250 Angstrom).
_LINES: Final = (
    (1033.0, 8.3, 7.8), (1216.25, 92.9, 19.5), (1240.0, 6.0, 8.0), (1305.4, 1.7, 5.4), (1398.3, 8.1, 14.0),
    (1546.2, 23.8, 14.3), (1637.0, 4.0, 20.0), (1664.7, 2.0, 8.0), (1857.0, 2.0, 10.0), (1906.0, 21.2, 23.6),
    (2326.0, 2.0, 20.0), (2450.0, 20.0, 120.0), (2800.3, 32.3, 35.0), (3427.0, 1.2, 6.0), (3729.7, 1.6, 3.3),
    (3869.8, 1.4, 5.3), (4102.7, 5.1, 18.6), (4346.4, 12.6, 20.3), (4570.0, 12.0, 60.0), (4853.1, 46.2, 40.4),
    (4960.4, 3.5, 3.9), (5008.2, 13.2, 6.0), (5250.0, 12.0, 80.0), (5877.4, 4.9, 23.5), (6564.9, 194.5, 47.4),
    (6725.0, 4.0, 8.0),
)  # fmt: skip

_TOGETHER: Final = (
    (1216.25, 1240.0), (1546.2, 1398.3), (1906.0,), (2800.3,), (2450.0, 4570.0, 5250.0), (4853.1, 4346.4),
    (5008.2, 4960.4), (6564.9,),
)  # fmt: skip
"""Lines that vary first of all, in groups that vary together."""


def continuum(wave: NDArray[np.float64]) -> NDArray[np.float64]:
    """Power laws, 1 at 3000 Angstrom: f_nu ~ nu^-1.5 below 1100, nu^-0.5 to 5000, nu^-1 beyond (host).

    ``wave`` (n_rest,) in the rest frame [Angstrom].
    """
    log, blue, red = np.log(wave / 3000.0), np.log(1100 / 3000.0), np.log(5000 / 3000.0)
    log_flux = -1.5 * np.clip(log, blue, red) - 0.5 * np.minimum(log - blue, 0) - 1.0 * np.maximum(log - red, 0)
    flux: NDArray[np.float64] = np.exp(log_flux)
    return flux


def _profile(wave: NDArray[np.float64], centres: tuple[float, ...]) -> NDArray[np.float64]:
    """Flux of lines over the continuum, (n_rest,)."""
    total = np.zeros_like(wave)
    for centre, width, sigma in _LINES:
        if centre in centres:
            total += width / (sigma * np.sqrt(2 * np.pi)) * np.exp(-0.5 * ((wave - centre) / sigma) ** 2)
    return total


def template(wave: NDArray[np.float64]) -> NDArray[np.float64]:
    """Continuum and lines, (n_rest,), on ``wave`` (n_rest,) in the rest frame [Angstrom].

    Examples
    --------
    >>> peak, beside = template(np.array([1549.0, 1450.0]))
    >>> bool(1.4 < peak / beside < 2.0)
    True
    """
    return continuum(wave) * (1 + _profile(wave, tuple(centre for centre, _, _ in _LINES)))


def first_components(wave: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the search for components starts: slopes and line strengths, (n_rest, 10)."""
    log = np.log(wave / 3000.0)
    slopes = [0.5 * np.tanh(log), 0.3 * (np.tanh(log) ** 2 - 0.3)]
    lines = [0.4 * _profile(wave, group) for group in _TOGETHER]
    return np.stack(
        [*(slope * template(wave) for slope in slopes), *(line * continuum(wave) for line in lines)], axis=1
    )
