"""Injections that take light away: outflows, hydrogen, metals, dust. Recipes after the physics of `absorbers`."""

import numpy as np

from oddqso.simulation.absorbers import (
    BAL_IONS,
    FE2,
    FE2_EXCITED,
    LOBAL_IONS,
    LOW_IONS,
    MG1,
    MG2,
    bal_transmission,
    dla_transmission,
    metal_transmission,
)
from oddqso.simulation.dust import bump_transmission, smc_transmission
from oddqso.simulation.injection import C_KMS, Draws, Injection, Kind
from oddqso.simulation.quasar import Parts


def _troughs(rng: np.random.Generator, depth: float, low: float, high: float, onset: float, n_most: int) -> Draws:
    """Troughs of this depth: widths between low and high, onset up to a velocity [km/s]."""
    n_trough = int(rng.integers(1, n_most + 1))
    return {
        "starts": sorted(rng.uniform(0, onset, n_trough).tolist()),
        "widths": np.exp(rng.uniform(np.log(low), np.log(high), n_trough)).tolist(),
        "ripples": [[rng.uniform(0, 0.2), rng.uniform(0, 6.28), rng.uniform(1, 4)] for _ in range(n_trough)],
    }


def _outflow(parts: Parts, draws: Draws, ions: tuple[tuple[float, float], ...], depth: float) -> Parts:
    n_trough = len(draws["starts"])
    passed = bal_transmission(
        parts.wave, parts.z, ions, np.array(draws["starts"]), np.array(draws["widths"]),
        np.full(n_trough, depth), np.array(draws["ripples"]),
    )  # fmt: skip
    return parts.dimmed(passed)


def _draw_bal(rng: np.random.Generator, z: float, depth: float) -> Draws:
    return _troughs(rng, depth, 2000.0, 15_000.0, 12_000.0, 3)


def _bal(parts: Parts, draws: Draws) -> Parts:
    return _outflow(parts, draws, BAL_IONS, draws["depth"])


def _draw_lobal(rng: np.random.Generator, z: float, depth: float) -> Draws:
    return {**_troughs(rng, depth, 1500.0, 8000.0, 8000.0, 2), "ebv": rng.uniform(0.05, 0.3)}


def _lobal(parts: Parts, draws: Draws) -> Parts:
    low = tuple((center, 1.2 * share) for center, share in LOBAL_IONS)
    return _outflow(parts, draws, BAL_IONS + low, draws["depth"]).dimmed(smc_transmission(parts.rest, draws["ebv"]))


def _draw_felobal(rng: np.random.Generator, z: float, covering: float) -> Draws:
    width = float(np.exp(rng.uniform(np.log(500.0), np.log(3000.0))))
    return {
        "start": rng.uniform(0, 6000.0), "width": width, "tau": float(np.exp(rng.uniform(np.log(0.7), np.log(10.0)))),
        "ebv": rng.uniform(0.1, 0.5),
    }  # fmt: skip


def _felobal(parts: Parts, draws: Draws) -> Parts:
    covering, tau = draws["covering"], draws["tau"]
    lines = [(w, 1.6) for w, _ in FE2] + [(w, 1.0) for w in FE2_EXCITED] + [(w, 3.0) for w, _ in MG2] + [(1608.45, 0.7)]
    lines += [(w, 2.0) for w in (1548.2, 1550.8, 1854.7, 1862.8)] + [(1393.8, 1.2), (1402.8, 1.2)]
    passed = np.ones(len(parts.wave))
    one = {"starts": np.array([draws["start"]]), "widths": np.array([draws["width"]]), "ripples": np.zeros((1, 3))}
    for center, strength in lines:
        depth = np.array([-np.expm1(-tau * strength)])
        clear = bal_transmission(parts.wave, parts.z, ((center, 1.0),), depths=depth, **one)
        passed *= 1 - covering * (1 - clear)
    return parts.dimmed(passed * smc_transmission(parts.rest, draws["ebv"]))


def _draw_redshifted(rng: np.random.Generator, z: float, depth: float) -> Draws:
    draws = _troughs(rng, depth, 1500.0, 6000.0, 1.0, 1)
    far = rng.uniform(500.0, 12_000.0)
    return {**draws, "starts": [-far], "widths": [min(draws["widths"][0], far + 3000.0)]}


def _draw_dla(rng: np.random.Generator, z: float, log_nhi: float) -> Draws:
    low = max(3650.0 / 1215.67 - 1, (1 + z) * 1040.0 / 1215.67 - 1)
    far = z - 3500.0 / C_KMS * (1 + z)
    return {"z_abs": rng.uniform(min(low, far), far), "ew_metal": rng.uniform(0.2, 1.5)}


def _draw_pdla(rng: np.random.Generator, z: float, log_nhi: float) -> Draws:
    return {"z_abs": z + rng.uniform(-3000, 1000) / C_KMS * (1 + z), "ew_metal": rng.uniform(0.2, 1.5)}


def _dla(parts: Parts, draws: Draws) -> Parts:
    metals = metal_transmission(parts.wave, draws["z_abs"], LOW_IONS, draws["ew_metal"], 60.0)
    return parts.dimmed(metals * dla_transmission(parts.wave, draws["z_abs"], draws["log_nhi"]))


def _draw_mg2(rng: np.random.Generator, z: float, ew: float) -> Draws:
    low, high = max(0.36, (1 + z) * 1240.0 / 2796.4 - 1), min(z - 0.02, 2.4)
    return {
        "z_abs": rng.uniform(min(low, high), high), "sigma_kms": rng.uniform(50.0, 250.0),
        "iron_share": rng.uniform(0.4, 0.8), "magnesium_share": rng.uniform(0.1, 0.3), "ebv": rng.uniform(0, 0.1),
    }  # fmt: skip


def _mg2(parts: Parts, draws: Draws) -> Parts:
    ew, z_abs, sigma = draws["ew"], draws["z_abs"], draws["sigma_kms"]
    passed = metal_transmission(parts.wave, z_abs, MG2, ew, sigma)
    passed = passed * metal_transmission(parts.wave, z_abs, FE2, ew * draws["iron_share"], sigma)
    passed = passed * metal_transmission(parts.wave, z_abs, MG1, ew * draws["magnesium_share"], sigma)
    return parts.dimmed(passed * smc_transmission(parts.wave / (1 + z_abs), draws["ebv"]))


def _draw_nothing(rng: np.random.Generator, z: float, amplitude: float) -> Draws:
    return {}


def _reddened(parts: Parts, draws: Draws) -> Parts:
    return parts.dimmed(smc_transmission(parts.rest, draws["ebv"]))


def _draw_bump(rng: np.random.Generator, z: float, height: float) -> Draws:
    low, high = max(0.9, 0.4 * z), min(z, 3.0)
    return {"z_abs": rng.uniform(min(low, high), high), "width": rng.uniform(0.85, 1.1), "ebv": rng.uniform(0.02, 0.2)}


def _bump(parts: Parts, draws: Draws) -> Parts:
    rest = parts.wave / (1 + draws["z_abs"])
    return parts.dimmed(
        bump_transmission(rest, draws["height_mag"], draws["width"]) * smc_transmission(rest, draws["ebv"])
    )


ABSORPTION = (
    Injection("bal", Kind.LIGHT, "depth", 0.3, 1.0, 1.5, 5.0, _draw_bal, light=_bal),
    Injection("lobal", Kind.LIGHT, "depth", 0.3, 1.0, 0.5, 2.4, _draw_lobal, light=_lobal),
    Injection("felobal", Kind.LIGHT, "covering", 0.3, 1.0, 0.6, 2.6, _draw_felobal, light=_felobal),
    Injection("redshifted_bal", Kind.LIGHT, "depth", 0.3, 1.0, 1.5, 5.0, _draw_redshifted, light=_bal),
    Injection("dla", Kind.LIGHT, "log_nhi", 20.3, 22.0, 2.2, 5.0, _draw_dla, light=_dla),
    Injection("proximate_dla", Kind.LIGHT, "log_nhi", 20.3, 22.0, 2.1, 5.0, _draw_pdla, light=_dla),
    Injection("strong_mg2", Kind.LIGHT, "ew", 2.0, 8.0, 0.5, 3.5, _draw_mg2, light=_mg2),
    Injection("reddened", Kind.LIGHT, "ebv", 0.2, 1.5, 0.1, 5.0, _draw_nothing, light=_reddened, logarithmic=True),
    Injection("dust_bump", Kind.LIGHT, "height_mag", 0.2, 1.5, 1.0, 4.0, _draw_bump, light=_bump),
)
"""Injections that take light away."""
