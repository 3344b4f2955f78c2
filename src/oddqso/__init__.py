"""Find strange quasars in DESI spectra.

The verbs of the command line, for notebooks:

>>> import oddqso
>>> found = oddqso.run("desi/", "runs/first", workers=4)  # doctest: +SKIP
>>> found.catalog()  # doctest: +SKIP
"""

__version__ = "0.1.0"

from oddqso.api import (
    STAGE_NAMES,
    Delivery,
    GateParams,
    Laboratory,
    Run,
    StageStatus,
    deliver,
    demo,
    entrap,
    gate,
    init,
    inject,
    pretrain,
    read_selection,
    report,
    review,
    run,
    show,
    simulate,
    status,
    vet_answers,
    vet_export,
    vet_import,
    vet_oracle,
    vet_status,
)  # fmt: skip

__all__ = [
    "STAGE_NAMES", "Delivery", "GateParams", "Laboratory", "Run", "StageStatus", "__version__",
    "deliver", "demo", "entrap", "gate", "init",
    "inject", "pretrain", "read_selection", "report", "review", "run", "show", "simulate", "status",
    "vet_answers", "vet_export", "vet_import", "vet_oracle", "vet_status",
]  # fmt: skip
