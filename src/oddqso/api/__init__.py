"""The verbs of oddqso, for notebooks and for the command line."""

from oddqso.api.running import STAGE_NAMES, Run, StageStatus, init, report, run, show, status
from oddqso.api.simulating import demo, simulate

__all__ = ["STAGE_NAMES", "Run", "StageStatus", "demo", "init", "report", "run", "show", "simulate", "status"]
