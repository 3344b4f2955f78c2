"""Injections that change the quasar's own light: lines, iron, continuum."""

from dataclasses import replace

import numpy as np

from oddqso.simulation.continuum import old_galaxy
from oddqso.simulation.injection import C_KMS, Draws, Float, Injection, Kind, level_near, moved, strong_lines_near
from oddqso.simulation.kernels import add_gaussians
from oddqso.simulation.quasar import Parts


def _draw_nothing(rng: np.random.Generator, z: float, amplitude: float) -> Draws:
    return {}


def gaussians(parts: Parts, lines: list[tuple[float, float, float]], fwhm_kms: float, shift_kms: float = 0.0) -> Float:
    """Gaussian lines (rest wavelength, EW [Angstrom], width against fwhm) on a quasar's continuum, (n_wave,)."""
    out = np.zeros(len(parts.wave))
    table = np.array(lines)
    centers = table[:, 0] * (1 + shift_kms / C_KMS)
    sigmas = centers * table[:, 2] * fwhm_kms / 2.3548 / C_KMS
    levels = np.array([level_near(parts, center) for center in centers])
    heights = table[:, 1] * levels / (np.sqrt(2 * np.pi) * sigmas)
    stretch = 1 + parts.z
    add_gaussians(out, parts.wave[0], parts.wave[1] - parts.wave[0], centers * stretch, sigmas * stretch, heights)
    return out


def _draw_weak(rng: np.random.Generator, z: float, share: float) -> Draws:
    return {"blueshift_kms": rng.uniform(1000.0, 5000.0)}


def _weak(parts: Parts, draws: Draws) -> Parts:
    blue = parts.rest < 2200.0  # lines of high ionization
    lines = np.where(blue, moved(parts.wave, parts.broad, -draws["blueshift_kms"]), parts.broad)
    return replace(parts, broad=draws["share"] * lines, narrow=draws["share"] * parts.narrow)


def _iron(parts: Parts, draws: Draws) -> Parts:
    return replace(parts, iron=draws["factor"] * parts.iron)


def _draw_double(rng: np.random.Generator, z: float, dv: float) -> Draws:
    return {"balance": rng.uniform(0.7, 1.3), "flux_ratio": rng.uniform(0.5, 2.0)}


def _double(parts: Parts, draws: Draws) -> Parts:
    """Two copies of every broad line redward of 2500 Angstrom, moved apart."""
    dv, ratio = draws["dv_kms"], draws["flux_ratio"]
    blue = moved(parts.wave, parts.broad, -dv * draws["balance"])
    red = moved(parts.wave, parts.broad, dv / draws["balance"])
    apart = (blue + ratio * red) / (1 + ratio)
    return replace(parts, broad=np.where(parts.rest > 2500.0, apart, parts.broad))


def _draw_offset(rng: np.random.Generator, z: float, dv: float) -> Draws:
    return {"sign": float(rng.choice([-1.0, 1.0]))}


def _offset(parts: Parts, draws: Draws) -> Parts:
    return replace(parts, broad=moved(parts.wave, parts.broad, draws["sign"] * draws["dv_kms"]))


def _draw_dim(rng: np.random.Generator, z: float, share: float) -> Draws:
    return {"continuum_share": rng.uniform(0.1, 0.5)}


def _dim(parts: Parts, draws: Draws) -> Parts:
    """Broad lines and continuum fade, the host comes out; the flux at the red end stays."""
    dimmer = draws["continuum_share"]
    kept = replace(
        parts, broad=draws["share"] * parts.broad, continuum=dimmer * parts.continuum, iron=draws["share"] * parts.iron
    )
    red = parts.wave > 8500.0
    missing = max(float(np.mean((parts.total() - kept.total())[red])), 0.0)
    template = old_galaxy(parts.rest)
    return replace(kept, host=kept.host + template * missing / float(np.mean(template[red])))


def _draw_nitrogen(rng: np.random.Generator, z: float, ew: float) -> Draws:
    return {
        "ratio_1750": rng.uniform(0.6, 1.6),
        "fwhm_kms": rng.uniform(1500.0, 4000.0),
        "carbon_share": rng.uniform(0.5, 1.0),
    }


def _nitrogen(parts: Parts, draws: Draws) -> Parts:
    ew = draws["ew"]
    lines = [(1486.5, ew, 1.0), (1750.26, ew * draws["ratio_1750"], 1.0), (1240.14, 2.0 * ew, 1.2)]
    near_carbon = np.abs(parts.rest - 1547.0) < 60.0
    broad = np.where(near_carbon, draws["carbon_share"] * parts.broad, parts.broad)
    return replace(parts, broad=broad + gaussians(parts, lines, draws["fwhm_kms"]))


def _draw_outflow(rng: np.random.Generator, z: float, ew: float) -> Draws:
    return {"shift_kms": -rng.uniform(500.0, 3000.0), "fwhm_kms": rng.uniform(1500.0, 5000.0)}


def _outflow(parts: Parts, draws: Draws) -> Parts:
    ew = draws["ew"]
    lines = [(5008.24, ew, 1.0), (4960.30, ew / 2.98, 1.0), (3727.1, 0.15 * ew, 1.0)]
    return replace(parts, narrow=parts.narrow + gaussians(parts, lines, draws["fwhm_kms"], draws["shift_kms"]))


def _draw_peaked(rng: np.random.Generator, z: float, factor: float) -> Draws:
    lines = [line for line in strong_lines_near(z) if line < 3000.0]
    return {
        "line": float(rng.choice(lines or [1549.06])),
        "fwhm_kms": rng.uniform(1000.0, 2000.0),
        "ew_usual": rng.uniform(20.0, 40.0),
    }


def _peaked(parts: Parts, draws: Draws) -> Parts:
    """One line several times as strong and narrow; its broad base stays."""
    line = [(draws["line"], draws["ew_usual"] * draws["factor"], 1.0)]
    return replace(parts, broad=parts.broad + gaussians(parts, line, draws["fwhm_kms"]))


def _draw_coronal(rng: np.random.Generator, z: float, ratio: float) -> Draws:
    return {"fwhm_kms": rng.uniform(400.0, 900.0), "ew_o3": rng.uniform(15.0, 40.0)}


def _coronal(parts: Parts, draws: Draws) -> Parts:
    """[Fe VII], [Fe X], [Fe XIV] and [Ne V] at a share of [O III], which is as strong as in a Seyfert galaxy."""
    ew = draws["ratio"] * draws["ew_o3"]
    lines = [(w, share * ew, 1.0) for w, share in (
        (3426.85, 1.2), (3759.99, 0.5), (5160.33, 0.3), (5277.85, 0.2), (5304.5, 0.5), (5722.3, 0.7), (6088.7, 1.0),
        (6376.3, 0.6),
    )]  # fmt: skip
    return replace(parts, narrow=parts.narrow + gaussians(parts, lines, draws["fwhm_kms"]))


EMISSION = (
    Injection("weak_line", Kind.LIGHT, "share", 0.02, 0.3, 0.6, 5.0, _draw_weak, light=_weak, falling=True),
    Injection("extreme_iron", Kind.LIGHT, "factor", 3.0, 10.0, 0.2, 2.4, _draw_nothing, light=_iron),
    Injection("double_peaked", Kind.LIGHT, "dv_kms", 1500.0, 6000.0, 0.1, 2.3, _draw_double, light=_double),
    Injection("offset_broad", Kind.LIGHT, "dv_kms", 1000.0, 6000.0, 0.1, 1.6, _draw_offset, light=_offset),
    Injection("changing_look", Kind.LIGHT, "share", 0.0, 0.3, 0.1, 1.6, _draw_dim, light=_dim, falling=True),
    Injection("nitrogen_rich", Kind.LIGHT, "ew", 3.0, 25.0, 1.5, 4.5, _draw_nitrogen, light=_nitrogen),
    Injection("oiii_outflow", Kind.LIGHT, "ew", 10.0, 200.0, 0.1, 0.9, _draw_outflow, light=_outflow, logarithmic=True),
    Injection("peaked_line", Kind.LIGHT, "factor", 2.0, 6.0, 0.5, 5.0, _draw_peaked, light=_peaked),
    Injection("coronal_lines", Kind.LIGHT, "ratio", 0.2, 1.0, 0.1, 0.75, _draw_coronal, light=_coronal),
)
"""Injections that change the quasar's own light."""
