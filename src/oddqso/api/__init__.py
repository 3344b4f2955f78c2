"""The verbs of oddqso, for notebooks and for the command line."""

from oddqso.api.running import STAGE_NAMES, Run, StageStatus, init, report, run, show, status
from oddqso.api.simulating import demo, simulate
from oddqso.api.validating import entrap, gate
from oddqso.validation.gate_params import GateParams

__all__ = [
    "STAGE_NAMES", "GateParams", "Run", "StageStatus", "demo", "entrap", "gate", "init", "report", "run", "show",
    "simulate", "status",
]  # fmt: skip
