"""Injections that add another object's light, replace the quasar, or file it under a wrong redshift."""

from dataclasses import replace

import numpy as np

from oddqso.simulation.contaminants import STAR_TYPES, star
from oddqso.simulation.continuum import old_galaxy, young_galaxy
from oddqso.simulation.injection import C_KMS, Draws, Injection, Kind
from oddqso.simulation.population import Quasar, absolute_magnitude
from oddqso.simulation.quasar import Parts, make_parts
from oddqso.simulation.settings import PhysicsParams

_SLOPES = (-1.1, -0.3, -0.3, -0.37, -1.7)


def _draw_host(rng: np.random.Generator, z: float, share: float) -> Draws:
    return {"old": rng.uniform(0.5, 1.0)}


def _host(parts: Parts, draws: Draws) -> Parts:
    """A galaxy at the quasar's redshift that makes this share of the light at 4200 Angstrom (or the reddest pixels)."""
    template = draws["old"] * old_galaxy(parts.rest) + (1 - draws["old"]) * young_galaxy(parts.rest)
    where = np.argsort(np.abs(parts.rest - 4200.0))[:60]
    share = draws["share"]
    added = template * float(np.mean(parts.total()[where]) / np.mean(template[where])) * share / (1 - share)
    return replace(parts, host=parts.host + added)


def _draw_blend(rng: np.random.Generator, z: float, ratio: float) -> Draws:
    second = str(rng.choice(["quasar", "quasar", "old", "young"]))
    z2 = rng.uniform(0.3, 3.0) if second == "quasar" else rng.uniform(0.1, 0.9)
    return {"second": second, "z2": z2, "key": int(rng.integers(1 << 31))}


def _blend(parts: Parts, draws: Draws) -> Parts:
    """The light of a second quasar or galaxy at another redshift, at this ratio of mean flux."""
    z2 = draws["z2"]
    if draws["second"] == "quasar":
        other = Quasar(
            z=z2, r_mag=20.5, i_abs=absolute_magnitude(20.5, z2), eigenvector=0.0, slopes=np.array(_SLOPES), width=1.0,
            iron=1.0, plateau=0.0, balmer=0.1, host=0.0, ebv=0.02,
        )  # fmt: skip
        params = PhysicsParams(bal_fraction=0, lobal_fraction=0)
        light = make_parts(parts.wave, other, np.random.default_rng(draws["key"]), params)[0].total()
    else:
        light = (old_galaxy if draws["second"] == "old" else young_galaxy)(parts.wave / (1 + z2))
    return replace(parts, host=parts.host + light * draws["ratio"] * float(np.mean(parts.total()) / np.mean(light)))


def _draw_star(rng: np.random.Generator, z: float, share: float) -> Draws:
    return {
        "type": str(rng.choice(STAR_TYPES)),
        "hotter": rng.uniform(0.93, 1.08),
        "velocity_kms": rng.normal(0, 120.0),
    }


def _star(parts: Parts, draws: Draws) -> Parts:
    """A star makes this share of the light, the quasar the rest; at 1 there is no quasar at all."""
    light = star(parts.wave, draws["type"], hotter=draws["hotter"], velocity_kms=draws["velocity_kms"])
    scale = float(np.mean(parts.total()) / np.mean(light))
    dimmer = parts.scaled(1 - draws["share"])
    return replace(dimmer, host=dimmer.host + draws["share"] * scale * light)


SWAPS = (2798.75 / 1908.73, 1549.06 / 1215.67, 1908.73 / 1549.06, 4862.68 / 2798.75)
"""Ratios of the wavelengths of lines that are taken for each other."""


def _draw_wrong(rng: np.random.Generator, z: float, dv: float) -> Draws:
    return {"sign": float(rng.choice([-1.0, 1.0])) if (1 + z) * (1 - dv / C_KMS) > 1.1 else 1.0}


def _wrong(z: float, draws: Draws) -> float:
    return float((1 + z) * (1 + draws["sign"] * draws["dv_kms"] / C_KMS) - 1)


def _draw_swap(rng: np.random.Generator, z: float, ratio: float) -> Draws:
    """The possible swap nearest to a ratio of wavelengths, up or down."""
    possible = [(r, sign) for r in SWAPS for sign in (-1, 1) if 0.1 < (1 + z) * r**sign - 1 < 5.5]
    nearest = min(abs(r - ratio) for r, _ in possible)
    swaps = [swap for swap in possible if abs(swap[0] - ratio) == nearest]
    chosen = swaps[int(rng.integers(len(swaps)))]
    return {"ratio": chosen[0], "sign": chosen[1]}


def _swap(z: float, draws: Draws) -> float:
    return float((1 + z) * draws["ratio"] ** draws["sign"] - 1)


MIXTURE = (
    Injection("host", Kind.LIGHT, "share", 0.3, 0.95, 0.1, 1.2, _draw_host, light=_host),
    Injection("blend", Kind.LIGHT, "ratio", 0.1, 1.0, 0.1, 5.0, _draw_blend, light=_blend, logarithmic=True),
    Injection("star", Kind.LIGHT, "share", 0.3, 1.0, 0.1, 5.0, _draw_star, light=_star),
    Injection(
        "wrong_redshift", Kind.LABEL, "dv_kms", 3000.0, 30_000.0, 0.1, 5.0, _draw_wrong, label=_wrong, logarithmic=True
    ),
    Injection("line_swap", Kind.LABEL, "ratio", 1.2, 1.8, 0.2, 5.0, _draw_swap, label=_swap),
)
"""Injections of other light and other labels."""
