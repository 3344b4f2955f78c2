"""All detectors on a batch of spectra."""

import numpy as np
import pyarrow as pa

from oddqso.score.evidence import Evidence
from oddqso.score.params import FitParams, ScoreParams
from oddqso.score.protocol import Arrays, Explains, Score
from oddqso.score.registry import scores_fitted


def compute_scores(evidence: Evidence, fitted: dict[str, Arrays], params: ScoreParams) -> pa.Table:
    """SCORE_<NAME> of every fitted detector, and what the filters saw.

    Parameters
    ----------
    evidence : Evidence
        The spectra.
    fitted : dict of str to dict of str to array
        What `fit_scores` gave.
    params : ScoreParams
        Settings of the residual detectors.

    Returns
    -------
    pa.Table
        TARGETID, SCORE_<NAME> float32 and PEAK_<NAME>_<...>, one row a spectrum in the order of ``evidence``;
        null where a row cannot be scored.

    Raises
    ------
    DataError
        If a detector was not fitted, or a fitted one is not installed.
    """
    columns = {"TARGETID": pa.array(evidence.target_id)}
    explained: dict[str, pa.Array] = {}
    scorable = evidence.scorable
    for score in make_scores(fitted, params):
        name = f"SCORE_{score.name}"
        arrays = score.columns(evidence) if isinstance(score, Explains) else {name: score(evidence)}
        null = ~(scorable & np.isfinite(arrays[name]))
        columns[name] = pa.array(arrays.pop(name), mask=null)
        explained |= {key: pa.array(array, mask=null) for key, array in arrays.items()}
    return pa.table(columns | explained)


def make_scores(fitted: dict[str, Arrays], params: ScoreParams) -> tuple[Score, ...]:
    """The detectors that were fitted, ready to be called: what they learned stands in the arrays."""
    return tuple(kind.make(FitParams(), params).from_arrays(fitted[kind.name]) for kind in scores_fitted(fitted))
