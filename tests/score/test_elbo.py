from dataclasses import replace

import numpy as np

from oddqso.score.elbo import ElboScore
from oddqso.score.examples import make_evidence
from oddqso.score.params import ScoreParams


def test_it_is_the_cost_of_misfit_error_and_code():
    evidence = make_evidence(5, snr=3)
    variance = 1 / evidence.ivar + evidence.model_sigma**2
    each = (evidence.flux - evidence.model) ** 2 / variance - 1 + np.log(variance * evidence.ivar)
    expected = (evidence.kl + 0.5 * each.sum(axis=1)) / evidence.flux.shape[1]
    np.testing.assert_allclose(ElboScore(ScoreParams(chi_clip=1e6))(evidence), expected, rtol=1e-3, atol=1e-5)


def test_one_cosmic_ray_does_not_own_it():
    evidence = make_evidence(1)
    flux = evidence.flux.copy()
    flux[0, 100] = 1e6
    assert ElboScore()(replace(evidence, flux=flux))[0] - ElboScore()(evidence)[0] < 0.01


def test_a_longer_code_costs_more():
    evidence = make_evidence(3)
    assert (ElboScore()(replace(evidence, kl=evidence.kl + 50)) > ElboScore()(evidence)).all()


def test_without_a_pixel_it_is_unknown():
    evidence = make_evidence(1)
    assert np.isnan(ElboScore()(replace(evidence, ivar=0 * evidence.ivar))).all()
