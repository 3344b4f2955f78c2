"""efficiency: what the run finds of what was planted; figures, the selection function, and their page. A branch."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from oddqso.runs.directory import RunDirectory
from oddqso.runs.files import read_json, write_json, writing
from oddqso.runs.shards import Shards
from oddqso.runs.stage import Context, Stage
from oddqso.score.params import ScoreParams
from oddqso.significance.groups import calibration_groups
from oddqso.significance.params import SignificanceParams
from oddqso.stages.inject import ordinary_rows, read_held_out
from oddqso.stages.report import TRUTH, inventory
from oddqso.validation.laboratory import laboratory
from oddqso.validation.params import EfficiencyParams, InjectParams
from oddqso.validation.planted import HeldOut


def efficiency(
    context: Context, scored: Shards, significance: Path, released: Path, injected: Shards, *,
    params: EfficiencyParams, out: Path,
) -> None:  # fmt: skip
    """Fill ``out`` with ``efficiency.json``, ``selection.parquet``, ``index.html`` and ``plots/``."""
    from oddqso.reports.efficiency_page import write_efficiency_page

    directory = RunDirectory(context.run)
    manifests = {name: directory.manifest(name) or {} for name in ("score", "significance", "inject")}
    grouped = SignificanceParams.model_validate(manifests["significance"]["params"])
    planned = InjectParams.model_validate(manifests["inject"]["params"])
    scales = ScoreParams.model_validate(manifests["score"]["params"])
    record: dict[str, Any] = directory.record() or {}
    figures, selection = laboratory(
        pa.concat_tables([table.replace_schema_metadata(None) for table in injected]).combine_chunks(),
        _held_out(context, significance, released, grouped),
        tier_cuts(significance),
        planned,
        params,
        {"NARROW": scales.narrow_scales, "BROAD": scales.broad_scales},
        {
            "input": record.get("input"),
            "oddqso": record.get("oddqso"),
            "seed": context.seed,
            "fingerprints": {name: manifest.get("fingerprint") for name, manifest in manifests.items()},
            "seconds_inject": manifests["inject"].get("seconds"),
            "ordinary": "true ordinary quasars" if (context.input / TRUTH).exists() else "all held-out spectra",
            "hosts": "true ordinary quasars"
            if (context.input / TRUTH).exists()
            else f"the {planned.ordinary_share:.0%} least odd of the held-out spectra",
        },
        context.rng(),
    )
    write_json(out / "efficiency.json", figures)
    with writing(out / "selection.parquet") as aside:
        selection.write(aside)
    write_efficiency_page(figures, out)


def _held_out(context: Context, significance: Path, released: Path, params: SignificanceParams) -> HeldOut:
    catalog = read_held_out(released)
    table = pq.read_table(significance / "table.parquet")
    place = {target: row for row, target in enumerate(table["TARGETID"].to_pylist())}
    table = table.take([place[target] for target in catalog["TARGETID"].to_pylist()])

    def floats(source: pa.Table, name: str) -> Any:
        return np.asarray(source[name].to_numpy(zero_copy_only=False), np.float64)

    return HeldOut(
        target_id=catalog["TARGETID"].to_numpy(),
        snr=floats(catalog, "SNR"),
        # without a truth table all count as ordinary: cuts are then too high rather than too low
        ordinary=ordinary_rows(catalog, context.input, 1.0),
        score=floats(table, "SCORE"),
        tails={name.removeprefix("TAIL_"): floats(table, name) for name in table.column_names if name[:5] == "TAIL_"},
        group=calibration_groups(catalog["STRICT"].to_numpy(), floats(catalog, "SNR"), params),
    )


def tier_cuts(significance: Path) -> dict[str, dict[str, float]]:
    """The lowest score on each of the certificate's lists that is not empty, by tier and group."""
    tiers = read_json(significance / "certificate.json")["tiers"]
    cuts = {
        tier["name"]: {part["name"]: part["cut"] for part in tier["groups"] if part["cut"] is not None}
        for tier in tiers
    }
    return {name: groups for name, groups in cuts.items() if groups}


STAGE = Stage(
    "efficiency",
    kind="gather",
    reads=("score", "significance", "release", "inject"),
    function=efficiency,
    params=EfficiencyParams,
    inventory=inventory,
)
