import json

import numpy as np
import pytest

from oddqso.significance.claim import claim
from oddqso.significance.params import SignificanceParams
from oddqso.significance.standing import calibrated, standings

PARAMS = SignificanceParams()


def make(score, calibration):
    score, calibration = np.asarray(score, float), np.asarray(calibration, float)
    group, held = np.full(len(score), "strict"), np.full(len(calibration), "strict")
    return judge(score, group, calibration, held)


def judge(score, group, calibration, held, odd=None, seen=None, false_alarm=0.0, params=PARAMS):
    groups = standings(score, group, calibration, held, odd, seen)
    return claim(groups, calibrated(groups, len(score), params)[1], params, false_alarm)


def test_a_clean_discovery_is_claimed():
    made = make(np.r_[np.arange(900), np.full(100, 1e6)], np.arange(999))
    assert [level.n_discoveries for level in made.levels] == [100, 100, 100]
    assert made.n_beyond == 100
    assert "Significant: 100 at FDR 1%, 100 at FDR 5% and 100 at FDR 10%." in made.sentence
    assert "needs at least" not in made.sentence


def test_an_impossible_list_says_what_it_would_take():
    made = make(np.r_[np.linspace(0, 98, 992), np.full(8, 1e6)], np.arange(99))
    level = made.levels[-1]
    assert (level.r_min, level.n_discoveries, level.calibration_needed) == (100, 0, 1250)
    assert "Significant: none at FDR 1%, none at FDR 5% and none at FDR 10%." in made.sentence
    assert "at least 100 objects, because no p-value can be below 1/100; 8 are odder" in made.sentence
    assert "With at least 1,250 held-out spectra, none of them as odd" in made.sentence


def test_odd_ones_held_out_are_named_as_what_stands_in_the_way():
    made = make(np.r_[np.arange(960), np.full(40, 1e6)], np.r_[np.arange(989), np.full(10, 2e6)])
    level = made.levels[-1]
    assert (level.n_discoveries, level.looks) == (0, 8)
    assert "8 oddest held-out spectra stand in the way" in made.sentence


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("n_group", [1, 2])
def test_what_looks_are_promised_to_give_they_give(seed, n_group):
    """Take out as many as it says, calibrate again, and so many are claimed; with one look fewer nothing is."""
    rng = np.random.default_rng(seed)
    group, held = rng.integers(0, n_group, 900).astype(str), rng.integers(0, n_group, 600).astype(str)
    score = np.r_[rng.normal(size=850), rng.normal(5, 1, 50)]
    calibration = np.r_[rng.normal(size=580), rng.normal(5, 1, 20)]
    order = np.argsort(-calibration, kind="stable")
    promised = 0
    for level in judge(score, group, calibration, held).levels:
        if level.looks is None:
            continue
        promised += 1
        for looks, expected in ((level.looks, level.n_claimable), (level.looks - 1, 0)):
            odd = np.zeros(600, bool)
            odd[order[:looks]] = True
            again = judge(score, group, calibration, held, odd, odd)
            assert next(v.n_discoveries for v in again.levels if v.alpha == level.alpha) == expected
    assert promised


def test_nothing_tested_and_nothing_held_out_claim_nothing():
    assert "nothing is claimed" in make([], [1, 2]).sentence
    assert "give the CALIBRATION split a share" in make([1, 2], []).sentence


def test_the_floor_is_that_of_the_largest_group_that_is_tested():
    score, group = np.arange(100.0), np.array(["a"] * 50 + ["b"] * 50)
    calibration, held = np.arange(60.0), np.array(["a"] * 9 + ["b"] * 49 + ["c"] * 2)
    made = judge(score, group, calibration, held)
    assert [(g.name, g.n_test, g.n_calibration) for g in made.groups] == [("a", 50, 9), ("b", 50, 49), ("c", 0, 2)]
    assert made.levels[-1].r_min == 20


def test_it_can_be_written_as_json():
    made = make(np.arange(10), np.arange(10)).as_dict()
    assert json.loads(json.dumps(made)) == json.loads(json.dumps(made))
    assert {
        "sentence",
        "n_test",
        "n_calibration",
        "n_beyond",
        "levels",
        "groups",
        "n_looked",
        "n_taken_out",
        "false_alarm",
        "progress",
    } == made.keys()
