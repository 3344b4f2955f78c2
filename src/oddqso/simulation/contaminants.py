"""What else a fiber meets: stars, galaxies, and light to blend with a quasar. Flux in arbitrary units."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from oddqso.simulation.continuum import old_galaxy, planck, young_galaxy
from oddqso.simulation.kernels import add_gaussians
from oddqso.simulation.population import C_KMS

Float = NDArray[np.float64]

STAR_TYPES: Final = ("A", "F", "G", "K", "M", "WD", "C")
"""Types of star; ``C`` is a carbon star."""

_KELVIN: Final = {"A": 9200.0, "F": 6800.0, "G": 5800.0, "K": 4700.0, "M": 3500.0, "WD": 14_000.0, "C": 4300.0}
_BALMER: Final = (3798.9, 3836.5, 3890.2, 3971.2, 4102.9, 4341.7, 4862.7, 6564.6)
# (center [Angstrom], sigma, depth at 5000 K) of metal blends, with the Ca II triplet.
_METALS: Final = (
    (3720.0, 30.0, 0.25), (3830.0, 18.0, 0.25), (3934.8, 8.0, 0.60), (3969.6, 8.0, 0.55), (4227.9, 4.0, 0.22),
    (4305.0, 11.0, 0.28), (4384.8, 4.0, 0.15), (4957.0, 5.0, 0.08), (5176.0, 12.0, 0.28), (5270.0, 5.0, 0.16),
    (5330.0, 5.0, 0.12), (5893.6, 5.0, 0.25), (6497.0, 5.0, 0.05), (8500.4, 4.0, 0.20), (8544.4, 5.0, 0.35),
    (8664.5, 5.0, 0.30),
)  # fmt: skip
# Band heads of TiO and CaH that degrade to the red: (head [Angstrom], width, depth).
_TITANIUM_OXIDE: Final = (
    (4763.0, 120.0, 0.25), (4956.0, 160.0, 0.30), (5169.0, 190.0, 0.38), (5450.0, 170.0, 0.30), (5849.0, 150.0, 0.30),
    (6160.0, 190.0, 0.38), (6652.0, 200.0, 0.42), (7055.0, 190.0, 0.48), (7590.0, 220.0, 0.38), (8206.0, 140.0, 0.25),
    (8433.0, 130.0, 0.22), (8860.0, 120.0, 0.18), (9209.0, 150.0, 0.15),
)  # fmt: skip
# Swan bands of C2 and red bands of CN, degraded to the blue: (head [Angstrom], width, depth).
_CARBON: Final = (
    (4383.0, 90.0, 0.35), (4738.0, 130.0, 0.55), (5166.0, 170.0, 0.60), (5637.0, 160.0, 0.45), (6122.0, 130.0, 0.30),
    (7090.0, 150.0, 0.25), (7900.0, 180.0, 0.30), (9150.0, 220.0, 0.35),
)  # fmt: skip


def star(wave: Float, kind: str, *, hotter: float = 1.0, velocity_kms: float = 0.0) -> Float:
    """F_lambda of a star, 1 at 5500 Angstrom: a black body with the lines and bands of its type.

    Parameters
    ----------
    wave : (n_wave,) float64
        Observed wavelength [Angstrom].
    kind : str
        One of `STAR_TYPES`.
    hotter : float
        Temperature against the type's own.
    velocity_kms : float
        Radial velocity.

    Examples
    --------
    >>> bool(star(np.array([5500.0, 4862.7]), "A")[1] < star(np.array([5500.0, 4800.0]), "A")[1])
    True
    """
    rest = wave / (1 + velocity_kms / C_KMS)
    kelvin = _KELVIN[kind] * hotter
    flux = planck(rest, kelvin)
    if kind in ("A", "F", "G", "WD"):
        strength, width = {"A": (0.55, 11.0), "F": (0.28, 6.0), "G": (0.12, 4.0), "WD": (0.55, 38.0)}[kind]
        depth = np.zeros(len(rest))
        for center in _BALMER:
            add = strength * (0.75 if center > 6000 else 1.0)
            depth = np.maximum(depth, add / (1 + ((rest - center) / width) ** 2))
        flux = flux * (1 - depth)
        if kind != "WD":
            flux = flux * np.where(rest < 3700, 0.60 if kind == "A" else 0.85, 1.0)
    if kind in ("F", "G", "K", "M", "C"):
        for center, sigma, at_5000 in _METALS:
            depth_here = min(0.9, at_5000 * (6400.0 / kelvin) ** 2.5 * 0.6)
            flux = flux * (1 - depth_here * np.exp(-0.5 * ((rest - center) / sigma) ** 2))
        flux = flux * (1 - min(0.75, 0.35 * (5000.0 / kelvin) ** 2) / (1 + np.exp((rest - 4000.0) / 60.0)))
    for bands, present, sign in ((_TITANIUM_OXIDE, kind == "M", 1.0), (_CARBON, kind == "C", -1.0)):
        if present:
            for head, width, depth_band in bands:
                x = sign * (rest - head) / width
                shape = np.where(x > 0, np.exp(-np.maximum(x, 0) * 1.3), np.exp(-0.5 * (np.minimum(x, 0) / 0.06) ** 2))
                flux = flux * (1 - depth_band * shape)
    return np.asarray(flux)


_GALAXY_LINES: Final = (
    (3728.5, 1.0), (3869.9, 0.06), (4102.9, 0.09), (4341.7, 0.16), (4862.7, 0.35), (4960.3, 0.10), (5008.2, 0.30),
    (5877.3, 0.05), (6302.1, 0.05), (6549.9, 0.12), (6564.6, 1.05), (6585.3, 0.36), (6718.3, 0.22), (6732.7, 0.16),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Galaxy:
    """A galaxy: its redshift, share of old stars, EW of [O II] [Angstrom], [O III] against the default, and width."""

    z: float
    old: float
    ew_o2: float
    o3: float
    sigma_kms: float


def draw_galaxy(rng: np.random.Generator, z: float | None = None) -> Galaxy:
    """A galaxy of the kind that is taken for a quasar: star-forming more often than old, z 0.05-1.5."""
    young = rng.uniform() < 0.65
    return Galaxy(
        z=float(rng.uniform(0.05, 1.5) if z is None else z),
        old=float(rng.uniform(0.0, 0.5) if young else rng.uniform(0.7, 1.0)),
        ew_o2=float(np.exp(rng.normal(3.0, 0.8)) if young else np.exp(rng.normal(0.8, 0.6))),
        o3=float(np.exp(rng.normal(0.3, 0.8))),
        sigma_kms=float(rng.uniform(70, 220)),
    )


def galaxy(wave: Float, one: Galaxy) -> Float:
    """F_lambda of a galaxy, about 1 at 4200 Angstrom in its rest frame."""
    rest = wave / (1 + one.z)
    flux = one.old * old_galaxy(rest) + (1 - one.old) * young_galaxy(rest)
    table = np.array(_GALAXY_LINES)
    sigma = table[:, 0] * one.sigma_kms / C_KMS
    strength = table[:, 1] * np.where(np.isin(table[:, 0], (4960.3, 5008.2)), one.o3, 1.0)
    at_3728 = float((one.old * old_galaxy(np.array([3728.5])) + (1 - one.old) * young_galaxy(np.array([3728.5])))[0])
    heights = one.ew_o2 * at_3728 * strength / (np.sqrt(2 * np.pi) * sigma)
    add_gaussians(flux, wave[0], wave[1] - wave[0], table[:, 0] * (1 + one.z), sigma * (1 + one.z), heights)
    return np.asarray(flux)
