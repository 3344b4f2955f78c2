"""Emission lines: table, Baldwin effect, Eigenvector 1, shifts and widths.

Equivalent widths and widths of the broad components follow the emission-line trends of the simulator simqso
(McGreer et al. 2013, with the scaling that its authors use for BOSS); narrow lines those of the SDSS composite
(Vanden Berk et al. 2001, table 2).
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from oddqso.simulation.population import C_KMS, Quasar

Float = NDArray[np.float64]


class Component(NamedTuple):
    """A Gaussian of an emission line: rest wavelength [Angstrom], rest EW at M_i = -23, -26, -28, and sigma at -26.

    ``shift`` is the share of the C IV shift it takes, ``vector`` the change of log10 EW with Eigenvector 1,
    ``scatter`` its own scatter [dex].
    """

    line: str
    center: float
    ew_faint: float
    ew_middle: float
    ew_bright: float
    sigma: float
    shift: float
    vector: float
    scatter: float


BROAD: Final = (
    Component("O VI", 1033.7, 12.4, 8.9, 7.1, 6.5, 0.5, -0.05, 0.15),
    Component("N II", 1073.0, 3.0, 2.5, 2.2, 13.0, 0.3, 0.00, 0.20),
    Component("Fe III", 1123.0, 2.2, 2.0, 1.8, 12.0, 0.3, 0.05, 0.20),
    Component("C III*", 1175.7, 3.0, 2.5, 2.2, 9.0, 0.2, 0.00, 0.20),
    Component("Lyα", 1216.3, 18.5, 11.0, 7.8, 4.2, 0.0, -0.10, 0.15),
    Component("Lyα", 1216.8, 104.0, 53.0, 34.0, 15.5, 0.2, -0.07, 0.10),
    Component("N V", 1241.0, 12.5, 12.5, 12.5, 9.5, 0.3, 0.05, 0.15),
    Component("Si II", 1262.6, 3.0, 2.6, 2.3, 9.0, 0.1, 0.00, 0.20),
    Component("O I", 1304.3, 2.2, 2.0, 1.9, 8.2, 0.0, 0.05, 0.20),
    Component("C II", 1338.4, 1.4, 1.2, 1.1, 10.0, 0.0, 0.05, 0.25),
    Component("Si IV", 1399.0, 10.4, 9.0, 8.1, 11.8, 0.5, 0.02, 0.09),
    Component("Si IV", 1382.0, 3.0, 2.6, 2.4, 28.0, 0.3, 0.02, 0.10),
    Component("N IV]", 1487.9, 0.3, 0.3, 0.3, 10.5, 0.3, 0.00, 0.30),
    Component("C IV", 1546.6, 12.4, 5.8, 3.5, 5.8, 0.8, -0.14, 0.13),
    Component("C IV", 1549.0, 48.0, 25.5, 16.8, 16.5, 1.0, -0.055, 0.09),
    Component("C IV", 1525.0, 9.6, 6.3, 4.7, 27.0, 1.0, -0.05, 0.12),
    Component("He II", 1636.2, 5.0, 3.2, 2.4, 10.0, 0.7, -0.10, 0.12),
    Component("Fe II", 1604.0, 8.6, 7.2, 6.4, 24.0, 0.3, -0.06, 0.10),
    Component("O III]", 1663.7, 4.4, 3.4, 2.8, 12.0, 0.4, -0.08, 0.20),
    Component("N III]", 1748.0, 2.0, 1.8, 1.7, 13.0, 0.3, 0.00, 0.25),
    Component("Al III", 1858.0, 5.8, 5.8, 5.8, 18.0, 0.3, 0.06, 0.12),
    Component("Si III]", 1891.0, 1.3, 1.3, 1.2, 8.0, 0.2, 0.06, 0.12),
    Component("C III]", 1907.4, 2.0, 1.8, 1.6, 5.3, 0.1, -0.10, 0.12),
    Component("C III]", 1908.5, 24.6, 21.2, 19.6, 22.0, 0.3, -0.02, 0.05),
    Component("C II]", 2326.4, 2.0, 1.6, 1.3, 11.0, 0.0, 0.00, 0.25),
    Component("Mg II", 2800.2, 13.6, 8.8, 6.5, 11.4, 0.0, -0.08, 0.15),
    Component("Mg II", 2799.5, 40.0, 25.0, 18.0, 27.0, 0.0, -0.04, 0.10),
    Component("H8", 3890.2, 1.0, 1.0, 1.0, 15.0, 0.0, 0.00, 0.25),
    Component("Hε", 3971.2, 2.0, 2.0, 2.0, 16.0, 0.0, 0.00, 0.25),
    Component("Hδ", 4102.0, 10.0, 9.5, 9.5, 22.0, 0.0, 0.00, 0.18),
    Component("Hγ", 4341.7, 22.0, 21.0, 21.0, 26.0, 0.0, 0.00, 0.15),
    Component("He II", 4687.0, 3.0, 2.0, 1.5, 15.0, 0.3, -0.15, 0.25),
    Component("Hβ", 4862.7, 14.0, 12.0, 11.0, 15.0, 0.0, -0.10, 0.20),
    Component("Hβ", 4860.0, 42.0, 40.0, 40.0, 40.0, 0.0, -0.02, 0.12),
    Component("He I", 5877.3, 4.9, 4.9, 4.9, 23.5, 0.0, 0.00, 0.20),
    Component("Hα", 6564.6, 105.0, 98.0, 90.0, 20.0, 0.0, -0.08, 0.18),
    Component("Hα", 6564.6, 240.0, 230.0, 225.0, 48.0, 0.0, -0.02, 0.12),
)
"""Components of the broad lines."""

NARROW: Final = (
    Component("[Ne IV]", 2423.8, 0.6, 0.44, 0.3, 2.1, 0.0, -0.15, 0.25),
    Component("[Ne V]", 3346.8, 0.5, 0.35, 0.25, 3.0, 0.1, -0.20, 0.25),
    Component("[Ne V]", 3426.9, 1.6, 1.22, 0.8, 3.4, 0.1, -0.20, 0.25),
    Component("[O II]", 3728.5, 3.0, 1.2, 0.5, 2.9, 0.0, -0.10, 0.30),
    Component("[Ne III]", 3869.9, 2.0, 1.38, 0.9, 3.0, 0.0, -0.20, 0.20),
    Component("[Ne III]", 3968.6, 0.6, 0.42, 0.3, 3.0, 0.0, -0.20, 0.20),
    Component("[O III]", 4364.4, 0.5, 0.35, 0.25, 3.4, 0.0, -0.25, 0.20),
    Component("Hβ", 4862.7, 3.0, 1.5, 0.8, 3.6, 0.0, -0.20, 0.25),
    Component("[O III]", 5008.2, 20.0, 12.0, 7.0, 4.0, 0.0, -0.32, 0.20),
    Component("[O III]", 5004.0, 6.0, 4.0, 3.0, 10.0, 0.1, -0.20, 0.25),
    Component("[O I]", 6302.1, 1.8, 1.2, 0.7, 4.0, 0.0, -0.10, 0.25),
    Component("[N II]", 6585.3, 5.0, 3.0, 1.5, 4.3, 0.0, 0.00, 0.25),
    Component("Hα", 6564.6, 10.0, 5.0, 2.5, 4.3, 0.0, -0.20, 0.25),
    Component("[S II]", 6718.3, 2.4, 1.7, 0.8, 4.3, 0.0, -0.10, 0.25),
    Component("[S II]", 6732.7, 2.2, 1.5, 0.7, 4.3, 0.0, -0.10, 0.25),
    Component("[Ar III]", 7137.8, 0.7, 0.5, 0.3, 5.0, 0.0, -0.10, 0.30),
    Component("[S III]", 9071.1, 2.5, 1.8, 0.9, 6.0, 0.0, -0.10, 0.30),
)
"""Components of the narrow lines. The fainter [O III], [N II] and [Ne III] lines are tied in `draw_lines`."""

O3_RATIO: Final = 2.98
N2_RATIO: Final = 2.96


@dataclass(frozen=True, slots=True)
class Lines:
    """Gaussians of one quasar's lines in the rest frame.

    Parameters
    ----------
    center, sigma, ew : (n_line,) float64
        Wavelength and Gaussian sigma in the rest frame [Angstrom]; equivalent width [Angstrom].
    narrow : (n_line,) bool
        True for lines of the narrow-line region.
    civ_shift_kms : float
        Shift of C IV against the systemic redshift, blue is negative.
    """

    center: Float
    sigma: Float
    ew: Float
    narrow: NDArray[np.bool_]
    civ_shift_kms: float


def _table(components: tuple[Component, ...]) -> Float:
    return np.array([component[1:] for component in components])


_BROAD, _NARROW = _table(BROAD), _table(NARROW)
_TIED: Final = {5008.2: (4960.3, O3_RATIO), 5004.0: (4956.1, O3_RATIO), 6585.3: (6549.9, N2_RATIO)}
_LINE_OF: Final = np.unique([component.line for component in BROAD], return_inverse=True)[1]


def draw_lines(quasar: Quasar, rng: np.random.Generator) -> Lines:
    """The lines of one quasar: Baldwin effect, Eigenvector 1, widths, shifts, and scatter of each line's own."""
    e1, luminosity = quasar.eigenvector, np.clip(quasar.i_abs, -29.5, -21.0)
    shift = -350.0 - 330.0 * e1 - 450.0 * rng.normal() - (rng.exponential(900.0) if rng.uniform() < 0.08 else 0.0)

    def widths(table: Float) -> Float:
        middle = np.log(table[:, 2])
        slope = np.where(luminosity > -26, middle - np.log(table[:, 1]), np.log(table[:, 3]) - middle)
        slope = slope / np.where(luminosity > -26, -3.0, -2.0)
        return np.asarray(middle + slope * (luminosity + 26.0) + np.log(10) * table[:, 6] * e1)

    common, lines = rng.normal(0, 0.07), rng.normal(size=_LINE_OF.max() + 1)[_LINE_OF]
    dex = common + _BROAD[:, 7] * (0.8 * lines + 0.6 * rng.normal(size=len(_BROAD)))
    ew = np.exp(widths(_BROAD) + np.log(10) * dex - 2.65 * (0.15**2))
    velocity = shift * _BROAD[:, 5] + 120.0 * rng.normal(size=len(_BROAD)) + 100.0 * rng.normal()
    width = quasar.width * 10 ** (0.05 * rng.normal(size=len(_BROAD)))
    broad = (_BROAD[:, 0] * (1 + velocity / C_KMS), _BROAD[:, 4] * width, ew)

    dex = 0.18 * rng.normal() + _NARROW[:, 7] * rng.normal(size=len(_NARROW))
    ew_narrow = np.exp(widths(_NARROW) + np.log(10) * dex)
    outflow = -rng.uniform(0.0, 500.0)
    velocity = np.where(_NARROW[:, 0] == 5004.0, outflow, 0.0) + 40.0 * rng.normal()
    width_narrow = np.exp(0.25 * rng.normal()) * _NARROW[:, 4]
    rows = [
        (c * (1 + v / C_KMS), s, w) for c, s, w, v in zip(_NARROW[:, 0], width_narrow, ew_narrow, velocity, strict=True)
    ]
    tied = [(t * (1 + v / C_KMS), s * t / c, w / r)
            for c, s, w, v in zip(_NARROW[:, 0], width_narrow, ew_narrow, velocity, strict=True)
            if c in _TIED for t, r in [_TIED[c]]]  # fmt: skip
    narrow = np.array(rows + tied).T
    parts = [np.concatenate(pair) for pair in zip(broad, narrow, strict=True)]
    is_narrow = np.arange(len(parts[0])) >= len(_BROAD)
    return Lines(parts[0], parts[1], parts[2], is_narrow, float(shift))
