from dataclasses import replace

import numpy as np
import pytest

from oddqso.score.examples import make_evidence, plant
from oddqso.score.filters import filter_peaks
from oddqso.score.params import ScoreParams

PARAMS = ScoreParams(coherence=0.0, line_scatter=0.0)
ALL = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def chance(scale, n_good=7781):
    """What the largest of the independent answers of a filter reaches by chance."""
    return np.sqrt(2 * np.log(n_good / scale))


def brute_force(evidence, scale, params):
    """The formula, pixel by pixel, for row 0 and a filter that is not binned."""
    good = evidence.ivar[0] > 0
    y = np.abs(evidence.model[0]).astype(float)
    s2 = 1 / np.where(good, evidence.ivar[0], 1.0) + evidence.model_sigma[0].astype(float) ** 2
    w = np.where(good, 1 / s2, 0.0)
    r, n = evidence.flux[0].astype(float) - evidence.model[0], len(y)
    offset = np.arange(-3 * scale, 3 * scale + 1)
    answers = np.zeros(n)
    for j in range(n):
        k = j + offset
        inside = (k >= 0) & (k < n)
        g, k = np.exp(-0.5 * (offset[inside] / scale) ** 2), k[inside]
        variance = (g**2 * y[k] ** 2 * w[k]).sum()
        shared = params.coherence * (g * y[k] * w[k] * evidence.model_sigma[0][k]).sum()
        if (g**2 * good[k]).sum() >= params.min_filter_coverage * np.exp(-((offset / scale) ** 2)).sum():
            answers[j] = (g * y[k] * r[k] * w[k]).sum() / np.sqrt(variance + shared**2)
    return answers


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("coherence", [0.0, 0.7])
def test_it_is_the_formula(scale, coherence):
    evidence = make_evidence(1, seed=3)
    ivar = evidence.ivar.copy()
    ivar[0, 3000:3009] = 0
    evidence, params = replace(evidence, ivar=ivar), ScoreParams(coherence=coherence, line_scatter=0.0)
    answers = brute_force(evidence, scale, params)
    peaks = filter_peaks(evidence, (scale,), params)
    best = np.abs(answers).argmax()
    assert peaks.score[0] + chance(scale, 7772) == pytest.approx(abs(answers[best]), rel=1e-4)
    assert peaks.wave[0] == pytest.approx(evidence.wave[best])
    assert peaks.sign[0] == np.sign(answers[best])


@pytest.mark.parametrize("scale", ALL)
def test_noise_alone_reaches_what_chance_reaches_at_every_scale(scale):
    evidence = make_evidence(60, seed=scale, model_error=0.0)
    assert abs(np.median(filter_peaks(evidence, (scale,), PARAMS).score)) < 0.6


@pytest.mark.parametrize("scale", ALL)
def test_a_feature_is_found_at_its_place_scale_sign_and_strength(scale):
    evidence = make_evidence(1, seed=7, snr=5, model_error=0.0)
    quiet = replace(evidence, flux=evidence.model)
    height = -20 / 5 / np.sqrt(np.sqrt(np.pi) * scale)  # 20 sigma by the matched filter
    odd = plant(quiet, 0, wave_angstrom=6500.0, sigma_angstrom=0.8 * scale, height=height)
    peaks = filter_peaks(odd, ALL, PARAMS)
    assert peaks.scale[0] == scale
    assert peaks.sign[0] == -1
    assert abs(peaks.wave[0] - 6500.0) <= 0.8 * max(scale / 2, 1)
    assert peaks.score[0] + chance(scale) == pytest.approx(20.0, rel=0.04)  # what steps and binned places lose
    assert peaks.depth[0] == pytest.approx(height, rel=0.06)


def test_scaling_flux_model_and_errors_changes_nothing():
    evidence = make_evidence(4, seed=2)
    k = np.float32(32.0)
    scaled = replace(
        evidence, flux=k * evidence.flux, model=k * evidence.model, model_sigma=k * evidence.model_sigma,
        ivar=evidence.ivar / k**2,
    )  # fmt: skip
    np.testing.assert_allclose(
        filter_peaks(scaled, ALL, PARAMS).score, filter_peaks(evidence, ALL, PARAMS).score, rtol=1e-5
    )


def test_masked_pixels_carry_nothing():
    evidence = make_evidence(3, seed=2)
    ivar, flux = evidence.ivar.copy(), evidence.flux.copy()
    ivar[:, 2000:2200] = 0
    before = filter_peaks(replace(evidence, ivar=ivar), ALL, PARAMS)
    flux[:, 2000:2200] = 1e6
    after = filter_peaks(replace(evidence, ivar=ivar, flux=flux), ALL, PARAMS)
    np.testing.assert_array_equal(before.score, after.score)


def test_light_is_found_where_the_model_has_none():
    evidence = make_evidence(1, seed=2, model_error=0.0)
    model = evidence.model.copy()
    model[:, :1500] = 0
    dark = replace(evidence, model=model, flux=model.copy())
    flux = dark.flux.copy()
    flux[0, 700:720] += 5 / np.sqrt(evidence.ivar[0, 700:720])
    peaks = filter_peaks(replace(dark, flux=flux), ALL, PARAMS)
    assert peaks.score[0] > 15
    assert abs(peaks.wave[0] - evidence.wave[710]) < 10


def test_a_coherent_model_error_does_not_average_away():
    evidence = make_evidence(1, seed=2, snr=50, model_error=0.05)
    off = replace(evidence, flux=(1.05 * evidence.model).astype(np.float32))  # one sigma of the model's error
    naive = filter_peaks(off, (256,), PARAMS).score[0] + chance(256)
    honest = filter_peaks(off, (256,), ScoreParams(coherence=1.0, line_scatter=0.0)).score[0] + chance(256)
    assert naive > 15
    assert honest == pytest.approx(1.0, rel=0.1)


def test_the_bands_of_the_sky_can_be_weighted_down():
    evidence = make_evidence(1, seed=2, model_error=0.0)
    odd = plant(replace(evidence, flux=evidence.model), 0, wave_angstrom=5580.0, sigma_angstrom=1.6, height=3.0)
    plain = filter_peaks(odd, (2,), PARAMS).sigma[0]
    lowered = filter_peaks(odd, (2,), ScoreParams(coherence=0.0, line_scatter=0.0, sky_noise_factor=4.0)).sigma[0]
    assert lowered == pytest.approx(plain / 4, rel=1e-4)


def test_ordinary_scatter_of_forbidden_lines_is_not_odd_and_other_lines_are():
    evidence = make_evidence(1, seed=2, snr=20, model_error=0.0)
    quiet = replace(evidence, flux=evidence.model, z=np.array([0.5]))
    for rest, expected in [(5008.24, 2.0), (5200.0, 60.0)]:
        odd = plant(quiet, 0, wave_angstrom=1.5 * rest, sigma_angstrom=6.0, height=1.0)
        answer = filter_peaks(odd, (8,), ScoreParams(coherence=0.0, line_scatter=1.0)).score[0] + chance(8)
        assert answer < expected if rest == 5008.24 else answer > expected


def test_a_narrow_filter_must_answer_louder_than_a_broad_one():
    evidence = make_evidence(1, seed=2, model_error=0.0)
    quiet = replace(evidence, flux=evidence.model)
    scores = []
    for scale in (1, 256):
        height = -8 / 5 / np.sqrt(np.sqrt(np.pi) * scale)
        odd = plant(quiet, 0, wave_angstrom=6500.0, sigma_angstrom=0.8 * scale, height=height)
        scores.append(filter_peaks(odd, ALL, PARAMS).score[0])
    assert scores[1] - scores[0] == pytest.approx(chance(1) - chance(256), abs=0.4)


def test_without_a_good_pixel_there_is_no_peak():
    evidence = make_evidence(2)
    peaks = filter_peaks(replace(evidence, ivar=evidence.ivar * np.float32([[0], [1]])), ALL, PARAMS)
    assert np.isnan(peaks.score).tolist() == [True, False]
    assert peaks.scale[0] == 0
    assert np.isnan(peaks.wave[0])


def test_narrow_features_are_found_at_six_sigma_among_noise():
    evidence = make_evidence(200, seed=11, snr=3)
    quiet = filter_peaks(evidence, (1, 2, 4, 8), ScoreParams()).score
    cut = np.quantile(quiet, 0.99)
    found = 0
    for row in range(100):
        height = 6.0 / 3 / np.sqrt(np.sqrt(np.pi) * 2)
        odd = plant(evidence[row : row + 1], 0, wave_angstrom=5000 + 10 * row, sigma_angstrom=1.6, height=height)
        found += filter_peaks(odd, (1, 2, 4, 8), ScoreParams()).score[0] > cut
    assert found >= 75  # 6 sigma against a cut near 5, with noise of 1 sigma upon it
