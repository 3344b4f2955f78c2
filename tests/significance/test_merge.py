import numpy as np
import pytest

from oddqso.significance.merge import cauchy_merge
from oddqso.significance.params import SignificanceParams

PARAMS = SignificanceParams()


def test_one_detector_is_itself():
    p = np.array([[0.9], [0.3], [1e-3], [1e-10]])
    np.testing.assert_allclose(cauchy_merge(p, PARAMS), -np.log10(p[:, 0]), rtol=1e-9)


def test_equal_answers_are_kept():
    assert cauchy_merge(np.full((1, 5), 1e-4), PARAMS)[0] == pytest.approx(4)


def test_one_strong_answer_outlives_many_that_see_nothing():
    p = np.array([[1e-8, 1.0, 1.0, 0.97, 0.8]])
    assert cauchy_merge(p, PARAMS)[0] > 7


def test_sharper_is_never_less_odd():
    p = np.tile([0.3, 0.6, 0.1], (50, 1))
    p[:, 1] = np.geomspace(0.9, 1e-11, 50)
    assert (np.diff(cauchy_merge(p, PARAMS)) > 0).all()


def test_a_missing_detector_does_not_count():
    p = np.array([[1e-5, np.nan, 0.4], [1e-5, 0.4, np.nan], [np.nan, np.nan, np.nan]])
    merged = cauchy_merge(p, PARAMS)
    assert merged[0] == merged[1]
    assert np.isnan(merged[2])


def test_independent_answers_give_back_their_probability():
    p = np.random.default_rng(0).uniform(size=(200_000, 5))
    merged = 10 ** -cauchy_merge(p, PARAMS)
    assert (merged < 1e-3).mean() == pytest.approx(1e-3, rel=0.3)


def test_the_floor_keeps_everything_finite():
    assert np.isfinite(cauchy_merge(np.array([[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]]), PARAMS)).all()
