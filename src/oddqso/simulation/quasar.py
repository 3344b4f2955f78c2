"""One quasar's noiseless spectrum, in parts, so that anomalies can be built on them."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddqso.simulation.absorbers import (
    BAL_IONS,
    C4,
    FE2,
    LOBAL_IONS,
    LOW_IONS,
    MG1,
    MG2,
    SI4,
    bal_transmission,
    dla_transmission,
    metal_transmission,
)
from oddqso.simulation.continuum import balmer_continuum, old_galaxy, power_law, young_galaxy
from oddqso.simulation.dust import smc_transmission
from oddqso.simulation.emission import Lines, draw_lines
from oddqso.simulation.forest import forest_transmission, limit_transmission
from oddqso.simulation.iron import iron, plateau
from oddqso.simulation.kernels import add_gaussians
from oddqso.simulation.population import Quasar
from oddqso.simulation.settings import PhysicsParams

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """The light of one quasar in the observed frame, before the instrument.

    Parameters
    ----------
    wave : (n_wave,) float64
        Vacuum wavelength on a grid of equal steps [Angstrom].
    z : float
        Redshift.
    continuum, iron, broad, narrow, host : (n_wave,) float64
        Flux of the power law with the Balmer continuum, of iron, of broad and of narrow lines, and of the host.
    passed : (n_wave,) float64
        Share of the quasar's light that gas and dust on the way let pass; the host is not dimmed by it.
    """

    wave: Float
    z: float
    continuum: Float
    iron: Float
    broad: Float
    narrow: Float
    host: Float
    passed: Float

    @property
    def rest(self) -> Float:
        """Wavelength in the rest frame [Angstrom]."""
        return self.wave / (1 + self.z)

    def total(self) -> Float:
        """The flux that arrives, (n_wave,)."""
        return (self.continuum + self.iron + self.broad + self.narrow) * self.passed + self.host

    def scaled(self, factor: float) -> "Parts":
        """The same quasar, this much brighter."""
        names = ("continuum", "iron", "broad", "narrow", "host")
        return replace(self, **{name: factor * getattr(self, name) for name in names})

    def dimmed(self, share: Float) -> "Parts":
        """The same quasar behind something that lets this share pass, (n_wave,)."""
        return replace(self, passed=self.passed * share)


def emitted(wave: Float, quasar: Quasar, lines: Lines) -> Parts:
    """The light that leaves a quasar and its host, with reddening of its own, in units of the power law at 3000."""
    z, rest = quasar.z, wave / (1 + quasar.z)
    law = power_law(rest, quasar.slopes)
    feature = law * iron(rest, 3000.0 * quasar.width, quasar.iron, quasar.iron**1.5)
    law = law * (1 + quasar.plateau * plateau(rest))
    heights = lines.ew * power_law(lines.center, quasar.slopes) / (np.sqrt(2 * np.pi) * lines.sigma)
    step = wave[1] - wave[0]
    light = {}
    for name, chosen in (("broad", ~lines.narrow), ("narrow", lines.narrow)):
        light[name] = np.zeros(len(wave))
        add_gaussians(
            light[name], wave[0], step, lines.center[chosen] * (1 + z), lines.sigma[chosen] * (1 + z), heights[chosen]
        )
    at_4200 = float(power_law(np.array([4200.0]), quasar.slopes)[0])
    host = quasar.host * at_4200 * (0.7 * old_galaxy(rest) + 0.3 * young_galaxy(rest))
    return Parts(
        wave=wave,
        z=z,
        continuum=law + quasar.balmer * balmer_continuum(rest),
        iron=feature,
        broad=light["broad"],
        narrow=light["narrow"],
        host=host,
        passed=smc_transmission(rest, quasar.ebv),
    )


def draw_outflow(rng: np.random.Generator, *, depth: float | None = None, wide: bool = True) -> dict[str, Any]:
    """Troughs of an outflow: one to three, onset 0-20,000 km/s, width 2000-15,000 km/s; see `absorbers.trough`."""
    n_trough = int(rng.integers(1, 4))
    starts = rng.uniform(0, 14_000.0, n_trough)
    widths = np.exp(rng.uniform(np.log(2000.0 if wide else 600.0), np.log(11_000.0 / n_trough + 2000.0), n_trough))
    depths = rng.uniform(0.3, 1.0, n_trough) if depth is None else np.full(n_trough, depth)
    ripples = np.stack(
        [rng.uniform(0, 0.2, n_trough), rng.uniform(0, 2 * np.pi, n_trough), rng.uniform(1, 4, n_trough)], axis=1
    )
    return {"starts": starts, "widths": widths, "depths": depths, "ripples": ripples}


def draw_intervening(parts: Parts, rng: np.random.Generator, params: PhysicsParams) -> tuple[Float, dict[str, float]]:
    """Ordinary absorbers on the way, at their natural rates: Mg II, C IV, DLA, BAL; and what was drawn."""
    wave, z = parts.wave, parts.z
    passed, found = np.ones(len(wave)), {"bal": 0.0, "dla": 0.0, "mg2": 0.0}
    low, high = wave[0] / 2796.354 - 1, min(z, wave[-1] / 2796.354 - 1)
    if high > low:  # dN/dz(EW > 0.3 A) = 0.7, exponential with W* = 0.7 A
        for _ in range(rng.poisson(0.7 * (high - low))):
            z_abs, ew, sigma = rng.uniform(low, high), 0.3 + rng.exponential(0.6), rng.uniform(40.0, 110.0)
            passed *= metal_transmission(wave, z_abs, MG2, ew, sigma + 25.0 * ew)
            passed *= metal_transmission(wave, z_abs, FE2, ew * rng.uniform(0.2, 0.7), sigma + 25.0 * ew)
            passed *= metal_transmission(wave, z_abs, MG1, ew * rng.uniform(0.05, 0.25), sigma)
            found["mg2"] = max(found["mg2"], ew)
    low, high = max(wave[0] / 1548.2 - 1, (1 + z) * 1240.0 / 1548.2 - 1), min(z, wave[-1] / 1548.2 - 1)
    if high > low:
        for _ in range(rng.poisson(1.6 * (high - low) + 0.12)):
            z_abs = rng.uniform(low, high) if rng.uniform() < 0.8 else high - abs(rng.normal(0, 0.01))
            ew, sigma = 0.1 + rng.exponential(0.35), rng.uniform(30.0, 120.0)
            passed *= metal_transmission(wave, z_abs, C4, ew, sigma)
            passed *= metal_transmission(wave, z_abs, SI4, 0.5 * ew, sigma)
    low = wave[0] / 1215.67 - 1
    if z > low:  # dN/dz = 0.6 exp(-7 / z^2) above 20.3 (Prochaska et al. 2008), 1.6 times that above 19.5
        middle = 0.5 * (low + z)
        for _ in range(rng.poisson(1.6 * 0.6 * np.exp(-7 / middle**2) * (z - low))):
            z_abs, log_nhi = rng.uniform(low, z), min(19.5 + rng.exponential(0.5), 22.0)
            passed *= dla_transmission(wave, z_abs, log_nhi)
            passed *= metal_transmission(wave, z_abs, LOW_IONS, rng.uniform(0.1, 0.6) * (log_nhi - 19.0), 50.0)
            found["dla"] = max(found["dla"], log_nhi)
    if rng.uniform() < params.bal_fraction:
        passed *= bal_transmission(wave, z, BAL_IONS, **draw_outflow(rng, wide=rng.uniform() < 0.6))
        found["bal"] = 1.0
    if rng.uniform() < params.lobal_fraction:
        outflow = draw_outflow(rng)
        outflow["widths"] = np.minimum(outflow["widths"], 6000.0)
        passed *= bal_transmission(wave, z, BAL_IONS + LOBAL_IONS, **outflow)
        found["bal"] = 2.0
    return passed, found


def make_parts(
    wave: Float, quasar: Quasar, rng: np.random.Generator, params: PhysicsParams
) -> tuple[Parts, Lines, dict[str, float]]:
    """A quasar with its lines, behind ordinary absorbers and the forest; flux in units of its own power law."""
    lines = draw_lines(quasar, rng)
    parts = emitted(wave, quasar, lines)
    passed, found = draw_intervening(parts, rng, params)
    passed = passed * forest_transmission(wave, quasar.z, rng) * limit_transmission(wave, quasar.z, rng)
    return parts.dimmed(passed), lines, found
