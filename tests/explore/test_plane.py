"""The plane against brute force."""

import numpy as np
import pytest

from oddqso.errors import DataError
from oddqso.explore.plane import MAX_VERTICES, Extent, Plane


@pytest.fixture(scope="module")
def plane() -> Plane:
    rng = np.random.default_rng(0)
    crowds = [rng.normal(size=(6000, 2)), rng.normal((4, 3), 0.05, (3000, 2)), rng.uniform(-8, 8, (500, 2))]
    xy = np.concatenate(crowds).astype(np.float32)
    xy[::97] = np.round(xy[::97])  # some stand exactly on round places
    return Plane.of(xy)


def by_brute_force(corners, xy):
    x, y = xy.astype(np.float64).T
    inside = np.zeros(len(xy), bool)
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        crossed = (a[1] > y) != (b[1] > y)
        if crossed.any():
            at = a[0] + (y[crossed] - a[1]) * (b[0] - a[0]) / (b[1] - a[1])
            inside[crossed] ^= x[crossed] < at
    return np.flatnonzero(inside)


def polygons():
    rng = np.random.default_rng(1)
    angle = np.linspace(0, 2 * np.pi, 300, endpoint=False)
    yield "circle", np.stack([2 * np.cos(angle), 2 * np.sin(angle)], axis=1)
    yield (
        "star",
        np.stack([(3 + 2 * np.sin(9 * angle)) * np.cos(angle), (3 + 2 * np.sin(9 * angle)) * np.sin(angle)], 1),
    )
    yield "thin", np.array([(-9.0, -9.0), (9.0, 9.0), (9.0, 9.01)])
    yield "tiny", np.array([(0.0, 0.0), (1e-3, 0.0), (0.0, 1e-3)])
    yield "around all", np.array([(-99.0, -99.0), (99.0, -99.0), (99.0, 99.0), (-99.0, 99.0)])
    yield "far away", np.array([(50.0, 50.0), (60.0, 50.0), (60.0, 60.0)])
    yield "on round places", np.array([(-1.0, -1.0), (2.0, -1.0), (2.0, 1.0), (-1.0, 1.0)])
    yield "without area", np.array([(0.0, 0.0), (1.0, 1.0), (0.0, 0.0)])
    for i in range(20):
        yield f"crossing itself {i}", rng.normal(0, 4, (rng.integers(3, 40), 2))


@pytest.mark.parametrize(
    ("name", "corners"), list(polygons()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_inside_is_what_brute_force_finds(plane, name, corners):
    np.testing.assert_array_equal(plane.inside(corners), by_brute_force(corners, plane.xy))


def test_where_a_polygon_begins_and_which_way_it_turns_does_not_matter(plane):
    corners = np.random.default_rng(3).normal(0, 3, (12, 2))
    found = plane.inside(corners)
    np.testing.assert_array_equal(plane.inside(np.roll(corners, 5, axis=0)), found)
    np.testing.assert_array_equal(plane.inside(corners[::-1]), found)


@pytest.mark.parametrize(
    "view", [Extent(-1, 1, -1, 1), Extent(3.9, 4.1, 2.9, 3.1), Extent(-50, 50, -50, 50), Extent(20, 30, 0, 1)]
)
def test_a_view_holds_what_lies_in_it_and_counts_it_once(plane, view):
    x, y = plane.xy.T
    inside = np.flatnonzero((x >= view.x0) & (x <= view.x1) & (y >= view.y0) & (y <= view.y1))
    np.testing.assert_array_equal(plane.within(view), inside)
    for shape in ((1, 1), (7, 3), (64, 48)):
        counts = plane.count(view, *shape)
        assert counts.shape == shape[::-1]
        assert counts.sum() == len(inside)


def test_counts_add_up_when_cells_are_joined(plane):
    fine, coarse = plane.count(plane.extent, 64, 32), plane.count(plane.extent, 32, 16)
    np.testing.assert_array_equal(fine.reshape(16, 2, 32, 2).sum(axis=(1, 3)), coarse)


def test_a_plane_may_be_empty_or_one_place():
    corners = np.array([(-1.0, -1.0), (9.0, -1.0), (9.0, 9.0), (-1.0, 9.0)])
    assert Plane.of(np.empty((0, 2), np.float32)).inside(corners).tolist() == []
    same = Plane.of(np.full((5, 2), 3, np.float32))
    assert same.inside(corners).tolist() == [0, 1, 2, 3, 4]
    assert same.count(same.extent, 4, 4).sum() == 5


def test_a_point_that_is_not_finite_is_refused():
    with pytest.raises(DataError, match="not finite"):
        Plane.of(np.array([[0, np.nan]], np.float32))


@pytest.mark.parametrize(
    ("corners", "words"),
    [
        ([(0, 0), (1, 1)], "3 to"),
        (np.zeros((MAX_VERTICES + 1, 2)), "3 to"),
        ([(0, 0), (1, 1), (np.inf, 0)], "finite"),
        ([(0, 0), (1, 1), (1e300, 0)], "too large"),
        ([(0, 0, 0)] * 4, "corners"),
        ("abc", "corners"),
        ([[1, 2], [3], [4, 5]], "corners"),
    ],
)
def test_what_is_no_polygon_is_refused(plane, corners, words):
    with pytest.raises(DataError, match=words):
        plane.inside(corners)
