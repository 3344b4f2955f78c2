from dataclasses import replace

import numpy as np
import pytest

from oddqso.errors import StageError
from oddqso.score.examples import make_evidence, make_training
from oddqso.score.knn import KnnScore
from oddqso.score.params import FitParams, ScoreParams
from oddqso.score.protocol import Training
from oddqso.testing import make_embedding


def fitted(n_spec=300, **settings):
    params = FitParams(**settings)
    return KnnScore.make(params, ScoreParams()).fit(make_training(n_spec, seed=1), np.random.default_rng(0))


def latents_of(n_spec, seed=2):
    embedding = make_embedding(n_spec, seed=seed)
    return replace(make_evidence(n_spec), latent=embedding.latent, latent_sigma=embedding.latent_sigma)


def test_it_is_the_mean_distance_to_the_nearest():
    score, evidence = fitted(knn_neighbors=5), latents_of(40)
    x, reference = score.units(evidence.latent), score.reference.T
    distance = np.sort(np.linalg.norm(x[:, None] - reference[None], axis=-1), axis=1)
    np.testing.assert_allclose(score(evidence), distance[:, :5].mean(axis=1), rtol=1e-5)


def test_scikit_learn_says_the_same():
    from sklearn.neighbors import NearestNeighbors

    score, evidence = fitted(), latents_of(30)
    nearest = NearestNeighbors(n_neighbors=16).fit(score.reference.T)
    distance, _ = nearest.kneighbors(score.units(evidence.latent))
    np.testing.assert_allclose(score(evidence), distance.mean(axis=1), rtol=1e-5)


def test_a_spectrum_is_not_its_own_neighbor():
    score = fitted(60, knn_neighbors=1)
    teaching = make_embedding(60, seed=1)
    evidence = replace(make_evidence(60), latent=teaching.latent, latent_sigma=teaching.latent_sigma)
    assert (score(evidence) > 0).all()


def test_the_reference_is_bounded():
    assert fitted(300, knn_reference=50).reference.shape[1] == 50


def test_with_fewer_spectra_than_neighbors_all_are_neighbors():
    assert np.isfinite(fitted(4, knn_neighbors=16)(latents_of(3))).all()


def test_where_all_are_alike_nobody_is_far():
    same = make_embedding(10)
    same = replace(same, latent=np.repeat(same.latent[:1], 10, axis=0))
    score = KnnScore().fit(Training(same), np.random.default_rng(0))
    evidence = replace(make_evidence(10), latent=same.latent, latent_sigma=same.latent_sigma)
    assert score(evidence).tolist() == [0] * 10


def test_unfitted_it_says_so():
    with pytest.raises(StageError, match="not fitted"):
        KnnScore()(make_evidence(1))
