import numpy as np

from oddqso.significance.drift import drift


def test_false_alarms_are_as_rare_as_promised():
    rng = np.random.default_rng(0)
    assert sum(drift(rng.random(300)).alarm for _ in range(2000)) <= 8


def test_a_shift_is_noticed():
    rng = np.random.default_rng(1)
    assert drift(rng.random(1000) ** 1.3).alarm
    assert drift(rng.random(1000) ** 1.6, rng.random(1000)).alarm


def test_the_same_again_is_no_drift():
    p = np.random.default_rng(2).random(500)
    assert drift(p, p).p_value == 1


def test_without_spectra_there_is_no_alarm():
    assert not drift(np.zeros(0)).alarm
    assert not drift(np.array([np.nan]), np.zeros(0)).alarm
