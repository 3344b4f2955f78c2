"""Injections of the instrument's own oddities: they act on observed pixels, whatever the target.

Each takes any run of observed wavelengths, one arm or the joined grid, with flux [1e-17 erg / (s cm2 Angstrom)] and
ivar, and gives both back; bounds are in wavelength, so the same draws serve arms and joined spectra alike.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from oddqso.simulation.contaminants import STAR_TYPES, star
from oddqso.simulation.injection import Draws, Float, Injection, Kind
from oddqso.simulation.instrument import sky_flux, telluric_depth
from oddqso.spectra.grid import ARMS, arm_grid

BOUNDS: Final = {"B": (3600.0, 5780.0), "R": (5780.0, 7570.0), "Z": (7570.0, 9825.0)}
"""Which wavelengths of a joined spectrum are an arm's."""


def _within(wave: Float, arm: str) -> NDArray[np.bool_]:
    low, high = BOUNDS[arm]
    return np.asarray((wave >= low) & (wave < high))


def _arm(rng: np.random.Generator) -> str:
    return str(rng.choice(ARMS))


def _draw_step(rng: np.random.Generator, z: float, step: float) -> Draws:
    return {"beyond": float(rng.choice([5780.0, 7570.0])), "sign": float(rng.choice([-1.0, 1.0]))}


def _step(wave: Float, flux: Float, ivar: Float, draws: Draws) -> tuple[Float, Float]:
    factor = np.where(wave > draws["beyond"], 1 + draws["sign"] * draws["step"], 1.0)
    return flux * factor, ivar / factor**2


def _draw_warp(rng: np.random.Generator, z: float, a: float) -> Draws:
    return {"arm": _arm(rng), "order": int(rng.integers(2, 6)), "sign": float(rng.choice([-1.0, 1.0]))}


def _warp(wave: Float, flux: Float, ivar: Float, draws: Draws) -> tuple[Float, Float]:
    low, high = BOUNDS[draws["arm"]]
    x = np.clip(2 * (wave - low) / (high - low) - 1, -1, 1)
    curve = np.polynomial.legendre.Legendre.basis(draws["order"])(x)
    factor = np.where(_within(wave, draws["arm"]), 1 + draws["sign"] * draws["a"] * curve, 1.0)
    return flux * factor, ivar / factor**2


def _sky(wave: Float) -> Float:
    """The sky at any observed wavelength, (n_wave,)."""
    total = np.interp(wave, arm_grid("B"), sky_flux("B"))
    for arm in "RZ":
        low = BOUNDS[arm][0]
        total = np.where(wave >= low, np.interp(wave, arm_grid(arm), sky_flux(arm)), total)
    return np.asarray(total)


def _draw_sky(rng: np.random.Generator, z: float, b: float) -> Draws:
    return {"sign": float(rng.choice([-1.0, 1.0])), "shift_angstrom": rng.uniform(-0.4, 0.4), "beyond": 7200.0}


def _sky_residual(wave: Float, flux: Float, ivar: Float, draws: Draws) -> tuple[Float, Float]:
    added = draws["sign"] * draws["b"] * _sky(wave - draws["shift_angstrom"])
    return flux + np.where(wave > draws["beyond"], added, 0.0), ivar


def _draw_telluric(rng: np.random.Generator, z: float, q: float) -> Draws:
    return {"sign": float(rng.choice([-1.0, 1.0]))}


def _telluric(wave: Float, flux: Float, ivar: Float, draws: Draws) -> tuple[Float, Float]:
    factor = np.exp(-draws["sign"] * draws["q"] * telluric_depth(wave))
    return flux * factor, ivar


def _draw_cosmic(rng: np.random.Generator, z: float, sigma: float) -> Draws:
    return {"center": rng.uniform(3900.0, 9700.0), "width_px": rng.uniform(0.6, 2.0)}


def _cosmic(wave: Float, flux: Float, ivar: Float, draws: Draws) -> tuple[Float, Float]:
    near = int(np.argmin(np.abs(wave - draws["center"])))
    if abs(wave[near] - draws["center"]) > 1.0 or ivar[near] <= 0:
        return flux, ivar
    shape = np.exp(-0.5 * ((wave - draws["center"]) / (0.8 * draws["width_px"])) ** 2)
    return flux + draws["sigma"] / np.sqrt(ivar[near]) * shape, ivar


def _draw_crosstalk(rng: np.random.Generator, z: float, c: float) -> Draws:
    return {
        "type": str(rng.choice(STAR_TYPES)),
        "mag": rng.uniform(16.0, 18.0),
        "arm": _arm(rng),
        "line": rng.uniform(4200.0, 9500.0),
    }


def _crosstalk(wave: Float, flux: Float, ivar: Float, draws: Draws) -> tuple[Float, Float]:
    """A share c of a bright star, and of a line in its neighborhood's spectrum, in one arm."""
    bright = 0.1088 / 6400.0**2 * 10 ** (-0.4 * draws["mag"]) * 1e17 * star(wave, draws["type"])
    bright = bright * (1 + 6.0 * np.exp(-0.5 * ((wave - draws["line"]) / 3.0) ** 2))
    return flux + np.where(_within(wave, draws["arm"]), draws["c"] * bright, 0.0), ivar


def _draw_column(rng: np.random.Generator, z: float, width: float) -> Draws:
    return {"center": rng.uniform(4000.0, 9700.0), "bias_sigma": float(rng.choice([0.0, 15.0, -15.0]))}


def _column(wave: Float, flux: Float, ivar: Float, draws: Draws) -> tuple[Float, Float]:
    """Some pixels are zero, or hot or cold, and their ivar does not know."""
    inside = np.abs(wave - draws["center"]) <= 0.4 * draws["width_px"]
    if not inside.any():
        return flux, ivar
    sigma = 1 / np.sqrt(np.maximum(ivar, 1e-6))
    value = np.where(ivar > 0, draws["bias_sigma"] * sigma, 0.0)
    return np.where(inside, value, flux), np.where(inside & (ivar > 0), np.maximum(ivar, np.median(ivar)), ivar)


def _draw_amplifier(rng: np.random.Generator, z: float, level: float) -> Draws:
    return {"arm": _arm(rng), "upper": bool(rng.uniform() < 0.5), "sign": float(rng.choice([-1.0, 1.0]))}


def _amplifier(wave: Float, flux: Float, ivar: Float, draws: Draws) -> tuple[Float, Float]:
    low, high = BOUNDS[draws["arm"]]
    middle = 0.5 * (low + high)
    half = (wave >= middle) if draws["upper"] else (wave < middle)
    return flux + np.where(half & _within(wave, draws["arm"]), draws["sign"] * draws["level"], 0.0), ivar


def _draw_scattered(rng: np.random.Generator, z: float, a: float) -> Draws:
    return {"red": bool(rng.uniform() < 0.5)}


def _scattered(wave: Float, flux: Float, ivar: Float, draws: Draws) -> tuple[Float, Float]:
    """A smooth excess beyond 9000 or below 3800-4000 Angstrom, as a share of the median flux around."""
    good = ivar > 0
    level = max(float(np.median(flux[good])), 0.0) if good.any() else 0.0
    x = (wave - 9000.0) / 800.0 if draws["red"] else (4000.0 - wave) / 400.0
    return flux + 5.0 * draws["a"] * level * np.clip(x, 0, 1) ** 1.5, ivar


ARTIFACTS = (
    Injection("arm_offset", Kind.PIXELS, "step", 0.05, 0.3, 0.1, 5.5, _draw_step, pixels=_step),
    Injection("calibration_warp", Kind.PIXELS, "a", 0.03, 0.3, 0.1, 5.5, _draw_warp, pixels=_warp),
    Injection("sky_residual", Kind.PIXELS, "b", 0.01, 0.10, 0.1, 5.5, _draw_sky, pixels=_sky_residual),
    Injection("telluric_residual", Kind.PIXELS, "q", 0.05, 0.3, 0.1, 5.5, _draw_telluric, pixels=_telluric),
    Injection(
        "cosmic_ray", Kind.PIXELS, "sigma", 10.0, 100.0, 0.1, 5.5, _draw_cosmic, pixels=_cosmic, logarithmic=True
    ),
    Injection(
        "cross_talk", Kind.PIXELS, "c", 0.001, 0.01, 0.1, 5.5, _draw_crosstalk, pixels=_crosstalk, logarithmic=True
    ),
    Injection("dead_column", Kind.PIXELS, "width_px", 3.0, 20.0, 0.1, 5.5, _draw_column, pixels=_column),
    Injection(
        "amplifier_bias", Kind.PIXELS, "level", 0.3, 5.0, 0.1, 5.5, _draw_amplifier, pixels=_amplifier, logarithmic=True
    ),
    Injection("scattered_light", Kind.PIXELS, "a", 0.02, 0.2, 0.1, 5.5, _draw_scattered, pixels=_scattered),
)
"""Injections of the instrument."""
