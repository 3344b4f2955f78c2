"""Everything that the injection laboratory measures: one dictionary of figures, and the selection function."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddqso.simulation.injection import Injection
from oddqso.simulation.injections import HELD_BACK
from oddqso.simulation.probes import PROBES
from oddqso.validation.ceiling import blind_search
from oddqso.validation.efficiency import (
    Cut,
    binned,
    fit_logistic,
    fpr_cut,
    make_cut,
    mean_over_classes,
    share,
)
from oddqso.validation.params import EfficiencyParams, InjectParams
from oddqso.validation.plan import TWIN, amplitude_range, chosen, snr_bin, snr_names
from oddqso.validation.selection import Selection, make_selection

EACH: Final = "in each S/N bin"
N_PIXEL: Final = 7781
Tiers = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """The run's own held-out strict spectra, which cuts are set on.

    Parameters
    ----------
    target_id : (n_spec,) int64
    snr : (n_spec,) float64
    ordinary : (n_spec,) bool
        Those that count as ordinary for the cuts.
    score : (n_spec,) float64
        The final score.
    tails : dict of str to (n_spec,) float64
        TAIL_<NAME> by the detector's name.
    group : (n_spec,) str
        Calibration group.
    """

    target_id: NDArray[np.int64]
    snr: NDArray[np.float64]
    ordinary: NDArray[np.bool_]
    score: NDArray[np.float64]
    tails: dict[str, NDArray[np.float64]]
    group: NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class _Planted:
    """What became of the injections, (n,) each."""

    name: NDArray[Any]
    amplitude: NDArray[np.float64]
    place: NDArray[np.int64]
    z: NDArray[np.float64]
    host: NDArray[np.int64]
    score: NDArray[np.float64]
    tails: dict[str, NDArray[np.float64]]
    group: NDArray[Any]


def laboratory(
    injected: pa.Table, held_out: HeldOut, tiers: Tiers, planned: InjectParams, params: EfficiencyParams,
    scales: Mapping[str, Sequence[int]], provenance: Mapping[str, Any], rng: np.random.Generator,
) -> tuple[dict[str, Any], Selection]:  # fmt: skip
    """All figures of the laboratory, and the selection function.

    Parameters
    ----------
    injected : pa.Table
        What the stage inject made.
    held_out : HeldOut
        The run's held-out spectra.
    tiers : mapping of str to mapping of str to float
        The lowest score on each list of the certificate, by the tier's name and the group's.
    planned, params : InjectParams, EfficiencyParams
        What was planted, and how it is told.
    scales : mapping of str to sequence of int
        Widths of the filters of NARROW and BROAD [native pixels].
    provenance : mapping
        Goes into both.
    rng : Generator
        For the ceiling of the probes.
    """
    planted = _planted(injected)
    cuts, flagged = _flag(planted, held_out, tiers, planned, params)
    twins = planted.name == TWIN
    classes = {
        injection.name: _of_class(injection, planted, flagged, held_out, planned, params)
        for injection in chosen(planned)
    }
    astrophysical = {name: figures for name, figures in classes.items() if not figures["probe"]}
    names = snr_names(planned)
    figures = {
        "provenance": dict(provenance),
        "cuts": [cut.as_dict() for cut in cuts],
        "flagged_by": list(flagged),
        "snr_bins": names,
        "n_injected": int((~twins).sum()),
        "n_unscored": int((~np.isfinite(planted.score) & ~twins).sum()),
        "n_hosts": len(np.unique(planted.host[~twins])),
        "short": _short(classes, planned, names),
        "classes": classes,
        "mean": {cut: _means(astrophysical, cut, names) for cut in flagged},
        "probes": _probes(planted, held_out, flagged, planned, params, scales, rng),
        "twins": _twins(planted, held_out, cuts),
    }
    header = {
        "classes": {
            injection.name: {
                "amplitude": injection.amplitude, "low": amplitude_range(injection)[0],
                "high": amplitude_range(injection)[1], "z_min": injection.z_min, "z_max": injection.z_max,
                "held_back": injection.name in HELD_BACK, "falling": injection.falling,
            }
            for injection in chosen(planned)
        },
        "cuts": [{"name": name} | next((c.as_dict() for c in cuts if c.name == name), {}) for name in flagged],
        "snr_edges": list(planned.snr_edges), "z_edges": list(params.z_edges),
        "amplitude_bins": params.amplitude_bins, "min_cell": params.min_cell, "provenance": dict(provenance),
    }  # fmt: skip
    kept = ~twins
    selection = make_selection(
        planted.name[kept], planted.amplitude[kept], planted.place[kept], planted.z[kept],
        {name: found[kept] for name, found in flagged.items()}, header,
    )  # fmt: skip
    return figures, selection


def _planted(injected: pa.Table) -> _Planted:
    def floats(name: str) -> NDArray[np.float64]:
        return np.asarray(injected[name].to_numpy(zero_copy_only=False), np.float64)

    return _Planted(
        name=np.array(injected["CLASS"].to_pylist(), dtype=np.str_),
        amplitude=floats("AMPLITUDE"),
        place=injected["SNR_BIN"].to_numpy(),
        z=floats("HOST_Z"),
        host=injected["TARGETID"].to_numpy(),
        score=floats("SCORE"),
        group=np.array(injected["GROUP"].to_pylist(), dtype=np.str_),
        tails={name.removeprefix("TAIL_"): floats(name) for name in injected.column_names if name.startswith("TAIL_")},
    )


def _flag(
    planted: _Planted,
    held_out: HeldOut,
    tiers: Tiers,
    planned: InjectParams,
    params: EfficiencyParams,
) -> tuple[list[Cut], dict[str, NDArray[np.bool_]]]:
    """The cuts, and which injections lie above which; what has no score is not flagged."""
    score = np.where(np.isfinite(planted.score), planted.score, -np.inf)
    ordinary, place = held_out.score[held_out.ordinary], snr_bin(held_out.snr[held_out.ordinary], planned)
    cuts: list[Cut] = []
    flagged: dict[str, NDArray[np.bool_]] = {}
    for rate in params.false_positive_rates:
        cut = fpr_cut(ordinary, rate)
        cuts.append(cut)
        flagged[cut.name] = score > cut.value
    for rate in params.false_positive_rates:
        found = np.zeros(len(score), dtype=np.bool_)
        for k, words in enumerate(snr_names(planned)):
            cut = fpr_cut(ordinary[place == k], rate)
            cuts.append(make_cut(f"{cut.name}, {words}", cut.value, ordinary[place == k]))
            found |= (planted.place == k) & (score > cut.value)
        flagged[f"FPR {100 * rate:g}% {EACH}"] = found
    for tier, groups in tiers.items():
        flagged[tier] = np.zeros(len(score), dtype=np.bool_)
        for group, lowest in groups.items():
            value = float(np.nextafter(lowest, -np.inf))  # what is on the list is at least the lowest
            mine = held_out.ordinary & (held_out.group == group)
            cuts.append(make_cut(f"{tier}, {group}", value, held_out.score[mine]))
            flagged[tier] |= (planted.group == group) & (score > value)
    return cuts, flagged


def _of_class(
    injection: Injection, planted: _Planted, flagged: Mapping[str, NDArray[np.bool_]], held_out: HeldOut,
    planned: InjectParams, params: EfficiencyParams,
) -> dict[str, Any]:  # fmt: skip
    here = planted.name == injection.name
    low, high = amplitude_range(injection)
    edges = np.geomspace(low, high, params.amplitude_bins + 1)
    edges[[0, -1]] = low * (1 - 1e-9), high * (1 + 1e-9)
    z_edges = np.array([0.0, *params.z_edges, 10.0])
    amplitude, place, z = planted.amplitude[here], planted.place[here], planted.z[here]

    def fitted(rows: NDArray[np.bool_], found: NDArray[np.bool_]) -> dict[str, Any] | None:
        fit = fit_logistic(amplitude[rows], found[rows], low, high, falling=injection.falling)
        return asdict(fit) if fit else None

    def told(found: NDArray[np.bool_]) -> dict[str, Any]:
        everything = np.ones(len(found), dtype=np.bool_)
        by_snr = []
        for k, words in enumerate(snr_names(planned)):
            rows = place == k
            by_snr.append({"bin": words} | share(found[rows]) | {
                "fit": fitted(rows, found), "amplitude": binned(found[rows], amplitude[rows], edges)
            })  # fmt: skip
        return share(found) | {
            "fit": fitted(everything, found),
            "amplitude": binned(found, amplitude, edges),
            "snr": by_snr,
            "z": binned(found, z, z_edges),
        }

    rate = params.false_positive_rates[0]
    bright = place == len(planned.snr_edges)
    detectors = {}
    for name, tail in planted.tails.items():
        cut = fpr_cut(held_out.tails[name][held_out.ordinary], rate).value
        found = np.where(np.isfinite(tail[here]), tail[here], -np.inf) > cut
        detectors[name] = {"all": share(found), "bright": share(found[bright])}
    return {
        "kind": str(injection.kind), "amplitude": injection.amplitude, "low": low, "high": high,
        "falling": injection.falling, "held_back": injection.name in HELD_BACK, "probe": injection in PROBES,
        "n": int(here.sum()), "n_hosts": len(np.unique(planted.host[here])),
        "by_cut": {cut: told(found[here]) for cut, found in flagged.items()},
        "by_detector": detectors,
    }  # fmt: skip


def _short(classes: Mapping[str, Any], planned: InjectParams, names: list[str]) -> list[dict[str, Any]]:
    """Bins with fewer injections than were asked for: there are too few hosts at those redshifts."""
    short = []
    for name, figures in classes.items():
        some = next(iter(figures["by_cut"].values()))
        wanted = planned.per_bin * (1 + (len(planned.probe_sigmas) if figures["probe"] else 0))
        for words, counted in zip(names, some["snr"], strict=True):
            if counted["n"] < wanted:
                short.append({"class": name, "bin": words, "n": counted["n"], "wanted": wanted})
    return short


def _means(classes: Mapping[str, Any], cut: str, names: list[str]) -> dict[str, Any]:
    """Mean over the classes: the known ones, those held back, and by S/N."""
    means: dict[str, Any] = {}
    for words, held_back in (("known", False), ("held_back", True)):
        mine = [c["by_cut"][cut] for c in classes.values() if c["held_back"] is held_back]
        means[words] = mean_over_classes(mine) | {
            "snr": [{"bin": name} | mean_over_classes([c["snr"][k] for c in mine]) for k, name in enumerate(names)]
        }
    return means


def _probes(
    planted: _Planted, held_out: HeldOut, flagged: Mapping[str, NDArray[np.bool_]], planned: InjectParams,
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
                "found": {name: share(hits[rows]) for name, hits in found.items()},
                "snr": [
                    {"bin": words, "found": {name: share(hits[rows & (planted.place == k)])
                                             for name, hits in found.items()}}
                    for k, words in enumerate(snr_names(planned))
                ],
            })  # fmt: skip
        every = sorted({scale for bank in scales.values() for scale in bank})
        ceilings = {
            words: blind_search(
                bank, widths[injection.name], planned.probe_sigmas, rate, N_PIXEL, params.n_ceiling, rng
            )
            for words, bank in {f"filters of {own}": scales[own], "all filters": every}.items()
        }
        probes[injection.name] = {"cut": main, "levels": levels, "ceiling": ceilings}
    return probes


def _twins(planted: _Planted, held_out: HeldOut, cuts: list[Cut]) -> dict[str, Any]:
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
