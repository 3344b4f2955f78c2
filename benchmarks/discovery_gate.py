"""The gate on a survey that the pipeline has never seen."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from oddqso.config import make_settings
from oddqso.runs.directory import RunDirectory
from oddqso.runs.files import read_table
from oddqso.simulation.truth import ORDINARY, true_classes
from oddqso.stages.published import Published
from oddqso.validation.gate_params import GateParams
from oddqso.validation.trial import HeldOut, Verdict, trial


def other_survey(run: Path, other: Path, survey: Path, params: GateParams) -> Verdict:
    """Our method on another survey of the same recipe: other quasars and other noise, the run's frozen pipeline.

    Its spectra taught nothing, not even the normalization, so that they are alike to each other by construction.
    """
    published, parts = Published.open(run), []
    for path in sorted((other / "ingest").glob("*.arrow")):
        judged = published(read_table(path))
        parts.append(judged.append_column("SPLIT", read_table(other / "prepare" / path.name)["SPLIT"]))
    table = pa.concat_tables(parts).combine_chunks()
    classes = true_classes(table["TARGETID"].to_numpy(), table["Z"].to_numpy(), pq.read_table(survey / "truth.parquet"))
    held_out = HeldOut(
        table=table,
        score=table["SCORE"].to_numpy(zero_copy_only=False).astype(np.float64),
        odd=np.array([name not in (None, ORDINARY) for name in classes]),
        told=np.array([name is not None for name in classes]),
    )
    record = RunDirectory(run).record() or {}
    settings = make_settings(record["settings"], "the settings in run.json")
    return trial(held_out, settings.significance, params, naive={})[0]
