"""Who is out there: redshifts, magnitudes and the hidden properties of each quasar."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from oddqso.simulation.settings import PhysicsParams

Float = NDArray[np.float64]
C_KMS = 299_792.458


@dataclass(frozen=True, slots=True)
class Quasar:
    """One quasar before its spectrum is made.

    Parameters
    ----------
    z, r_mag, i_abs : float
        Redshift, r magnitude without Galactic dust (AB), absolute i magnitude.
    eigenvector : float
        Eigenvector 1 as a standard normal deviate: high means strong iron, weak [O III], weak and blueshifted C IV.
    slopes : (5,) float64
        Indices of f_nu ~ nu^a below 1100, to 2200, to 5700, to 9730 Angstrom and beyond.
    width : float
        Broad lines are this much wider than in the table.
    plateau : float
        Strength of the weak blended iron lines at 1700-2080 Angstrom against the average, as a share of the continuum.
    iron, balmer, host : float
        Iron against the template's default; Balmer continuum at 3000 Angstrom and host at 4200, as shares of the
        continuum.
    ebv : float
        Reddening E(B-V) at the quasar's redshift, SMC law [mag].
    """

    z: float
    r_mag: float
    i_abs: float
    eigenvector: float
    slopes: Float
    width: float
    iron: float
    plateau: float
    balmer: float
    host: float
    ebv: float


@cache
def _distance_modulus() -> tuple[Float, Float]:
    """Distance modulus of a flat universe with H0 = 70 km/s/Mpc and Omega_m = 0.3, on a grid of redshifts."""
    z = np.linspace(0.0, 8.0, 4001)
    rate = 1 / np.sqrt(0.3 * (1 + z) ** 3 + 0.7)
    comoving = C_KMS / 70.0 * np.concatenate([[0.0], np.cumsum(0.5 * (rate[1:] + rate[:-1]) * np.diff(z))])
    return z, 5 * np.log10(np.maximum(comoving * (1 + z), 1e-6)) + 25


def absolute_magnitude(mag: float, z: float) -> float:
    """Absolute magnitude of a quasar with f_nu ~ nu^-0.5.

    Examples
    --------
    >>> round(absolute_magnitude(20.0, 2.0), 1)
    -25.4
    """
    grid, modulus = _distance_modulus()
    return float(mag - np.interp(z, grid, modulus) + 1.25 * np.log10(1 + z))


def draw_magnitude(rng: np.random.Generator, params: PhysicsParams) -> float:
    """An r magnitude: counts rise as 10^(slope (r - 20)) to r = 22, then stay flat to the limit."""
    rise = params.magnitude_slope * np.log(10)
    bright, knee, faint = params.magnitude_bright, params.magnitude_knee, params.magnitude_faint
    rising = (1 - np.exp(-rise * (knee - bright))) / rise  # area, in units of the density at the knee
    u = rng.uniform() * (rising + faint - knee)
    if u > rising:
        return float(knee + u - rising)
    return float(knee + np.log(np.exp(-rise * (knee - bright)) + rise * u) / rise)


def draw_redshift(rng: np.random.Generator) -> float:
    """A redshift of the DESI quasars: median 1.7, a third above 2.1, 1 % above 4."""
    while True:
        z = 0.1 + rng.gamma(5.0, 0.34)
        if z < 5.5:
            return float(z)


def draw_quasar(
    rng: np.random.Generator, params: PhysicsParams, *, z: float | None = None, r_mag: float | None = None
) -> Quasar:
    """One quasar as the survey would find it, or at a given redshift and magnitude."""
    z = draw_redshift(rng) if z is None else z
    r_mag = draw_magnitude(rng, params) if r_mag is None else r_mag
    i_abs = absolute_magnitude(r_mag, z)
    slopes = np.array([-1.10, -0.20, -0.15, -0.37, -1.70]) + params.slope_scatter * (
        0.8 * rng.normal() + 0.6 * rng.normal(size=5)
    )
    eigenvector = rng.normal()
    plateau = float(np.clip(0.04 * eigenvector + 0.03 * rng.normal(), -0.12, 0.15))
    slopes[2] += 3.0 * plateau  # where the iron at 1700-2100 is strong the spectrum falls faster beyond
    host = 10 ** (0.4 * 0.32 * (i_abs + 23.0)) * 0.316  # L_host ~ L_qso^0.68; 0.24 of the light at M_i = -23
    return Quasar(
        z=z,
        r_mag=r_mag,
        i_abs=i_abs,
        eigenvector=float(eigenvector),
        slopes=slopes,
        width=float(10 ** (0.11 * rng.normal() - 0.03 * eigenvector)),
        iron=float(10 ** (0.14 * eigenvector + 0.17 * rng.normal())),
        plateau=plateau,
        balmer=float(rng.uniform(0.05, 0.15)),
        host=float(min(host, 2.0) * 10 ** (0.25 * rng.normal())),
        ebv=float(rng.exponential(params.ebv_scale)),
    )


def measured_redshift(quasar: Quasar, civ_shift_kms: float, rng: np.random.Generator) -> tuple[float, float]:
    """The redshift a template fitter reports, and its statistical error.

    Where only the blueshifted lines of high ionization are in the spectrum, part of their shift is taken for redshift.
    """
    share = 0.05 if quasar.z < 1.6 else (0.15 if quasar.z < 2.5 else 0.25)
    faint = 10 ** (0.2 * (quasar.r_mag - 21.0))
    sigma_kms = np.hypot(90.0, 110.0 * faint) * (2.5 if rng.uniform() < 0.06 else 1.0)
    shift = share * (civ_shift_kms + 500.0) + sigma_kms * rng.normal()
    return float(quasar.z + (1 + quasar.z) * shift / C_KMS), float((1 + quasar.z) * 60.0 * faint / C_KMS)
