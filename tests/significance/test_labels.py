import sys
from pathlib import Path

import numpy as np
import pytest

from oddqso.errors import DataError
from oddqso.significance.assess import assess
from oddqso.significance.labels import Labels
from oddqso.significance.params import SignificanceParams

sys.path.insert(0, str(Path(__file__).parent))
from made_scores import make_table

PARAMS = SignificanceParams()


def of(table, split, n, odd):
    """Labels on the first spectra of a split, all odd or all ordinary."""
    rows = np.flatnonzero(table["SPLIT"].to_numpy(zero_copy_only=False) == split)[:n]
    return Labels(table["TARGETID"].to_numpy()[rows], np.full(len(rows), odd), 0.0)


def test_ordinary_verdicts_change_nothing():
    table = make_table()
    assert assess(table, PARAMS, of(table, "CALIBRATION", 40, False)).table.equals(assess(table, PARAMS).table)


def test_odd_verdicts_move_p_values_and_no_score():
    table = make_table()
    before, after = assess(table, PARAMS).table, assess(table, PARAMS, of(table, "CALIBRATION", 40, True)).table
    assert after["SCORE"].equals(before["SCORE"])
    assert after["RANK"].equals(before["RANK"])
    assert not after["P_VALUE"].equals(before["P_VALUE"])


@pytest.mark.parametrize(
    ("target_id", "message"), [([7, 7], "7 has 2 verdicts"), ([10**18], "1000000000000000000, no spectra of this run")]
)
def test_twice_or_unknown_is_refused(target_id, message):
    with pytest.raises(DataError, match=message):
        assess(make_table(), PARAMS, Labels(np.array(target_id), np.ones(len(target_id), bool), 0.0))


@pytest.mark.parametrize("split", ["TEST", "FIT"])
def test_a_verdict_outside_calibration_is_refused(split):
    table = make_table()
    with pytest.raises(DataError, match=f"of the split {split}; only CALIBRATION"):
        assess(table, PARAMS, of(table, split, 3, True))


@pytest.mark.parametrize("false_alarm", [-0.1, 1.0, float("nan")])
def test_a_rate_that_is_none_is_refused(false_alarm):
    with pytest.raises(DataError, match="rate of false alarms"):
        Labels(np.array([1]), np.array([True]), false_alarm)


def test_verdicts_and_spectra_come_in_pairs():
    with pytest.raises(DataError, match="verdicts on"):
        Labels(np.array([1, 2]), np.array([True]), 0.0)
