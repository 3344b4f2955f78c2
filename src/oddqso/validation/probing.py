"""What probes of known significance, and spectra turned upside down, tell of a run."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oddqso.reports.results import SpectrumView
from oddqso.simulation.injection import Draws
from oddqso.simulation.probes import AT_PLACE, PROBES, probe_shape
from oddqso.spectra.grid import N_NATIVE
from oddqso.validation.ceiling import blind_search, optimum
from oddqso.validation.efficiency import Cut, fpr_cut, share
from oddqso.validation.params import EfficiencyParams, InjectParams
from oddqso.validation.plan import TWIN, chosen, snr_names
from oddqso.validation.planted import HeldOut, Planted

_FLOOR: Final = 0.1


def at_its_place(view: SpectrumView, draws: Draws, coherence: float) -> float:
    """The answer of the one filter that fits a probe, where the probe is or would be [sigma].

    As in `oddqso.score.filters.filter_peaks`, with the probe's own width and sign; NaN without a good pixel.

    Parameters
    ----------
    view : SpectrumView
        Spectrum and reconstruction.
    draws : dict
        Those of the probe.
    coherence : float
        Share of the model's error that the pixels under the filter have in common.
    """
    good = (view.ivar > 0) & np.isfinite(view.model) & np.isfinite(view.model_sigma)
    if not good.any():
        return float("nan")
    shape = probe_shape(view.wave, view.ivar, draws)[good]
    level, error = np.abs(view.model[good]).astype(np.float64), view.model_sigma[good].astype(np.float64)
    weighted = shape * np.maximum(level, _FLOOR * level.mean())
    weight = 1 / (1 / view.ivar[good] + error**2)
    common = np.sum(weighted * weight * coherence * error)
    width = np.sqrt(np.sum(weighted**2 * weight) + common**2)
    return float(draws["sign"] * np.sum(weighted * weight * (view.flux[good] - view.model[good])) / max(width, 1e-30))


def probe_figures(
    planted: Planted, held_out: HeldOut, flagged: Mapping[str, NDArray[np.bool_]], planned: InjectParams,
    params: EfficiencyParams, scales: Mapping[str, Sequence[int]], rng: np.random.Generator,
) -> dict[str, Any]:  # fmt: skip
    """Probes at fixed significance, by the final score and by the filters alone, next to what is possible."""
    rate = params.false_positive_rates[0]
    main = next(iter(flagged))
    found = {"SCORE": flagged[main]}
    for name in ("NARROW", "BROAD"):
        if name in planted.tails:
            cut = fpr_cut(held_out.tails[name][held_out.ordinary], rate).value
            found[name] = np.where(np.isfinite(planted.tails[name]), planted.tails[name], -np.inf) > cut

    found[AT_PLACE] = _at_place(planted, rate)

    def told(rows: NDArray[np.bool_]) -> dict[str, Any]:
        return {name: share(hits[rows], planted.host[rows]) for name, hits in found.items()}

    widths = {"narrow_feature": (1.0, 3.0), "broad_feature": (16.0, 256.0)}
    probes = {}
    for injection in chosen(planned):
        if injection not in PROBES:
            continue
        own = "NARROW" if injection.name == "narrow_feature" else "BROAD"
        levels = []
        for sigma in planned.probe_sigmas:
            rows = (planted.name == injection.name) & (planted.amplitude == sigma)
            levels.append({
                "sigma": sigma,
                "found": told(rows),
                "snr": [
                    {"bin": words, "found": told(rows & (planted.place == k))}
                    for k, words in enumerate(snr_names(planned))
                ],
            })  # fmt: skip
        every = sorted({scale for bank in scales.values() for scale in bank})
        ceilings = {
            words: blind_search(
                bank, widths[injection.name], planned.probe_sigmas, rate, N_NATIVE, params.n_ceiling, rng
            )
            for words, bank in {f"filters of {own}": scales[own], "all filters": every}.items()
        }
        best = optimum(widths[injection.name], planned.probe_sigmas, rate, N_NATIVE, params.n_ceiling, rng)
        probes[injection.name] = {"cut": main, "levels": levels, "ceiling": ceilings, "optimum": best}
    return probes


def _at_place(planted: Planted, rate: float) -> NDArray[np.bool_]:
    """Whether each probe is flagged by one who knows its place, at this false-positive rate in each S/N bin.

    The cut is what the same filter says of the same spectra without their probes.
    """
    flagged = np.zeros(len(planted.name), bool)
    for name in np.unique(planted.name):
        for k in np.unique(planted.place):
            rows = (planted.name == name) & (planted.place == k) & np.isfinite(planted.host_at_place)
            if rows.sum() >= 1 / rate:
                cut = fpr_cut(planted.host_at_place[rows], rate).value
                flagged[rows] = planted.at_place[rows] > cut
    return flagged


def twin_figures(planted: Planted, held_out: HeldOut, cuts: list[Cut]) -> dict[str, Any]:
    """How many spectra that were turned upside down lie above each cut, against the same spectra as they are."""
    rows = (planted.name == TWIN) & np.isfinite(planted.score)
    order = np.argsort(held_out.target_id, kind="stable")
    real = order[np.searchsorted(held_out.target_id[order], planted.host[rows])]
    twin, score = planted.score[rows], held_out.score[real]
    told = []
    for cut in cuts:
        if "," in cut.name or not np.isfinite(cut.value):
            continue
        above, turned = score > cut.value, twin > cut.value
        n_real, n_twin = int(above.sum()), int(turned.sum())
        ratio = n_twin / n_real if n_real else None
        told.append({
            "cut": cut.name, "n_real": n_real, "n_twin": n_twin,
            "reliability": None if ratio is None else 1 - ratio,
            "reliability_se": None if ratio is None else ratio * np.sqrt(1 / max(n_twin, 1) + 1 / n_real),
            "both": int((above & turned).sum()), "quiet": share(turned[~above]),
        })  # fmt: skip
    return {"n": int(rows.sum()), "cuts": told}
