"""One target of a survey: what it is, what it looks like before the instrument, and what a redshift fitter says."""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oddqso.simulation.contaminants import STAR_TYPES, draw_galaxy, galaxy, star
from oddqso.simulation.injection import Injection, Kind
from oddqso.simulation.injections import INJECTIONS, injection_named
from oddqso.simulation.population import C_KMS, draw_magnitude, draw_quasar, measured_redshift
from oddqso.simulation.quasar import Parts, make_parts
from oddqso.simulation.settings import PhysicsParams
from oddqso.spectra.grid import native_grid

Float = NDArray[np.float64]

AB_FLUX: Final = 0.1088e17
"""f_lambda of AB magnitude 0 times wavelength squared [1e-17 erg / (s cm2 Angstrom) Angstrom^2]."""

_BANDS: Final = {"G": (4000.0, 5500.0, 4770.0), "R": (5650.0, 7150.0, 6420.0), "Z": (8400.0, 9824.0, 9200.0)}


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """One target before the instrument.

    Parameters
    ----------
    kind : str
        ``quasar``, ``galaxy``, ``star``, ``sky`` or ``stuck``.
    model : (7781,) float64
        Flux on the native grid without Galactic dust.
    z_true, z, zerr : float
        True redshift, and the one a fitter reports with its error.
    r_mag : float
        r magnitude (AB); NaN without light.
    spectype, subtype : str
        What a fitter reports.
    confused : bool
        The fitter's class or redshift is wrong.
    injection : Injection or None
        The planted anomaly.
    amplitude : float
    draws : dict
        Its parameters, or those of the star or galaxy.
    found : dict
        Ordinary absorbers that were drawn.
    quasar : dict
        Properties of the quasar.
    """

    kind: str
    model: Float
    z_true: float
    z: float
    zerr: float
    r_mag: float
    spectype: str
    subtype: str
    confused: bool = False
    injection: Injection | None = None
    amplitude: float = 0.0
    draws: dict[str, Any] = field(default_factory=dict)
    found: dict[str, float] = field(default_factory=dict)
    quasar: dict[str, float] = field(default_factory=dict)


def band_flux(wave: Float, model: Float) -> dict[str, float]:
    """Mean flux in g, r and z [nanomaggy]; boxes stand for the passbands.

    Examples
    --------
    >>> wave = native_grid()
    >>> round(band_flux(wave, AB_FLUX / wave**2 * 10**-9)["R"], 1)
    1.0
    """
    out = {}
    for band, (low, high, center) in _BANDS.items():
        first, last = np.searchsorted(wave, (low, high))
        mean = float(np.mean(model[first:last] * (wave[first:last] / center) ** 2))
        out[band] = mean * center**2 / AB_FLUX * 1e9
    return out


def scale_to(wave: Float, model: Float, r_mag: float) -> float:
    """What to multiply a spectrum with to give it this r magnitude."""
    return float(10 ** (0.4 * (22.5 - r_mag)) / max(band_flux(wave, model)["R"], 1e-12))


def _quasar_for(injection: Injection | None, rng: np.random.Generator, params: PhysicsParams) -> Any:
    while True:
        quasar = draw_quasar(rng, params)
        if injection is None or injection.z_min <= quasar.z <= injection.z_max:
            return quasar


def make_quasar(rng: np.random.Generator, params: PhysicsParams, injection: Injection | None = None) -> Target:
    """A quasar, with an anomaly planted into its light or its redshift if one is given.

    Anomalies of pixels are left to `oddqso.simulation.artifacts`, behind the instrument; their draws are made here.
    """
    wave = native_grid()
    quasar = _quasar_for(injection, rng, params)
    parts, lines, found = make_parts(wave, quasar, rng, params)
    z, zerr = measured_redshift(quasar, lines.civ_shift_kms, rng)
    draws: dict[str, Any] = {}
    amplitude = 0.0
    if injection is not None:
        draws = injection.draws(rng, quasar.z)
        amplitude = float(draws[injection.amplitude])
        if injection.kind is Kind.LIGHT and injection.light is not None:
            parts = injection.light(parts, draws)
        elif injection.kind is Kind.LABEL and injection.label is not None:
            z = injection.label(z, draws)
    model = parts.total()
    model = model * scale_to(wave, model, quasar.r_mag)
    return Target(
        kind="quasar", model=model, z_true=quasar.z, z=z, zerr=zerr, r_mag=quasar.r_mag, spectype="QSO",
        subtype="LOZ" if z < 1.5 else "HIZ", confused=injection is not None and injection.kind is Kind.LABEL,
        injection=injection, amplitude=amplitude, draws=draws, found=found,
        quasar={
            "i_abs": quasar.i_abs, "eigenvector": quasar.eigenvector, "civ_shift_kms": lines.civ_shift_kms,
            "ebv": quasar.ebv,
        },
    )  # fmt: skip


def make_star(rng: np.random.Generator, params: PhysicsParams) -> Target:
    """A star as found among quasar targets; now and then the fitter takes it for a quasar."""
    wave = native_grid()
    kind = str(rng.choice(STAR_TYPES, p=(0.12, 0.22, 0.16, 0.15, 0.20, 0.13, 0.02)))
    velocity, r_mag = float(rng.normal(0, 110.0)), draw_magnitude(rng, params) - rng.uniform(0, 1.0)
    model = star(wave, kind, hotter=float(rng.uniform(0.9, 1.1)), velocity_kms=velocity)
    confused = rng.uniform() < 0.05
    z = float(rng.uniform(0.3, 3.0)) if confused else velocity / C_KMS
    subtype = ("LOZ" if z < 1.5 else "HIZ") if confused else ("K" if kind == "C" else kind)
    return Target(
        kind="star", model=model * scale_to(wave, model, r_mag), z_true=velocity / C_KMS, z=z, zerr=2e-5, r_mag=r_mag,
        spectype="QSO" if confused else "STAR", subtype=subtype, confused=confused, draws={"type": kind},
    )  # fmt: skip


def make_galaxy(rng: np.random.Generator, params: PhysicsParams) -> Target:
    """A galaxy as found among quasar targets; now and then the fitter takes it for a quasar."""
    wave = native_grid()
    one, r_mag = draw_galaxy(rng), draw_magnitude(rng, params)
    model = galaxy(wave, one)
    confused = rng.uniform() < 0.06
    z = float(rng.choice([rng.uniform(0.05, 0.2), rng.uniform(0.3, 3.0)])) if confused else one.z + rng.normal(0, 5e-5)
    return Target(
        kind="galaxy", model=model * scale_to(wave, model, r_mag), z_true=one.z, z=float(z), zerr=4e-5, r_mag=r_mag,
        spectype="QSO" if confused else "GALAXY", subtype=("LOZ" if z < 1.5 else "HIZ") if confused else "",
        confused=confused, draws={"ew_o2": one.ew_o2, "old": one.old},
    )  # fmt: skip


def make_empty(rng: np.random.Generator, kind: str) -> Target:
    """A sky fiber or a stuck positioner: no light of its own; the fitter says something anyway."""
    z = float(rng.uniform(0.0, 1.6))
    model = np.zeros(len(native_grid()))
    return Target(kind, model, 0.0, z, 1e-4, float("nan"), "GALAXY", "")


def make_target(
    kind: str, rng: np.random.Generator, params: PhysicsParams, *, anomalous: bool = False, wrong_redshift: bool = False
) -> Target:
    """A target of a kind; an anomalous quasar gets a class of `INJECTIONS`, each as often as any other."""
    if kind == "quasar":
        injection = injection_named(str(rng.choice(["wrong_redshift", "line_swap"]))) if wrong_redshift else None
        if anomalous:
            injection = INJECTIONS[int(rng.integers(len(INJECTIONS)))]
        return make_quasar(rng, params, injection)
    if kind == "star":
        return make_star(rng, params)
    if kind == "galaxy":
        return make_galaxy(rng, params)
    return make_empty(rng, kind)


__all__ = ["Parts", "Target", "band_flux", "make_quasar", "make_target", "scale_to"]
