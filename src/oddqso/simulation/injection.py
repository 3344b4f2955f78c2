"""What an injection is: a way to make one spectrum odd, with an amplitude to turn."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddqso.simulation.quasar import Parts

Float = NDArray[np.float64]
Draws = dict[str, Any]
"""Parameters of one injection: numbers, texts and lists, nothing that JSON would not hold."""

C_KMS = 299_792.458


class Kind(StrEnum):
    """What an injection changes."""

    LIGHT = "light"
    """The light of the quasar before the instrument: ``light(parts, draws) -> Parts``."""
    PIXELS = "pixels"
    """The observed pixels: ``pixels(wave, flux, ivar, draws) -> (flux, ivar)``."""
    LABEL = "label"
    """The redshift it is filed under: ``label(z, draws) -> z``."""


@dataclass(frozen=True, slots=True)
class Injection:
    """One class of planted anomalies.

    Parameters
    ----------
    name : str
        The class, as in the truth table.
    kind : Kind
        Which of the three functions it has.
    amplitude : str
        The key of its draws that completeness is measured against.
    low, high : float
        Range of the amplitude.
    z_min, z_max : float
        Redshifts at which the anomaly is inside 3600-9824 Angstrom.
    draw : function
        ``draw(rng, z, amplitude) -> draws``.
    light, pixels, label : function, optional
        What it does; one of the three, as its kind says.
    logarithmic : bool
        Whether a simulated survey draws the amplitude evenly in its logarithm.
    falling : bool
        Whether a *smaller* amplitude is odder.
    """

    name: str
    kind: Kind
    amplitude: str
    low: float
    high: float
    z_min: float
    z_max: float
    draw: Callable[[np.random.Generator, float, float], Draws]
    light: Callable[[Parts, Draws], Parts] | None = None
    pixels: Callable[[Float, Float, Float, Draws], tuple[Float, Float]] | None = None
    label: Callable[[float, Draws], float] | None = None
    logarithmic: bool = False
    falling: bool = False

    def draw_amplitude(self, rng: np.random.Generator) -> float:
        """An amplitude, uniform in its range (in its logarithm where that is wide)."""
        if self.logarithmic:
            return float(np.exp(rng.uniform(np.log(self.low), np.log(self.high))))
        return float(rng.uniform(self.low, self.high))

    def draws(self, rng: np.random.Generator, z: float, amplitude: float | None = None) -> Draws:
        """Parameters for a quasar at redshift z; the amplitude stands under its own name."""
        value = self.draw_amplitude(rng) if amplitude is None else amplitude
        return {self.amplitude: value, **self.draw(rng, z, value)}


def moved(wave: Float, flux: Float, velocity_kms: float) -> Float:
    """A spectrum shifted by a velocity, red is positive; the ends are repeated, (n_wave,)."""
    return np.asarray(np.interp(wave / (1 + velocity_kms / C_KMS), wave, flux))


def level_near(parts: Parts, rest_angstrom: float) -> float:
    """The continuum with iron around a rest wavelength; of the nearest pixels where that lies outside."""
    near = int(np.clip(np.searchsorted(parts.rest, rest_angstrom), 25, len(parts.wave) - 26))
    return float(np.mean((parts.continuum + parts.iron)[near - 25 : near + 26]))


def strong_lines_near(z: float, low: float = 3700.0, high: float = 9500.0) -> list[float]:
    """Rest wavelengths of the strong broad lines that lie in the observed range."""
    lines = (1215.67, 1549.06, 1908.73, 2798.75, 4862.68, 6564.61)
    return [line for line in lines if low < line * (1 + z) < high]
