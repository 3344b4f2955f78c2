"""The verbs of oddqso, for notebooks and for the command line."""

from oddqso.api.delivering import Delivery, deliver
from oddqso.api.exchanging import export_verdicts, import_verdicts
from oddqso.api.injecting import Laboratory, inject, read_selection
from oddqso.api.oracle import vet_oracle
from oddqso.api.pretraining import pretrain
from oddqso.api.reviewers import (
    StorePlace,
    add_reviewer,
    disable_reviewer,
    list_reviewers,
    list_tokens,
    new_token,
    revoke_token,
    set_password,
    set_role,
    store_backup,
    store_info,
    store_migrate,
    store_restore,
)
from oddqso.api.reviewing import Opened, review
from oddqso.api.running import STAGE_NAMES, Run, StageStatus, init, report, run, show, status, watched
from oddqso.api.simulating import demo, simulate
from oddqso.api.validating import entrap, gate
from oddqso.api.vetting import Audit, Batch, VetStatus, vet_answers, vet_export, vet_import, vet_status
from oddqso.validation.gate_params import GateParams

__all__ = [
    "STAGE_NAMES", "Audit", "Batch", "Delivery", "GateParams", "Laboratory", "Opened", "Run", "StageStatus",
    "StorePlace", "VetStatus", "add_reviewer", "deliver", "demo", "disable_reviewer", "entrap",
    "export_verdicts", "gate", "import_verdicts", "init", "inject", "list_reviewers", "list_tokens", "new_token",
    "pretrain", "read_selection", "report", "review",
    "revoke_token", "run", "set_password", "set_role", "show", "simulate", "status", "store_backup", "store_info",
    "store_migrate", "store_restore", "vet_answers", "vet_export", "vet_import", "vet_oracle", "vet_status",
    "watched",
]  # fmt: skip
