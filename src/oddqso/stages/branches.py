"""Stages that `oddqso run` does not take: the injection laboratory. Not imported where a command line starts."""

from oddqso.runs.stage import Stage
from oddqso.stages import efficiency, inject

BRANCHES: tuple[Stage, ...] = (inject.STAGE, efficiency.STAGE)
"""In order."""
