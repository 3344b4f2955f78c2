"""The gate where the run itself cannot tell: on a survey that it has never seen, and where gold lists are possible."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from oddqso.config import make_settings
from oddqso.runs.directory import RunDirectory
from oddqso.runs.files import read_table
from oddqso.significance.params import SignificanceParams
from oddqso.simulation.truth import ORDINARY, true_classes
from oddqso.stages.published import Published
from oddqso.validation.gate import Rate, judge
from oddqso.validation.gate_params import GateParams
from oddqso.validation.pool import Composition, Pool, draws
from oddqso.validation.trial import HeldOut, Verdict, trial
from oddqso.validation.vetted import Vetters, vetted


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


def rich_survey(scores: dict[str, Any], alphas: tuple[float, ...], n_replicates: int, seed: int) -> list[Rate]:
    """Our method where gold lists are possible: with the planted spectra of the second survey, and much calibration.

    People who miss odd spectra leave them at the top of CALIBRATION, and the shortest list grows with each; so there
    are two kinds of people.
    """
    known = np.isfinite(scores["ours"]) & (scores["class"] != "unknown")
    group = np.where(scores["strict"], "strict", "permissive")
    odd = scores["class"] != ORDINARY
    pool = Pool(np.arange(len(odd)), scores["ours"], group, odd)[known]
    rates = []
    for miss, words in ((0.0, "none missed"), (0.05, "5 % missed")):
        made_of = Composition(f"{pool.odd.mean():.0%} odd, 70 % in CALIBRATION, {words}", calibration_share=0.7)
        replicates = draws(pool, made_of, 0.7, n_replicates, np.random.default_rng([seed, 1]))
        method = vetted(SignificanceParams(alphas=alphas), Vetters(miss=miss))
        rates += judge(method, replicates, alphas, made_of.name, np.random.default_rng([seed, 2]))
    return rates
