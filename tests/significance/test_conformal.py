import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from oddqso.significance.conformal import conformal_p, grouped_conformal_p, q_values, r_min

SMALL = st.lists(st.integers(0, 6), max_size=30).map(lambda values: np.array(values, float))


@given(SMALL, SMALL)
def test_p_is_the_counted_share(score, calibration):
    expected = [(1 + sum(c >= s for c in calibration)) / (len(calibration) + 1) for s in score]
    np.testing.assert_allclose(conformal_p(score, calibration), expected)


def test_ties_count_against_the_discovery():
    assert conformal_p(np.array([5.0]), np.full(9, 5.0)).tolist() == [1.0]


def test_without_calibration_nothing_is_odd():
    assert conformal_p(np.array([1e9]), np.array([])).tolist() == [1.0]


def test_the_floor_is_one_over_n_plus_one():
    assert conformal_p(np.array([np.inf, 1e9]), np.arange(99.0)).tolist() == [0.01, 0.01]


def test_groups_do_not_see_each_other():
    score, group = np.array([5.0, 5.0, 5.0]), np.array(["a", "b", "c"])
    p = grouped_conformal_p(score, group, np.array([1.0, 9.0, 9.0]), np.array(["a", "b", "b"]))
    assert p.tolist() == [0.5, 1.0, 1.0]  # c has no calibration


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=60).map(np.array))
def test_q_is_benjamini_hochberg(p):
    np.testing.assert_allclose(q_values(p), false_discovery_control(p), rtol=1e-12)


def test_q_of_nothing_is_nothing():
    assert q_values(np.array([])).shape == (0,)


def test_q_does_not_depend_on_order():
    rng = np.random.default_rng(0)
    p = rng.choice([0.001, 0.01, 0.2, 0.9], 50)
    order = rng.permutation(50)
    np.testing.assert_array_equal(q_values(p[order]), q_values(p)[order])


@pytest.mark.parametrize(("m", "n", "alpha"), [(1000, 99, 0.1), (1000, 400, 0.05), (30, 500, 0.01)])
def test_r_min_is_where_the_first_list_appears(m, n, alpha):
    fewest = r_min(m, n, alpha)
    for found, passes in [(fewest, True), (fewest - 1, False)]:
        if 0 < found <= m:
            p = np.ones(m)
            p[:found] = 1 / (n + 1)
            assert ((q_values(p) <= alpha + 1e-12).sum() > 0) == passes
