from dataclasses import replace

import numpy as np
import pytest

from oddqso.score.examples import make_evidence
from oddqso.score.join import JOINS_ANGSTROM, JoinScore, join_steps
from oddqso.score.params import ScoreParams

PARAMS = ScoreParams()


def offset(evidence, beyond, factor):
    by = np.where(evidence.wave > beyond, factor, 1).astype(np.float32)
    return replace(evidence, flux=evidence.flux * by, ivar=evidence.ivar / by**2)


@pytest.mark.parametrize(("join", "beyond"), [(0, 5780.0), (1, 7570.0)])
@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_a_step_is_measured_with_its_sign_and_place(join, beyond, factor):
    evidence = make_evidence(20, snr=10)
    odd = offset(evidence, beyond, factor)
    columns = JoinScore().columns(odd)
    np.testing.assert_allclose(join_steps(odd, PARAMS)[0][:, join], factor - 1, atol=0.05)
    np.testing.assert_allclose(columns["JOIN_WAVE"], np.mean(JOINS_ANGSTROM[join]))
    assert (np.sign(columns["JOIN_STEP"]) == np.sign(factor - 1)).all()
    assert np.median(columns["SCORE_JOIN"]) > 5 > np.median(JoinScore()(evidence))


def test_noise_alone_makes_steps_of_one_sigma():
    _, sigma = join_steps(make_evidence(300, snr=2, model_error=0.0), PARAMS)
    assert abs(sigma.mean()) < 0.15
    assert 0.85 < sigma.std() < 1.15


def test_a_line_on_the_join_is_no_step():
    evidence = make_evidence(1, snr=50)
    line = np.exp(-0.5 * ((evidence.wave - 5780) / 30) ** 2).astype(np.float32) * 3 + 1
    with_line = replace(evidence, flux=evidence.flux * line, model=evidence.model * line, ivar=evidence.ivar / line**2)
    assert JoinScore()(with_line)[0] < 4


@pytest.mark.parametrize(("low", "high"), [(0, 5800), (5760, 7620), (7520, 9900)])
def test_without_an_arm_nothing_is_seen_at_its_joins(low, high):
    evidence = offset(offset(make_evidence(3, snr=20), 5780, 1.3), 7570, 1.3)
    ivar = np.where((evidence.wave >= low) & (evidence.wave <= high), 0, evidence.ivar).astype(np.float32)
    step, sigma = join_steps(replace(evidence, ivar=ivar), PARAMS)
    for k, (blue, red) in enumerate(JOINS_ANGSTROM):
        there = not (low <= blue - 100 <= high or low <= red + 100 <= high)
        assert ((sigma[:, k] != 0) == there).all()
        assert ((step[:, k] != 0) == there).all()


def test_without_a_pixel_it_is_ordinary_and_not_unknown():
    evidence = make_evidence(2)
    columns = JoinScore().columns(replace(evidence, ivar=0 * evidence.ivar))
    assert columns["SCORE_JOIN"].tolist() == [0, 0]
    assert np.isnan(columns["JOIN_STEP"]).all()
    assert np.isnan(columns["JOIN_WAVE"]).all()


def test_the_score_grows_with_the_step():
    evidence = make_evidence(1, snr=5)
    scores = [JoinScore()(offset(evidence, 5780, factor))[0] for factor in (1.2, 1.4, 1.8)]
    assert (np.diff(scores) > 0).all()


def test_the_unit_of_flux_drops_out():
    evidence = make_evidence(3)
    scaled = replace(evidence, flux=evidence.flux * 8, ivar=evidence.ivar / 64, model=evidence.model * 8,
                     model_sigma=evidence.model_sigma * 8)  # fmt: skip
    np.testing.assert_allclose(JoinScore()(scaled), JoinScore()(evidence), rtol=1e-5)
