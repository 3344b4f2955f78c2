"""An oracle: a vetter who knows the truth of a simulated survey, and errs as often as wanted."""

import numpy as np
import pyarrow as pa

from oddqso.errors import DataError
from oddqso.simulation.injection import Kind
from oddqso.simulation.injections import INJECTIONS
from oddqso.simulation.truth import ORDINARY
from oddqso.vetting.verdicts import Answer, Verdict

_PIXELS = {injection.name for injection in INJECTIONS if injection.kind is Kind.PIXELS}
_WRONG = {"galaxy", "star", "wrong_redshift", "line_swap", "sky", "stuck"}


def answer_key(
    key: pa.Table,
    classes: dict[int, str | None],
    rng: np.random.Generator,
    *,
    miss: float = 0.0,
    false_alarm: float = 0.0,
    unsure: float = 0.0,
) -> list[Answer]:
    """Answers to a whole batch.

    Parameters
    ----------
    key : pa.Table
        The batch's key.
    classes : dict of int to str or None
        True class by TARGETID, "" for ordinary (`oddqso.simulation.truth.true_classes`).
    rng : Generator
        For the errors.
    miss, false_alarm : float
        Share of odd spectra that it calls ordinary, and of ordinary ones that it calls odd.
    unsure : float
        Share of all that it leaves undecided.

    Raises
    ------
    DataError
        If the truth of a spectrum is not known, or a rate is none.

    Examples
    --------
    >>> key = pa.table({"ITEM": ["001-AAAA", "001-BBBB"], "TARGETID": [1, 2], "KIND": ["calibration"] * 2,
    ...                 "CLASS": ["", ""]})
    >>> [a.verdict.value for a in answer_key(key, {1: "", 2: "star"}, np.random.default_rng(0))]
    ['ORDINARY', 'WRONG_REDSHIFT']
    """
    for name, rate in (("miss", miss), ("false_alarm", false_alarm), ("unsure", unsure)):
        if not 0 <= rate <= 1:
            raise DataError(f"{name} = {rate} is no rate between 0 and 1")
    answers = []
    for row in key.to_pylist():
        truth = row["CLASS"] if row["KIND"] == "planted" else classes.get(row["TARGETID"])
        if truth is None:
            raise DataError(f"the truth of TARGETID {row['TARGETID']} is not known; an oracle needs a simulated survey")
        errs = rng.random() < (false_alarm if truth == ORDINARY else miss)
        verdict = (Verdict.ANOMALY if errs else Verdict.ORDINARY) if truth == ORDINARY else _word(truth)
        if truth != ORDINARY and errs:
            verdict = Verdict.ORDINARY
        if rng.random() < unsure:
            verdict = Verdict.UNSURE
        answers.append(Answer(row["ITEM"], verdict))
    return answers


def _word(name: str) -> Verdict:
    if name in _WRONG:
        return Verdict.WRONG_REDSHIFT
    return Verdict.ARTIFACT if name in _PIXELS else Verdict.ANOMALY
