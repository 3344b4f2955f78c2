"""report: the page that a person looks at, its plots, and every figure in it."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from oddqso.reports.params import ReportParams
from oddqso.runs.directory import RunDirectory
from oddqso.runs.files import read_json
from oddqso.runs.shards import Shards
from oddqso.runs.stage import Context, Stage
from oddqso.stages.noiseless import noiseless_flux
from oddqso.stages.views import ordinary_targets, spectrum_views

TRUTH = "truth.parquet"
"""Where a simulated survey says what is what."""


def report(
    context: Context,
    trained: Path,
    embedded: Shards,
    significance: Path,
    released: Path,
    *,
    params: ReportParams,
    out: Path,
) -> None:
    """Fill ``out`` with ``index.html``, ``metrics.json`` and ``plots/``."""
    from oddqso.reports.results import Results
    from oddqso.reports.write import write_report

    directory = RunDirectory(context.run)
    catalog = pq.read_table(released / "catalog.parquet")
    target_id = catalog["TARGETID"].to_numpy()
    waterfall = read_json(released / "waterfall.json")
    truth = context.input / TRUTH
    record: dict[str, Any] = directory.record() or {}
    table = pq.read_table(truth) if truth.exists() else None
    results = Results(
        title=context.input.name,
        is_simulated=bool((target_id >> 58 & 1).all()),  # the MOCK bit of TARGETID
        catalog=catalog,
        waterfall=waterfall,
        claim=read_json(significance / "claim.json")
        | {"flatness": read_json(significance / "flatness.json")}
        | {"tiers": read_json(significance / "certificate.json")["tiers"]}
        | {"flat": read_json(significance / "flatness.json")["CROSS_FITTED"]},
        curves=pq.read_table(trained / "curves.parquet"),
        model_card=read_json(trained / "model.json"),
        spectra=lambda target_ids: spectrum_views(directory, list(target_ids)),
        ordinary=ordinary_targets(catalog, params.n_quality, context.rng()),
        truth=table,
        noiseless=(lambda target_ids: noiseless_flux(context.input, table, target_ids)) if table is not None else None,
        settings=record.get("settings", {}),
        provenance={
            "oddqso": record.get("oddqso"),
            "input": record.get("input"),
            "seed": context.seed,
            "fingerprints": {
                stage: (directory.manifest(stage) or {}).get("fingerprint")
                for stage in (
                    "sample",
                    "ingest",
                    "prepare",
                    "train",
                    "embed",
                    "fit",
                    "score",
                    "significance",
                    "release",
                )
            },
        },
    )
    write_report(results, out, params)


def inventory(root: Path, run: Path, params: ReportParams) -> str:
    """The state of the truth table of a simulated survey, if there is one."""
    path = root / TRUTH
    return f"{path.stat().st_size} {path.stat().st_mtime_ns}" if path.exists() else ""


STAGE = Stage(
    "report",
    kind="gather",
    reads=("train", "embed", "significance", "release"),
    function=report,
    params=ReportParams,
    inventory=inventory,
)
