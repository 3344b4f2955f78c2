"""significance: one score out of many, its p-value and its q-value, and what may be claimed."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from oddqso.runs.files import write_json, writing
from oddqso.runs.shards import Shards
from oddqso.runs.stage import Context, Stage
from oddqso.significance.params import SignificanceParams
from oddqso.stages.rows import check_same_targets


def significance(context: Context, prepared: Shards, scored: Shards, *, params: SignificanceParams, out: Path) -> None:
    """Fill ``out`` with ``table.parquet``, ``tail_maps.npz``, ``claim.json`` and ``flatness.json``."""
    from oddqso.significance.apply import flat_maps
    from oddqso.significance.assess import assess

    facts = prepared.columns("TARGETID", "Z", "SNR", "COVERAGE", "STRICT", "SPLIT", "QUALITY")
    scores = scored.columns(
        "TARGETID", *(name for name in next(iter(scored)).column_names if name.startswith("SCORE_"))
    )
    check_same_targets(facts, scores)
    scores = scores.drop_columns("TARGETID")
    known = pa.table([*facts.columns, *scores.columns], [*facts.column_names, *scores.column_names])
    assessment = assess(known, params)
    with writing(out / "table.parquet") as aside:
        pq.write_table(assessment.table, aside)
    with writing(out / "tail_maps.npz") as aside, aside.open("wb") as sink:
        np.savez(sink, allow_pickle=False, **flat_maps(assessment.tail_maps))
    write_json(out / "claim.json", assessment.claim.as_dict())
    write_json(out / "flatness.json", assessment.flatness)


STAGE = Stage(
    "significance", kind="gather", reads=("prepare", "score"), function=significance, params=SignificanceParams
)
