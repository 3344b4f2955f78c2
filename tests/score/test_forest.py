import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from oddqso.errors import StageError
from oddqso.score.examples import make_evidence
from oddqso.score.forest import ForestScore, fit_forest
from oddqso.score.params import FitParams


@pytest.mark.parametrize("n_spec", [2, 3, 100, 1000])
def test_it_is_scikit_learns_score_with_the_other_sign(n_spec):
    rng = np.random.default_rng(n_spec)
    x, others = rng.normal(size=(n_spec, 7)).astype(np.float32), rng.normal(0, 2, (300, 7)).astype(np.float32)
    params = FitParams(forest_trees=40)
    reference = IsolationForest(n_estimators=40, max_samples=min(256, n_spec), random_state=11).fit(x)
    ours = fit_forest(x, params, 11)
    np.testing.assert_allclose(ours(others), -reference.score_samples(others), rtol=1e-9)
    np.testing.assert_allclose(ours(x), -reference.score_samples(x), rtol=1e-9)


def test_far_is_odder_than_near():
    rng = np.random.default_rng(0)
    forest = fit_forest(rng.normal(size=(2000, 4)), FitParams(), 0)
    scores = forest(np.float32([[0, 0, 0, 0], [2, 2, 2, 2], [5, 5, 5, 5]]))
    assert (np.diff(scores) > 0.05).all()


def test_blocks_do_not_show():
    rng = np.random.default_rng(0)
    forest = fit_forest(rng.normal(size=(300, 3)), FitParams(forest_trees=10), 0)
    x = rng.normal(size=(1300, 3)).astype(np.float32)
    np.testing.assert_array_equal(forest(x), np.concatenate([forest(x[:700]), forest(x[700:])]))


def test_threads_do_not_show():
    rng = np.random.default_rng(0)
    forest = fit_forest(rng.normal(size=(300, 3)), FitParams(forest_trees=10), 0)
    x = rng.normal(size=(1001, 3)).astype(np.float32)
    for n_thread in (2, 3):
        np.testing.assert_array_equal(forest(x, n_thread), forest(x))
    assert forest(x[:1], 2).shape == (1,)


def test_unfitted_it_says_so():
    with pytest.raises(StageError, match="not fitted"):
        ForestScore()(make_evidence(1))
