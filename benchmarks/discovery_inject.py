"""What the injection laboratory of a run says of probes and of wrong redshifts."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from oddqso.runs.files import read_table
from oddqso.shares import cut_at, share_interval, upper_limit
from oddqso.simulation.probes import AT_PLACE
from oddqso.simulation.truth import ORDINARY, true_classes

WRONG, FALSE_FLAGS = ("line_swap", "wrong_redshift"), 0.002
PROBES = {
    "broad_5sigma": ("broad_feature", 5.0, "BROAD"), "broad_3sigma": ("broad_feature", 3.0, "BROAD"),
    "narrow_6sigma": ("narrow_feature", 6.0, "NARROW"),
}  # fmt: skip


def probe_figures(found: dict[str, Any]) -> dict[str, Any]:
    """Efficiency at an FPR of 1 %, and the most that can be.

    Without a suffix: flagged by the final score, at the cut that 1 % of the ordinary spectra exceed. ``_filter``: by
    the filters alone, at their own such cut; both search blind. ``_at_place``: by one filter that is told place, width
    and sign, at 1 % of such looks; what a blind search of thousands of places cannot reach.
    """
    figures: dict[str, Any] = {}
    for name, (probe, sigma, filters) in PROBES.items():
        told = found["probes"][probe]
        level = next(one for one in told["levels"] if one["sigma"] == sigma)
        for suffix, method in (("", "SCORE"), ("_filter", filters), ("_at_place", AT_PLACE)):
            share = level["found"][method]
            figures[f"{name}{suffix}"] = round(share["share"], 4)
            figures[f"{name}{suffix}_interval"] = [round(share["low"], 4), round(share["high"], 4)]
        for suffix, words in (("_ceiling", f"filters of {filters}"), ("_ceiling_all", "all filters")):
            best = next(one for one in told["ceiling"][words]["levels"] if one["sigma"] == sigma)
            figures[f"{name}{suffix}"] = round(best["share"], 4)
        figures[f"{name}_one_trial"] = round(best["one_trial"], 4)
    return figures


def short(found: dict[str, Any]) -> dict[str, Any]:
    """The laboratory's efficiencies by class at each cut, and by S/N at the first one."""
    cut = found["flagged_by"][0]
    table = []
    for name, told in found["classes"].items():
        row = {"class": name, "held_back": told["held_back"], "probe": told["probe"], "n": told["n"]}
        row |= {words: _plain(counted) for words, counted in told["by_cut"].items()}
        row["by_snr"] = [{"bin": one["bin"]} | _plain(one) for one in told["by_cut"][cut]["snr"]]
        table.append(row)
    return {"n_injected": found["n_injected"], "mean": found["mean"], "classes": table, "probes": found["probes"],
            "twins": found["twins"]}  # fmt: skip


def _plain(counted: dict[str, Any]) -> dict[str, Any]:
    return {key: counted[key] for key in ("n", "share", "low", "high")}


def wrong_redshifts(run: Path, survey: Path) -> dict[str, Any]:
    """Share of injected wrong redshifts that the redshift channel flags, where few ordinary spectra are flagged.

    SCORE_REDSHIFT decides: a better redshift is one at any S/N. TAIL_REDSHIFT, which compares with spectra of the same
    S/N and redshift, is told beside it.
    """
    catalog = pq.read_table(run / "release" / "catalog.parquet")
    classes = true_classes(
        catalog["TARGETID"].to_numpy(), catalog["Z"].to_numpy(), pq.read_table(survey / "truth.parquet")
    )
    split = np.array(catalog["SPLIT"].to_pylist())
    strict_held_out = (split != "FIT") & catalog["STRICT"].to_numpy()
    ordinary = np.array([name == ORDINARY for name in classes]) & strict_held_out
    filed_wrong = np.array([name in WRONG for name in classes]) & strict_held_out
    names = ("CLASS", "AMPLITUDE", "SNR_BIN", "TAIL_REDSHIFT", "SCORE_REDSHIFT")
    shards = [read_table(path).select(names) for path in sorted((run / "inject").glob("*.arrow"))]
    injected = pa.concat_tables([shard.replace_schema_metadata(None) for shard in shards]).combine_chunks()
    planted = np.array(injected["CLASS"].to_pylist())
    told: dict[str, Any] = {}
    for name in ("TAIL_REDSHIFT", "SCORE_REDSHIFT"):
        null, score = _floats(catalog, name), _floats(injected, name)
        cut = cut_at(null, ordinary, FALSE_FLAGS)
        flagged = score > cut
        n, n_false = int((ordinary & np.isfinite(null)).sum()), int((null[ordinary] > cut).sum())
        from_calibration = cut_at(null, ordinary & (split == "CALIBRATION"), FALSE_FLAGS)
        elsewhere = null[ordinary & (split == "TEST")]
        told[name] = {
            "cut": cut, "n_ordinary": n, "false": n_false / n, "false_upper": upper_limit(n_false, n),
            "false_on_test_with_cut_of_calibration": float((elsewhere > from_calibration).mean()),
            "all": _share(flagged[np.isin(planted, WRONG)]),
            "filed_wrong_in_the_survey": _share(null[filed_wrong] > cut),
            **{k: _share(flagged[planted == k]) for k in WRONG},
            "by_snr": [
                {"bin": int(k), **_share(flagged[np.isin(planted, WRONG) & (_floats(injected, "SNR_BIN") == k)])}
                for k in range(4)
            ],
        }  # fmt: skip
    best = told["SCORE_REDSHIFT"]
    figures = {
        "wrong_z_flagged": best["all"]["share"], "wrong_z_flagged_interval": [best["all"]["low"], best["all"]["high"]],
        "wrong_z_flagged_by_tail": told["TAIL_REDSHIFT"]["all"]["share"],
        "wrong_z_flagged_in_survey": best["filed_wrong_in_the_survey"]["share"],
        "wrong_z_flagged_line_swap": best["line_swap"]["share"], "wrong_z_false": round(best["false"], 5),
        "wrong_z_flagged_bright": best["by_snr"][-1]["share"],
    }  # fmt: skip
    return {"figures": figures} | told


def _floats(table: pa.Table, name: str) -> Any:
    values = np.asarray(table[name].to_numpy(zero_copy_only=False), float)
    return np.where(np.isfinite(values), values, -np.inf) if name != "SNR_BIN" else values


def _share(found: Any) -> dict[str, Any]:
    n, k = len(found), int(found.sum())
    low, high = share_interval(k, n)
    return {"n": n, "found": k, "share": round(k / max(n, 1), 4), "low": round(low, 4), "high": round(high, 4)}
