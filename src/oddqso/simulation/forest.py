"""The Lyman forest: mean transmission of Kamble et al. (2020), log-normal scatter, Lyman-limit systems."""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from oddqso.simulation.kernels import correlated

Float = NDArray[np.float64]

LYMAN_ALPHA: Final = 1215.67
HIGHER: Final = ((1025.72, 5.26), (972.54, 14.36), (949.74, 29.86), (937.80, 53.36))
"""Further Lyman lines and how much smaller than of Lyman-alpha their optical depth is."""
LYMAN_LIMIT: Final = 911.75
OVERSAMPLING: Final = 2


def mean_optical_depth(z: Float) -> Float:
    """Effective optical depth of Lyman-alpha at redshift z (Kamble et al. 2020).

    Examples
    --------
    >>> np.exp(-mean_optical_depth(np.array([2.0, 3.0]))).round(2)
    array([0.83, 0.63])
    """
    return np.asarray(5.54e-3 * (1 + z) ** 3.182)


@cache
def _scale_table(spread: float) -> tuple[Float, Float]:
    """Effective optical depth of ``tau exp(spread g)`` with g normal, on a grid of ln tau."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(81)
    log_tau = np.linspace(-14.0, 7.0, 400)
    mean = (np.exp(-np.exp(log_tau[:, None] + spread * nodes)) * weights).sum(axis=1) / weights.sum()
    return -np.log(mean), log_tau


def _field(tau_effective: Float, length_px: float, rng: np.random.Generator, spread: float = 2.2) -> Float:
    """Log-normal optical depths whose mean transmission is exp(-tau_effective)."""
    effective, log_tau = _scale_table(spread)
    n = len(tau_effective)
    fine = correlated(rng.standard_normal(n), length_px)
    coarse = correlated(rng.standard_normal(n), 9.0 * length_px)
    normal = np.sqrt(0.66) * fine + np.sqrt(0.34) * coarse
    return np.asarray(np.exp(np.interp(tau_effective, effective, log_tau) + spread * normal))


def forest_transmission(wave: Float, z: float, rng: np.random.Generator) -> Float:
    """Transmission of the intergalactic hydrogen in front of a quasar.

    Parameters
    ----------
    wave : (n_wave,) float64
        Observed wavelength on a grid of equal steps [Angstrom].
    z : float
        Redshift of the quasar.

    Returns
    -------
    (n_wave,) float64
        1 redward of Lyman-alpha.

    Examples
    --------
    >>> wave = np.arange(3600.0, 5000.0, 0.8)
    >>> passed = forest_transmission(wave, 3.0, np.random.default_rng(0))
    >>> bool(passed[wave > 4863].min() == 1.0), bool(0.6 < passed[(wave > 4300) & (wave < 4800)].mean() < 0.8)
    (True, True)
    """
    passed = np.ones(len(wave))
    n_blue = int(np.searchsorted(wave, LYMAN_ALPHA * (1 + z)))
    if n_blue == 0:
        return passed
    step = wave[1] - wave[0]
    fine = wave[0] - step / 4 + step / OVERSAMPLING * np.arange(OVERSAMPLING * n_blue)
    length_px = OVERSAMPLING * 1.3 / step  # 1.3 Angstrom observed, 100 km/s
    tau = _field(mean_optical_depth(fine / LYMAN_ALPHA - 1), length_px, rng)
    # close to the quasar its own light ionizes the gas
    distance = np.maximum(1 - fine / (LYMAN_ALPHA * (1 + z)), 0) * 299_792.0
    tau *= 1 - np.exp(-distance / 2000.0)
    for line, smaller in HIGHER:
        blue = fine < line * (1 + z)
        if not blue.any():
            break
        tau[blue] += _field(mean_optical_depth(fine[blue] / line - 1), length_px, rng) / smaller
    passed[:n_blue] = np.exp(-tau).reshape(n_blue, OVERSAMPLING).mean(axis=1)
    return passed


def limit_transmission(wave: Float, z: float, rng: np.random.Generator) -> Float:
    """Transmission of Lyman-limit systems: N_HI of 10^17-19 cm^-2, dN/dz after Worseck & Prochaska (2011)."""
    passed = np.ones(len(wave))
    lowest = wave[0] / LYMAN_LIMIT - 1
    if z <= lowest:
        return passed
    rate = 0.10 * (1 + 0.5 * (z + lowest)) ** 2.04
    for _ in range(rng.poisson(rate * (z - lowest))):
        z_abs, log_nhi = rng.uniform(lowest, z), rng.uniform(17.0, 19.0)
        rest = wave / (1 + z_abs)
        blue = rest < LYMAN_LIMIT
        passed[blue] *= np.exp(-(10 ** (log_nhi - 17.2)) * (rest[blue] / LYMAN_LIMIT) ** 3)
    return passed
