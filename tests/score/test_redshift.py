from dataclasses import replace

import numpy as np
import pytest

from oddqso.errors import DataError, StageError
from oddqso.score.examples import make_evidence, make_training
from oddqso.score.params import FitParams, ScoreParams
from oddqso.score.protocol import Training
from oddqso.score.redshift import RedshiftScore
from oddqso.spectra.lines import LINES
from oddqso.testing import make_embedding

LIGHT_KMS = 299_792.458
SWAPS = {"MgII-CIII": 2798.75 / 1908.73, "CIII-CIV": 1908.73 / 1549.06, "Hbeta-MgII": 4862.68 / 2798.75}


@pytest.fixture(scope="module")
def score():
    unfitted = RedshiftScore.make(FitParams(), ScoreParams())
    return unfitted.fit(make_training(), np.random.default_rng(0))


def off_kms(z, z_true):
    return np.abs(np.log1p(z) - np.log1p(z_true)) * LIGHT_KMS


def filed_under(evidence, ratio):
    return replace(evidence, z=(1 + evidence.z) * ratio - 1)


def arm(wave, name):
    low, high = {"B": (3600, 5800), "R": (5760, 7620), "Z": (7520, 9824)}[name]
    return (wave >= low) & (wave <= high)


def test_at_the_true_redshift_no_other_is_better(score):
    assert (score(make_evidence(40, seed=1)) < 0).all()


@pytest.mark.parametrize("ratio", [r**s for r in SWAPS.values() for s in (-1, 1)] + [1.02, 0.98, 1.1, 0.9])
def test_a_wrong_redshift_is_found_and_put_right(score, ratio):
    right = make_evidence(40, seed=2)
    wrong = filed_under(right, ratio)
    told = score.columns(wrong)
    found = (told["SCORE_REDSHIFT"] > score(right).max()) & (wrong.z > 0.05)
    assert found.sum() >= 0.95 * (wrong.z > 0.05).sum()
    assert np.median(off_kms(told["REDSHIFT_BEST_Z"], right.z)[found]) < 300
    assert (told["REDSHIFT_DELTA_CHI2"][found] > 0).all()


def test_the_fainter_the_spectrum_the_less_is_known(score):
    gains = [
        np.median(score.columns(filed_under(make_evidence(20, seed=3, snr=snr), 1.1))["REDSHIFT_DELTA_CHI2"])
        for snr in (0.3, 1.0, 3.0)
    ]
    assert gains[0] < gains[1] < gains[2]


def test_the_unit_of_the_flux_does_not_matter(score):
    evidence = filed_under(make_evidence(10, seed=4), 1.1)
    scaled = replace(evidence, flux=evidence.flux * np.float32(8), ivar=evidence.ivar / np.float32(64))
    np.testing.assert_allclose(score(scaled), score(evidence), rtol=1e-4)


def test_masked_pixels_carry_nothing(score):
    evidence = make_evidence(10, seed=5)
    masked = evidence.ivar.copy()
    masked[:, 2000:2600] = 0
    flux = evidence.flux.copy()
    flux[:, 2000:2600] = 1e6
    np.testing.assert_array_equal(
        score(replace(evidence, ivar=masked, flux=flux)), score(replace(evidence, ivar=masked))
    )


@pytest.mark.parametrize("lost", ["B", "R", "Z"])
def test_without_an_arm_a_good_redshift_stays_good(score, lost):
    evidence = make_evidence(30, seed=6)
    ivar = np.where(arm(evidence.wave, lost), 0, evidence.ivar).astype(np.float32)
    gain = score.columns(replace(evidence, ivar=ivar))["REDSHIFT_DELTA_CHI2"]
    assert np.isfinite(gain).all()
    assert (gain < 5).all()


def test_one_cosmic_ray_is_no_other_redshift(score):
    evidence = make_evidence(20, seed=7)
    line = next(line for line in LINES if line.name == "Mg II")
    hit = evidence.flux.copy()
    hit[:, 3000:3003] *= 30
    assert line.broad
    assert (score.columns(replace(evidence, flux=hit))["REDSHIFT_DELTA_CHI2"] < 10).all()


def test_rows_without_light_or_redshift_harm_no_one(score):
    evidence = make_evidence(6, seed=8)
    flux, ivar, z = evidence.flux.copy(), evidence.ivar.copy(), evidence.z.copy()
    ivar[1], flux[2], z[3], z[4] = 0, -flux[2], np.nan, 90.0
    scores = score(replace(evidence, flux=flux, ivar=ivar, z=z))
    np.testing.assert_array_equal(np.isnan(scores), [False, True, True, False, False, False])
    np.testing.assert_array_equal(scores[[0, 5]], score(evidence)[[0, 5]])


def test_without_a_model_there_is_nothing_to_compare_with():
    unfitted = RedshiftScore.make(FitParams(), ScoreParams())
    with pytest.raises(DataError, match="needs the templates"):
        unfitted.fit(Training(make_embedding(10)), np.random.default_rng(0))
    with pytest.raises(StageError, match="was not fitted"):
        unfitted(make_evidence(1))
