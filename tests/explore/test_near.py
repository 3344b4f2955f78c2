"""Neighbors against brute force."""

import numpy as np
import pytest

from oddqso.explore.near import Neighborhood


@pytest.mark.parametrize("seed", range(5))
def test_neighbors_are_those_of_brute_force(seed):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(0, [1, 5, 0.2, 30], (500, 4)).astype(np.float32)
    vector = vectors[seed] + np.float32(0.01)
    distance = np.sqrt(((vectors.astype(np.float64) - vector.astype(np.float64)) ** 2).sum(axis=1))
    places, found = Neighborhood.of(vectors).query(vector, 7)
    np.testing.assert_array_equal(places, np.argsort(distance, kind="stable")[:7])
    np.testing.assert_allclose(found, np.sort(distance)[:7], rtol=1e-12)


def test_near_twins_far_from_the_middle_are_told_apart():
    vectors = np.array([[1000, 0], [1000.01, 0], [999.9, 0], *np.zeros((100, 2))], np.float32)
    places, _ = Neighborhood.of(vectors).query(np.array([1000.008, 0], np.float32), 2)
    assert places.tolist() == [1, 0]


def test_the_same_place_twice_is_in_order_of_place():
    vectors = np.zeros((10, 3), np.float32)
    assert Neighborhood.of(vectors).query(vectors[0], 4)[0].tolist() == [0, 1, 2, 3]


def test_there_may_be_fewer_than_asked_for():
    vectors = np.eye(3, dtype=np.float32)
    assert len(Neighborhood.of(vectors).query(vectors[0], 9)[0]) == 3
    assert len(Neighborhood.of(vectors[:0]).query(vectors[0], 9)[0]) == 0
