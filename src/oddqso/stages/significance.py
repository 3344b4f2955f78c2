"""significance: one score out of many, its p-value and its q-value, and what may be claimed."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from oddqso.runs.files import write_json, writing
from oddqso.runs.shards import Shards
from oddqso.runs.stage import Context, Stage
from oddqso.significance.labels import Labels
from oddqso.significance.params import SignificanceParams
from oddqso.stages.rows import check_same_targets
from oddqso.vetting.ledger import ledger_state, read_labels


def significance(context: Context, prepared: Shards, scored: Shards, *, params: SignificanceParams, out: Path) -> None:
    """Fill ``out`` with the table, the tail maps, the claim, the certificate and the flatness."""
    from oddqso.significance.apply import flat_maps, floats
    from oddqso.significance.assess import assess
    from oddqso.significance.crossfit import cross_fitted_flatness

    facts = prepared.columns("TARGETID", "Z", "SNR", "COVERAGE", "STRICT", "SPLIT", "QUALITY", "SCALE")
    scores = scored.columns(
        "TARGETID", *(name for name in next(iter(scored)).column_names if name.startswith("SCORE_"))
    )
    check_same_targets(facts, scores)
    scores = scores.drop_columns("TARGETID")
    known = pa.table([*facts.columns, *scores.columns], [*facts.column_names, *scores.column_names])
    assessment = assess(known, params, labels_of(context.run))
    with writing(out / "table.parquet") as aside:
        pq.write_table(assessment.table, aside)
    with writing(out / "tail_maps.npz") as aside, aside.open("wb") as sink:
        np.savez(sink, allow_pickle=False, **flat_maps(assessment.tail_maps))
    write_json(out / "claim.json", assessment.claim.as_dict())
    write_json(out / "certificate.json", assessment.certificate())
    brightness = {"scale": floats(facts, "SCALE")}  # stands in for the r magnitude, which not every file has
    flat = {"CROSS_FITTED": cross_fitted_flatness(known, brightness, params)}
    write_json(out / "flatness.json", assessment.flatness | flat)


def labels_of(run: Path) -> Labels | None:
    """What people found in the run's CALIBRATION; None if there are no verdicts."""
    found = read_labels(run / "vetting")
    return None if found is None else Labels(*found)


def inventory(root: Path, run: Path, params: SignificanceParams) -> str:
    """The state of the verdicts."""
    return ledger_state(run / "vetting")


STAGE = Stage(
    "significance",
    kind="gather",
    reads=("prepare", "score"),
    function=significance,
    params=SignificanceParams,
    version=3,
    inventory=inventory,
)
