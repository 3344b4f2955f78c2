"""Everything that the injection laboratory measures: one dictionary of figures, and the selection function."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddqso.simulation.injection import Injection
from oddqso.simulation.injections import HELD_BACK
from oddqso.simulation.probes import PROBES
from oddqso.validation.efficiency import (
    Cut,
    binned,
    fpr_cut,
    make_cut,
    mean_over_classes,
    share,
)
from oddqso.validation.logistic import fit_logistic
from oddqso.validation.params import EfficiencyParams, InjectParams
from oddqso.validation.plan import TWIN, amplitude_range, chosen, snr_bin, snr_names
from oddqso.validation.planted import HeldOut, Planted, planted_of
from oddqso.validation.probing import probe_figures, twin_figures
from oddqso.validation.selection import Selection, make_selection

EACH: Final = "in each S/N bin"
Tiers = Mapping[str, Mapping[str, float]]


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
    planted = planted_of(injected)
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
        "probes": probe_figures(planted, held_out, flagged, planned, params, scales, rng),
        "twins": twin_figures(planted, held_out, cuts),
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


def _flag(
    planted: Planted,
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
            cuts.append(replace(cut, name=f"{cut.name}, {words}"))
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
    injection: Injection, planted: Planted, flagged: Mapping[str, NDArray[np.bool_]], held_out: HeldOut,
    planned: InjectParams, params: EfficiencyParams,
) -> dict[str, Any]:  # fmt: skip
    here = planted.name == injection.name
    low, high = amplitude_range(injection)
    edges = np.geomspace(low, high, params.amplitude_bins + 1)
    edges[[0, -1]] = low * (1 - 1e-9), high * (1 + 1e-9)
    z_edges = np.array([0.0, *params.z_edges, 10.0])
    amplitude, place, z, host = planted.amplitude[here], planted.place[here], planted.z[here], planted.host[here]

    def fitted(rows: NDArray[np.bool_], found: NDArray[np.bool_]) -> dict[str, Any] | None:
        fit = fit_logistic(amplitude[rows], found[rows], low, high, falling=injection.falling)
        return asdict(fit) if fit else None

    def told(found: NDArray[np.bool_]) -> dict[str, Any]:
        by_snr = []
        for k, words in enumerate(snr_names(planned)):
            rows = place == k
            by_snr.append({"bin": words} | share(found[rows], host[rows]) | {
                "fit": fitted(rows, found), "amplitude": binned(found[rows], amplitude[rows], edges, host[rows])
            })  # fmt: skip
        return share(found, host) | {
            "fit": fitted(np.ones(len(found), dtype=np.bool_), found),
            "amplitude": binned(found, amplitude, edges, host),
            "snr": by_snr,
            "z": binned(found, z, z_edges, host),
        }

    rate = params.false_positive_rates[0]
    bright = place == len(planned.snr_edges)
    detectors = {}
    for name, tail in planted.tails.items():
        cut = fpr_cut(held_out.tails[name][held_out.ordinary], rate).value
        found = np.where(np.isfinite(tail[here]), tail[here], -np.inf) > cut
        detectors[name] = {"all": share(found, host), "bright": share(found[bright], host[bright])}
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
