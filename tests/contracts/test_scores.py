"""What every detector promises; a detector of another package passes the same tests by joining KINDS."""

from dataclasses import replace

import numpy as np
import pytest

from oddqso.score.examples import make_evidence, make_training, plant
from oddqso.score.params import FitParams, ScoreParams
from oddqso.score.protocol import Explains
from oddqso.score.registry import SCORES, plugin_scores

KINDS = SCORES + plugin_scores()
FIT = FitParams(forest_trees=50)


def fitted(kind, seed=5):
    return kind.make(FIT, ScoreParams()).fit(make_training(400, seed=9), np.random.default_rng(seed))


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request):
    return request.param


@pytest.fixture
def score(kind):
    return fitted(kind)


def test_it_gives_one_float32_a_row(score):
    scores = score(make_evidence(7))
    assert scores.shape == (7,)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()


def test_higher_is_odder(score):
    evidence = make_evidence(40, seed=1)
    z = np.where(np.arange(40) == 3, 0.9 * (1 + evidence.z) - 1, evidence.z)  # a wrong redshift
    line = 1908.7 * (1 + z[3])  # and a line that is far too strong, and too narrow for one
    odd = plant(replace(evidence, z=z), 3, wave_angstrom=line, sigma_angstrom=40, height=4.0, latent=6.0)
    scores = score(odd)
    assert scores[3] > np.delete(scores, 3).max()
    np.testing.assert_array_equal(np.delete(scores, 3), np.delete(score(evidence), 3))


def test_a_row_alone_scores_as_in_company(score):
    evidence = make_evidence(30, seed=2)
    together = score(evidence)
    np.testing.assert_array_equal(np.concatenate([score(evidence[i : i + 1]) for i in range(30)]), together)
    np.testing.assert_array_equal(score(evidence[:5]), together[:5])


def test_order_does_not_matter(score):
    evidence, order = make_evidence(30, seed=3), np.random.default_rng(4).permutation(30)
    np.testing.assert_array_equal(score(evidence[order]), score(evidence)[order])


def test_it_is_not_constant(score):
    assert len(np.unique(score(make_evidence(30, seed=4)))) > 5


def test_stored_and_restored_it_gives_the_same(kind, score, tmp_path):
    np.savez(tmp_path / "score.npz", allow_pickle=False, **score.to_arrays())
    with np.load(tmp_path / "score.npz", allow_pickle=False) as stored:
        again = kind.make(FIT, ScoreParams()).from_arrays(dict(stored))
    np.testing.assert_array_equal(again(make_evidence(20)), score(make_evidence(20)))


def test_the_same_seed_gives_the_same_detector(kind, score):
    np.testing.assert_array_equal(fitted(kind)(make_evidence(20)), score(make_evidence(20)))


def test_fitting_leaves_the_unfitted_one_alone(kind):
    unfitted = kind.make(FIT, ScoreParams())
    before = unfitted.to_arrays().keys()
    unfitted.fit(make_training(100), np.random.default_rng(0))
    assert unfitted.to_arrays().keys() == before


def test_no_row_is_no_score(score):
    assert score(make_evidence(3)[:0]).shape == (0,)


def test_an_explanation_begins_with_the_same_score(score):
    if isinstance(score, Explains):
        columns = score.columns(make_evidence(6))
        assert next(iter(columns)) == f"SCORE_{score.name}"
        np.testing.assert_array_equal(columns[f"SCORE_{score.name}"], score(make_evidence(6)))
        assert all(len(column) == 6 for column in columns.values())


def test_names_are_unlike_and_in_capitals():
    names = [kind.name for kind in KINDS]
    assert len(set(names)) == len(names)
    assert all(name == name.upper() for name in names)
