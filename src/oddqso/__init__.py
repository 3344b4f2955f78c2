"""Find strange quasars in DESI spectra.

The verbs of the command line, for notebooks:

>>> import oddqso
>>> found = oddqso.run("desi/", "runs/first", workers=4)  # doctest: +SKIP
>>> found.catalog()  # doctest: +SKIP
"""

__version__ = "0.1.0"

from oddqso.api import STAGE_NAMES, Run, StageStatus, demo, init, report, run, show, simulate, status

__all__ = [
    "STAGE_NAMES", "Run", "StageStatus", "__version__", "demo", "init", "report", "run", "show", "simulate", "status",
]  # fmt: skip
