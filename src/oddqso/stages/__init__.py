"""The stages of a run, in order. Each file binds one piece of science to the runner."""

from oddqso.runs.stage import Stage
from oddqso.stages import (
    efficiency,
    embed,
    fit,
    ingest,
    inject,
    prepare,
    release,
    report,
    sample,
    score,
    significance,
    train,
)

STAGES: tuple[Stage, ...] = (
    sample.STAGE,
    ingest.STAGE,
    prepare.STAGE,
    train.STAGE,
    embed.STAGE,
    fit.STAGE,
    score.STAGE,
    significance.STAGE,
    release.STAGE,
    report.STAGE,
)

BRANCHES: tuple[Stage, ...] = (inject.STAGE, efficiency.STAGE)
"""Stages that `oddqso run` does not take: the injection laboratory."""
