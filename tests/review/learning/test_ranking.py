"""The screen, and the order of what is offered."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oddqso.review.learning.params import LearningParams
from oddqso.review.learning.ranking import offer, screen


@given(st.integers(0, 60), st.sampled_from([0.0, 0.1, 0.25, 0.5]), st.integers(0, 9))
def test_every_object_is_offered_once(n, share, seed):
    rng = np.random.default_rng(seed)
    order = offer(rng.normal(size=n), rng.random(n), share)
    assert sorted(order.tolist()) == list(range(n))


def test_exploring_takes_nothing_from_its_place_in_the_ranking():
    merit = np.arange(100, 0, -1).astype(float)
    sigma = merit.copy()  # what promises most is also known least: it must not wait for its turn as unknown
    np.testing.assert_array_equal(offer(merit, sigma, 0.1), np.arange(100))


def test_every_tenth_place_goes_to_what_is_known_least():
    sigma = np.zeros(100)
    sigma[[70, 80, 90]] = [1, 3, 2]
    order = offer(-np.arange(100.0), sigma, 0.1)
    assert order[[9, 19, 29]].tolist() == [80, 90, 70]


def test_the_screen_is_the_top_of_the_plain_ranking():
    score = np.random.default_rng(1).normal(size=5000).astype(np.float32)
    score[::7] = np.nan
    top = screen(score, LearningParams(screen_rows=100))
    expected = np.argsort(np.where(np.isnan(score), np.inf, -score), kind="stable")[:100]
    np.testing.assert_array_equal(top, expected)


@pytest.mark.parametrize(("n", "expected"), [(0, 0), (50, 50), (1000, 100), (50_000, 500)])
def test_the_screen_has_a_least_size_and_a_share(n, expected):
    assert len(screen(np.ones(n), LearningParams(screen_rows=100))) == expected
