"""Probes: features of known significance that no physics makes, to measure what a search can see.

A probe multiplies the host's smooth flux y by ``1 + A g``, with a Gaussian g of unit height. Its amplitude is its
integrated significance N, what an ideal filter of its own shape and place would find on average::

    N**2 = sum over pixels of (A g y)**2 ivar

so A follows from N, from the host and from where it stands. No photon noise is added: the ivar that N is measured in
stays as it is. Probes are not part of a simulated survey.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from oddqso.simulation.injection import Draws, Float, Injection, Kind

AT_PLACE: Final = "one filter, place given"
"""The search of one who knows where a probe would stand, how wide and of which sign."""

_SMOOTH_ANGSTROM = 40.0
_FLOOR = 0.1


def smooth_flux(wave: Float, flux: Float, ivar: Float) -> Float:
    """The flux without noise and narrow features, (n_wave,): a running mean, weighted by ivar, of 40 Angstrom.

    Not below a tenth of its median, so that a probe can stand where the light is absorbed.
    """
    sigma = _SMOOTH_ANGSTROM / (wave[1] - wave[0])
    weight = np.where(ivar > 0, ivar, 0.0)
    light = gaussian_filter1d(weight * np.where(weight > 0, flux, 0.0), sigma, mode="nearest")
    total = gaussian_filter1d(weight, sigma, mode="nearest")
    known = total > 1e-6 * max(float(total.max()), 1e-30)
    smooth = np.divide(light, total, out=np.zeros(len(wave)), where=known)
    level = max(float(np.median(smooth[known])), 1e-6) if known.any() else 1e-6
    return np.where(known, np.maximum(smooth, _FLOOR * level), level)


def _draw(rng: np.random.Generator, low: float, high: float) -> Draws:
    return {
        "width_px": float(np.exp(rng.uniform(np.log(low), np.log(high)))),
        "place": float(rng.uniform()),
        "sign": float(rng.choice([-1.0, 1.0])),
    }


def _draw_broad(rng: np.random.Generator, z: float, sigma: float) -> Draws:
    return _draw(rng, 16.0, 256.0)


def _draw_narrow(rng: np.random.Generator, z: float, sigma: float) -> Draws:
    return _draw(rng, 1.0, 3.0)


def probe_shape(wave: Float, ivar: NDArray[Any], draws: Draws) -> Float:
    """The Gaussian of a probe, 1 at its center, (n_wave,); at least one pixel is good."""
    good = np.flatnonzero(ivar > 0)
    center = wave[good[min(int(draws["place"] * len(good)), len(good) - 1)]]
    return np.asarray(np.exp(-0.5 * ((wave - center) / (draws["width_px"] * (wave[1] - wave[0]))) ** 2))


def _feature(wave: Float, flux: Float, ivar: Float, draws: Draws) -> tuple[Float, Float]:
    """A Gaussian on the smooth flux, centered on a good pixel, ``sigma`` strong in all."""
    if not (ivar > 0).any():
        return flux, ivar
    feature = probe_shape(wave, ivar, draws) * smooth_flux(wave, flux, ivar)
    unit = float(np.sqrt(np.sum(feature**2 * np.where(ivar > 0, ivar, 0.0))))
    return flux + draws["sign"] * draws["sigma"] / max(unit, 1e-30) * feature, ivar


PROBES: Final = (
    Injection(
        "broad_feature", Kind.PIXELS, "sigma", 1.5, 15.0, 0.05, 6.0, _draw_broad, pixels=_feature, logarithmic=True
    ),
    Injection(
        "narrow_feature", Kind.PIXELS, "sigma", 1.5, 15.0, 0.05, 6.0, _draw_narrow, pixels=_feature, logarithmic=True
    ),
)
"""Broad (standard deviation 16-256 native pixels) and narrow (1-3) features of either sign."""
