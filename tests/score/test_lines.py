from dataclasses import replace

import numpy as np
import pytest

from oddqso.score.examples import make_evidence
from oddqso.score.lines import WINDOWS, LinesScore, equivalent_widths

score = LinesScore()


def with_lines(strength, *, n_spec=60, snr=10.0, seed=0):
    """Flat spectra with the lines of the composite, times ``strength``."""
    evidence = make_evidence(n_spec, seed=seed)
    rng = np.random.default_rng(seed)
    rest = evidence.wave / (1 + evidence.z[:, None])
    flux = np.ones_like(rest)
    for line in WINDOWS:
        height = line.ew / (np.sqrt(2 * np.pi) * 0.005 * line.wave)
        flux += strength * height * np.exp(-0.5 * ((rest - line.wave) / (0.005 * line.wave)) ** 2)
    noisy = flux + rng.normal(0, 1 / snr, flux.shape)
    return replace(evidence, flux=noisy.astype(np.float32), ivar=np.full(flux.shape, snr**2, np.float32))


def test_the_equivalent_width_that_was_put_in_is_measured_within_its_error():
    ew, sigma = equivalent_widths(with_lines(1.0))
    truth = np.array([line.ew for line in WINDOWS])
    strong = truth > 4
    pull = ((ew - truth) / sigma)[:, strong]
    pull = pull[np.isfinite(pull)]
    assert len(pull) > 100
    assert abs(np.median(pull)) < 0.5
    assert 0.6 < np.median(np.abs(pull)) / 0.6745 < 1.6


def test_scaling_a_spectrum_changes_nothing():
    evidence = with_lines(1.0)
    scaled = replace(evidence, flux=8 * evidence.flux, ivar=evidence.ivar / 64)
    np.testing.assert_allclose(score(scaled), score(evidence), rtol=1e-5)


def test_quasars_without_lines_stand_out():
    assert np.quantile(score(with_lines(0.05)), 0.1) > np.quantile(score(with_lines(1.0, seed=1)), 0.99)


def test_weaker_is_odder():
    medians = [np.median(score(with_lines(strength))) for strength in (1.0, 0.5, 0.2, 0.05)]
    assert (np.diff(medians) > 0).all()


def test_one_line_far_too_strong_is_odd():
    evidence = with_lines(1.0)
    rest = evidence.wave / (1 + evidence.z[:, None])
    flux = evidence.flux + 2 * np.exp(-0.5 * ((rest - 1750.3) / 6) ** 2)
    seen = evidence.z > 1.2
    odd = score(replace(evidence, flux=flux.astype(np.float32)))
    assert (odd[seen] > score(evidence)[seen] + 1).mean() > 0.9


def test_noise_makes_nothing_odd():
    assert np.quantile(score(with_lines(1.0, snr=0.5)), 0.99) < 4


def test_without_a_line_in_sight_the_score_is_zero():
    evidence = with_lines(0.0, n_spec=3)
    assert (score(replace(evidence, z=np.full(3, 9.0))) == 0).all()
    assert (score(replace(evidence, ivar=0 * evidence.ivar)) == 0).all()


@pytest.mark.parametrize("z", [np.nan, -1.0, -5.0, 1e9])
def test_impossible_redshifts_are_no_crash(z):
    evidence = with_lines(1.0, n_spec=2)
    assert np.isfinite(score(replace(evidence, z=np.full(2, z)))).all()
