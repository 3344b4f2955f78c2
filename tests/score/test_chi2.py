from dataclasses import replace

import numpy as np
import pytest

from oddqso.score.chi2 import Chi2Score
from oddqso.score.examples import make_evidence
from oddqso.score.params import ScoreParams


def test_it_is_zero_for_a_spectrum_explained_within_its_errors():
    scores = Chi2Score()(make_evidence(50, model_error=0.0))
    assert abs(scores.mean()) < 4 * np.sqrt(2 / 7781 / 50)
    assert scores.std() == pytest.approx(np.sqrt(2 / 7781), rel=0.3)


def test_it_is_the_mean_squared_whitened_residual():
    evidence = make_evidence(3, snr=4)
    s2 = 1 / evidence.ivar + evidence.model_sigma**2
    expected = ((evidence.flux - evidence.model) ** 2 / s2).mean(axis=1) - 1
    np.testing.assert_allclose(Chi2Score(ScoreParams(chi_clip=100))(evidence), expected, rtol=1e-3, atol=1e-5)


def test_one_pixel_cannot_own_it():
    evidence = make_evidence(2, model_error=0.0)
    flux = evidence.flux.copy()
    flux[0, 4000] += 1000 / np.sqrt(evidence.ivar[0, 4000])
    gain = Chi2Score()(replace(evidence, flux=flux)) - Chi2Score()(evidence)
    assert 0 < gain[0] <= 100 / 7781 + 1e-6
    assert gain[1] == 0


def test_pixels_without_ivar_do_not_count():
    evidence = make_evidence(1)
    ivar, flux = evidence.ivar.copy(), evidence.flux.copy()
    ivar[:, ::2] = 0
    flux[:, ::2] = np.nan
    half = Chi2Score()(replace(evidence, ivar=ivar, flux=flux))
    assert np.isfinite(half).all()
    assert np.isnan(Chi2Score()(replace(evidence, ivar=0 * ivar))).all()
