import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from oddqso.errors import StageError
from oddqso.score.examples import make_evidence
from oddqso.score.gmm import GmmScore, fit_mixture
from oddqso.score.params import FitParams

PARAMS = FitParams(gmm_min_weight=0.0)


def two_clouds(n=600, seed=0):
    rng = np.random.default_rng(seed)
    tilt = np.array([[1.0, 0.6], [0.0, 0.5]])
    return np.concatenate([rng.normal(size=(n, 2)) @ tilt, rng.normal(size=(n // 2, 2)) + [6, 0]]).astype(np.float32)


def test_it_is_scikit_learns_density_with_the_other_sign():
    x = two_clouds()
    reference = GaussianMixture(2, reg_covar=PARAMS.gmm_regularization, random_state=3, max_iter=200).fit(
        x.astype(float)
    )
    ours = fit_mixture(x, FitParams(gmm_components=(2,), gmm_min_weight=0.0), 3)(x)
    np.testing.assert_allclose(ours, -reference.score_samples(x.astype(float)), rtol=1e-6, atol=1e-6)


def test_it_is_a_density():
    mixture = fit_mixture(two_clouds(), PARAMS, 0)
    axis = np.linspace(-12, 16, 281)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2).astype(np.float32)
    assert np.exp(-mixture(grid)).sum() * 0.1**2 == pytest.approx(1, rel=1e-3)


def test_the_criterion_finds_two_clouds():
    assert len(fit_mixture(two_clouds(), PARAMS, 0).mean) == 2


def test_a_handful_of_odd_ones_is_no_population():
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.normal(size=(2000, 2)), rng.normal([15, 15], 0.05, size=(12, 2))]).astype(np.float32)
    tolerant, strict = fit_mixture(x, PARAMS, 0)(x), fit_mixture(x, FitParams(), 0)(x)
    assert strict[-12:].min() > np.quantile(strict[:-12], 0.999)
    assert tolerant[-12:].max() < np.quantile(tolerant[:-12], 0.999)


def test_few_spectra_get_one_gaussian():
    assert len(fit_mixture(np.random.default_rng(0).normal(size=(4, 3)), PARAMS, 0).mean) == 1


def test_unfitted_it_says_so():
    with pytest.raises(StageError, match="not fitted"):
        GmmScore()(make_evidence(1))
