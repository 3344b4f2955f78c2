import numpy as np
import pytest

from oddqso.significance.claim import claim
from oddqso.significance.params import SignificanceParams
from oddqso.significance.progress import progress
from oddqso.significance.standing import calibrated, standings

PARAMS = SignificanceParams()


def survey(seed=0, n=4000, n_odd=80):
    """Scores of tested and of calibration spectra; the first ``n_odd`` of each are odd, most of them clearly."""
    rng = np.random.default_rng(seed)
    return [np.r_[rng.normal(4.5, 1, n_odd), rng.normal(size=n)] for _ in range(2)]


def vetted(depth, n_odd=80, seed=0):
    """The groups after the oddest ``depth`` calibration spectra were looked at by people who do not err."""
    score, calibration = survey(seed, n_odd=n_odd)
    seen = np.zeros(len(calibration), bool)
    seen[np.argsort(-calibration)[:depth]] = True
    odd = seen & (np.arange(len(calibration)) < n_odd)
    names = np.full(len(score), "all")
    return standings(score, names, calibration, names, odd, seen)


def said(groups, false_alarm=0.0):
    n = sum(len(group.rows) for group in groups)
    return claim(groups, calibrated(groups, n, PARAMS)[1], PARAMS, false_alarm)


def test_nobody_has_looked():
    made = progress(vetted(0)[0], PARAMS)
    assert (made.depth, made.n_odd, made.odd_share, made.may_stop) == (0, 0, None, False)
    assert made.looks_to_stop >= 5


def test_the_deeper_the_fewer_are_left_and_then_one_may_stop():
    left = [progress(vetted(depth)[0], PARAMS) for depth in (10, 60, 100, 200)]
    assert [p.may_stop for p in left] == [False, False, True, True]
    assert left[0].n_ordinary <= 1
    assert left[-1].looks_to_stop == 0


def test_it_takes_five_ordinary_ones_to_stop():
    groups = vetted(4, n_odd=0)
    assert not progress(groups[0], PARAMS).may_stop
    assert progress(vetted(60, n_odd=0)[0], PARAMS).may_stop


def test_a_gap_in_what_was_seen_ends_the_depth():
    score, calibration = survey()
    seen = np.ones(len(calibration), bool)
    seen[np.argsort(-calibration)[7]] = False
    names = np.full(len(score), "all")
    assert progress(standings(score, names, calibration, names, seen=seen)[0], PARAMS).depth == 7


def test_all_seen_is_deep_enough():
    score, calibration = survey(n=20, n_odd=5)
    names, every = np.full(25, "all"), np.ones(25, bool)
    assert progress(standings(score, names, calibration, names, every, every)[0], PARAMS).may_stop


def test_without_labels_the_sentence_names_what_is_missing():
    made = said(vetted(0))
    assert "from which nobody has taken out the odd ones" in made.sentence
    assert "stand in the way" in made.sentence
    assert "deep enough" not in made.sentence


def test_with_labels_the_sentence_counts_looks_and_says_whether_to_go_on():
    early, late = said(vetted(20), 0.02), said(vetted(200), 0.02)
    assert "of the 20 that people looked at, 20 (at most 2.0% of ordinary ones" in early.sentence
    assert "in all it has gone 20 deep" in early.sentence.lower()
    assert "the vetting is deep enough (200 looks)" in late.sentence
    assert "nobody has taken out" not in late.sentence
    assert late.levels[-1].n_discoveries > early.levels[-1].n_discoveries


@pytest.mark.parametrize("seed", range(4))
def test_discoveries_grow_with_looks_that_find_odd_ones(seed):
    found = [said(vetted(depth, seed=seed)).levels[-1].n_discoveries for depth in (0, 40, 120)]
    assert found[0] <= found[1] <= found[2]
    assert found[2] > 30


def test_a_list_that_needs_more_looks_says_about_how_many():
    groups = vetted(30)
    made = said(groups)
    empty = [level for level in made.levels if not level.n_discoveries]
    assert empty
    for level in empty:
        assert level.looks is None or level.looks_likely is None or level.looks_likely >= level.looks
