"""The stages of a run, in order. Each file binds one piece of science to the runner."""

from oddqso.runs.stage import Stage
from oddqso.stages import embed, fit, ingest, prepare, release, report, sample, score, significance, train

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
