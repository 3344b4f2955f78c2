"""All injection classes, and how to plant one into a spectrum that was observed.

The simulator plants them before the instrument; `inject` does the same to a real (or simulated) spectrum.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, percentile_filter

from oddqso.errors import ConfigError
from oddqso.simulation.artifacts import ARTIFACTS
from oddqso.simulation.inject_absorption import ABSORPTION
from oddqso.simulation.inject_emission import EMISSION
from oddqso.simulation.inject_mixture import MIXTURE
from oddqso.simulation.injection import Draws, Float, Injection, Kind
from oddqso.simulation.iron import iron
from oddqso.simulation.probes import PROBES
from oddqso.simulation.quasar import Parts

INJECTIONS: Final[tuple[Injection, ...]] = (*ABSORPTION, *EMISSION, *MIXTURE, *ARTIFACTS)
"""Every injection class, in the order of the tables."""

HELD_BACK: Final = ("felobal", "dust_bump", "offset_broad", "coronal_lines", "cross_talk", "scattered_light")
"""Classes that no detector or setting may be tuned on. Their efficiency is told apart from that of the others."""


def injection_named(name: str) -> Injection:
    """The injection class, or the probe, of a name.

    Raises
    ------
    ConfigError
        If there is none.
    """
    for injection in (*INJECTIONS, *PROBES):
        if injection.name == name:
            return injection
    raise ConfigError(f"no injection class {name!r}; choose from {', '.join(i.name for i in (*INJECTIONS, *PROBES))}")


def split_light(wave: Float, flux: Float, ivar: Float, z: float) -> Parts:
    """A rough division of an observed spectrum into continuum, iron and broad lines, to build injections on.

    Parameters
    ----------
    wave : (n_wave,) float64
        Observed wavelength on a grid of equal steps [Angstrom].
    flux, ivar : (n_wave,) float
        As observed, without Galactic dust.

    Returns
    -------
    Parts
        Smooth, nowhere negative: the noise stays out, and so does whatever the smoothing cannot follow.
    """
    good = ivar > 0
    filled = np.interp(wave, wave[good], flux[good]) if good.any() else np.zeros(len(wave))
    step = wave[1] - wave[0]
    smooth = gaussian_filter1d(filled, 6.0 / step, mode="nearest")
    coarse = max(int(6.0 / step), 1)
    low = percentile_filter(smooth[::coarse], 30, size=int(450.0 / step / coarse) | 1, mode="nearest")
    base = np.interp(wave, wave[::coarse], gaussian_filter1d(low, 20, mode="nearest"))
    base = np.maximum(base, 1e-3 * max(float(np.median(smooth)), 1e-6))
    share = iron(wave / (1 + z), 3000.0)
    continuum = base / (1 + share)
    zero = np.zeros(len(wave))
    return Parts(wave, z, continuum, base - continuum, np.maximum(smooth - base, 0.0), zero, zero, np.ones(len(wave)))


def inject(
    injection: Injection,
    wave: Float,
    flux: NDArray[Any],
    ivar: NDArray[Any],
    z: float,
    rng: np.random.Generator,
    *,
    amplitude: float | None = None,
) -> tuple[Float, Float, float, Draws]:
    """Plant one anomaly into one observed spectrum.

    Parameters
    ----------
    injection : Injection
        One of `INJECTIONS`.
    wave : (n_wave,) float64
        Observed wavelength on a grid of equal steps [Angstrom].
    flux, ivar : (n_wave,) float
        As observed, without Galactic dust.
    z : float
        Redshift it is filed under.
    rng : Generator
        For the parameters, and the photon noise of added light.
    amplitude : float or None
        The knob; drawn from the class's range if None.

    Returns
    -------
    flux, ivar : (n_wave,) float64
        Where light was taken away the noise stays as it is; where it was added, the noise of its photons is added.
    z : float
        Changed by wrong redshifts only.
    draws : dict
        The parameters.

    Examples
    --------
    >>> wave = np.arange(3600.0, 9824.0, 0.8)
    >>> flux, ivar = np.ones(len(wave)), np.full(len(wave), 100.0)
    >>> rng = np.random.default_rng(0)
    >>> dusty, _, _, _ = inject(injection_named("reddened"), wave, flux, ivar, 2.0, rng, amplitude=0.5)
    >>> bool(dusty[:2000].mean() < 0.4 * dusty[-2000:].mean())
    True
    """
    draws = injection.draws(rng, z, amplitude)
    flux64, ivar64 = np.asarray(flux, dtype=np.float64), np.asarray(ivar, dtype=np.float64)
    if injection.kind is Kind.LABEL:
        if injection.label is None:
            raise ConfigError(f"the injection class {injection.name} has no function for labels")
        return flux64, ivar64, injection.label(z, draws), draws
    if injection.kind is Kind.PIXELS:
        if injection.pixels is None:
            raise ConfigError(f"the injection class {injection.name} has no function for pixels")
        changed, ivar_changed = injection.pixels(wave, flux64, ivar64, draws)
        return changed, np.where(ivar64 > 0, ivar_changed, 0.0), z, draws
    if injection.light is None:
        raise ConfigError(f"the injection class {injection.name} has no function for light")
    before = split_light(wave, flux64, ivar64, z)
    after = injection.light(before, draws)
    old, new = before.total(), after.total()
    share = after.passed / before.passed  # absorption multiplies whatever is there, noise and unresolved lines too
    bare = after.dimmed(1 / np.maximum(share, 1e-12)).total()
    changed = (flux64 + bare - old) * share
    sigma = np.sqrt(np.divide(1.0, ivar64, out=np.zeros_like(old), where=ivar64 > 0))
    # what the absorber dimmed of the noise comes back; added light brings photons of its own, by its share of the flux
    missing = np.sqrt(np.clip(1 - share**2, 0.0, 1.0))
    photons = np.sqrt(0.3 * np.maximum(new - old, 0.0) / max(float(np.median(old)), 1e-6)).clip(0, 30.0)
    noise = sigma * np.hypot(missing, photons) * rng.standard_normal(len(wave))
    ivar_new = ivar64 / (1 + photons**2)
    return changed + noise, np.where(ivar64 > 0, ivar_new, 0.0), z, draws
