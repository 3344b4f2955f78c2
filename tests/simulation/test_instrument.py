import numpy as np
import pytest
from scipy.sparse import dia_matrix

from oddqso.simulation import instrument
from oddqso.simulation.settings import NoiseParams
from oddqso.spectra.grid import ARMS, N_NATIVE, arm_grid, arm_start

QUIET = NoiseParams(exposure_scatter=0, sky_residual=0, warp=0, arm_step=0)


def test_noise_of_a_visit_is_as_published():
    for arm, expected in {"B": 0.55, "R": 0.26, "Z": 0.215}.items():
        assert np.median(instrument.visit_sigma(arm)) == pytest.approx(expected, rel=0.05)


def test_noise_rises_in_the_blue_and_at_the_ends_of_arms():
    sigma = {arm: instrument.visit_sigma(arm) for arm in ARMS}
    assert sigma["B"][0] > 4 * np.median(sigma["B"])
    assert sigma["R"][0] > 5 * np.median(sigma["R"])
    at_5578 = np.argmin(np.abs(arm_grid("B") - 5578.9))
    assert sigma["B"][at_5578] > 3 * sigma["B"][at_5578 - 30]


def test_residuals_are_normal_with_the_stated_ivar():
    model = np.full(N_NATIVE, 2.0)
    rng = np.random.default_rng(0)
    visit = instrument.draw_visit(rng, QUIET)
    visit = type(visit)(visit.noise, np.ones(3), np.zeros((3, 4)), np.zeros(3), 0.0)
    flux, ivar = instrument.expose(model, 1, visit, rng)
    pulls = (flux - 2.0) * np.sqrt(ivar)
    assert pulls.mean() == pytest.approx(0, abs=0.06)
    assert pulls.std() == pytest.approx(1, abs=0.04)


def test_bright_targets_bring_photon_noise_of_their_own():
    rng = np.random.default_rng(0)
    visit = instrument.draw_visit(rng, QUIET)
    faint = instrument.expose(np.zeros(N_NATIVE), 1, visit, rng)[1]
    bright = instrument.expose(np.full(N_NATIVE, 50.0), 1, visit, rng)[1]
    assert (bright < faint).all()


def test_four_visits_are_twice_as_deep():
    rng = np.random.default_rng(0)
    ones = [np.ones(10, np.float32)] * 4
    flux, ivar = instrument.coadd([rng.normal(size=10).astype(np.float32) for _ in range(4)], ones)
    np.testing.assert_allclose(ivar, 4)
    assert flux.shape == (10,)


def test_a_coadd_without_data_is_zero():
    zero = np.zeros(5, np.float32)
    flux, ivar = instrument.coadd([zero + 7, zero - 3], [zero, zero])
    assert not flux.any()
    assert not ivar.any()


@pytest.mark.parametrize("arm", ARMS)
def test_resolution_is_the_matrix_that_blurs(arm):
    data = instrument.resolution(arm, 3)
    n_wave = len(arm_grid(arm))
    assert data.shape == (11, n_wave)
    matrix = dia_matrix((data, np.arange(5, -6, -1)), shape=(n_wave, n_wave)).tocsr()
    np.testing.assert_allclose(np.asarray(matrix.sum(axis=1)).ravel()[5:-5], 1, rtol=1e-5)
    line = np.zeros(n_wave)
    line[1000] = 1.0
    native = np.zeros(N_NATIVE)
    native[arm_start(arm) + 1000] = 1.0
    blurred = instrument.through_optics(native, 3)[arm_start(arm) : arm_start(arm) + n_wave]
    np.testing.assert_allclose(matrix @ line, blurred, atol=2e-5)


def test_resolving_power_is_that_of_the_spectrographs():
    for arm, wave, low, high in (("B", 4700, 2700, 3300), ("R", 6700, 4200, 4800), ("Z", 8670, 5000, 6100)):
        sigma = np.interp(wave, arm_grid(arm), instrument.lsf_sigma(arm, 0))
        assert low < wave / (2.3548 * sigma) < high


def test_masked_pixels_come_at_the_rate_asked_for():
    rng = np.random.default_rng(0)
    masks = np.concatenate([instrument.draw_mask(2751, rng, 0.004) for _ in range(300)])
    assert np.mean(masks != 0) == pytest.approx(0.004, rel=0.2)
    assert np.mean(masks[masks != 0] & 1) > 0.9
