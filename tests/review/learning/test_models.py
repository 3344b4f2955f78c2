"""What every way of learning promises."""

import sys

import numpy as np
import pytest

from oddqso.errors import ConfigError
from oddqso.review.learning.judging import judge, judge_rest
from oddqso.review.learning.model import make_model
from oddqso.review.learning.params import LearningParams

METHODS = ("gaussian", "forest", "aad", "pine")
ROWS = np.arange(0, 3000, 25)  # 120 labels


@pytest.fixture(params=METHODS)
def params(request):
    return LearningParams(method=request.param, screen_rows=500)


@pytest.fixture
def pool(world):
    return world.features.rows(np.arange(0, 3000, 6))


def _fit(world, params, pool, rows=ROWS, seed=1):
    rows = np.union1d(rows, np.flatnonzero(world.interesting)[::5])
    model = make_model(params, len(rows), world.features.names)
    return model.fit(pool, world.features.rows(rows), world.labels(rows), np.random.default_rng(seed))


def test_interesting_objects_are_predicted_above_others(world, params, pool):
    interest, sigma = _fit(world, params, pool)(world.features.rows(slice(None)))
    assert np.median(interest[world.interesting]) > np.quantile(interest[~world.interesting], 0.95)
    assert np.isfinite(sigma).all()
    assert (sigma >= 0).all()


def test_the_same_labels_and_seed_give_the_same_predictions(world, params, pool):
    x = world.features.rows(slice(0, 50))
    once, again = (_fit(world, params, pool)(x) for _ in range(2))
    np.testing.assert_array_equal(once[0], again[0])
    np.testing.assert_array_equal(once[1], again[1])


def test_a_row_depends_on_neither_order_nor_company(world, params, pool):
    fitted, x = _fit(world, params, pool), world.features.rows(slice(0, 60))
    order = np.random.default_rng(2).permutation(60)
    np.testing.assert_allclose(fitted(x[order])[0], fitted(x)[0][order], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(fitted(x[:5])[0], fitted(x)[0][:5], rtol=1e-5, atol=1e-5)


def test_unknown_features_are_taken(world, params, pool):
    x = world.features.rows(slice(0, 20)).copy()
    x[:, 3] = np.nan
    assert np.isfinite(_fit(world, params, pool)(x)[0]).all()


def test_one_kind_of_label_alone_is_taken(world, params, pool):
    rows = np.flatnonzero(~world.interesting)[:30]
    model = make_model(params, len(rows), world.features.names)
    fitted = model.fit(pool, world.features.rows(rows), np.zeros(30), np.random.default_rng(1))
    assert np.isfinite(fitted(pool)[0]).all()


@pytest.mark.parametrize("method", METHODS)
def test_without_labels_odder_comes_first(world, method):
    none = np.zeros(0, np.intp)
    found = judge(world.features, world.score, none, np.zeros(0), LearningParams(method=method, screen_rows=300))
    np.testing.assert_array_equal(found.order[:300], np.argsort(-world.score)[:300])


def test_the_process_knows_least_far_from_its_labels(world, pool):
    fitted = _fit(world, LearningParams(method="gaussian"), pool, rows=np.flatnonzero(world.interesting)[:20])
    known, unknown = np.flatnonzero(world.interesting)[:20], np.flatnonzero(~world.interesting)[:500]
    assert fitted(world.features.rows(known))[1].mean() < fitted(world.features.rows(unknown))[1].mean()


def test_the_uncertainty_of_the_process_covers(world, pool):
    rows = np.sort(np.random.default_rng(3).permutation(3000)[:400])
    fitted = _fit(world, LearningParams(method="gaussian"), pool, rows=rows)
    rest = np.setdiff1d(np.arange(3000), rows)
    interest, sigma = fitted(world.features.rows(rest))
    assert 0.6 < np.mean(np.abs(interest - world.labels(rest)) < sigma) <= 1


def test_from_a_hundred_labels_a_forest(world):
    names = [make_model(LearningParams(), n, world.features.names).name for n in (5, 99, 100)]
    assert names == ["Gaussian process", "Gaussian process", "forest of random trees"]


def test_without_coniferest_it_says_what_to_install(world, pool, monkeypatch):
    monkeypatch.setitem(sys.modules, "coniferest.aadforest", None)
    with pytest.raises(ConfigError, match=r"oddqso\[coniferest\]"):
        _fit(world, LearningParams(method="aad"), pool)


def test_the_rest_changes_nothing_of_the_screen(world):
    params, rows = LearningParams(screen_rows=400), ROWS[:60]
    first = judge(world.features, world.score, rows, world.labels(rows), params)
    whole = judge_rest(first, world.features, world.score, params)
    screened = np.isfinite(first.interest)
    np.testing.assert_array_equal(whole.interest[screened], first.interest[screened])
    np.testing.assert_array_equal(whole.order[: len(first.order)], first.order)
    assert np.isfinite(whole.interest).all()
    assert sorted([*whole.order.tolist(), *rows.tolist()]) == list(range(3000))
    assert not np.isin(rows, whole.order).any()
    promise = whole.promise()
    assert np.isnan(promise[rows]).all()
    assert np.argsort(-np.nan_to_num(promise), kind="stable")[0] == whole.order[0]


def test_looks_find_more_than_the_plain_ranking(world):
    params, order, seen = LearningParams(screen_rows=1000), np.argsort(-world.score), []
    plain = int(world.interesting[order[:60]].sum())
    for _ in range(6):
        seen += order[:10].tolist()
        rows = np.sort(seen)
        order = judge(world.features, world.score, rows, world.labels(rows), params).order
    assert world.interesting[seen].sum() >= plain + 10
