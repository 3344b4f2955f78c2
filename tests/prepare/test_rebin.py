import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oddqso.prepare.rebin import edges, native_to_model, overlaps, rebin
from oddqso.spectra.grid import model_grid, native_grid

SHARED = native_to_model()


def noisy(seed=0, bad=0.0, n_spec=2):
    rng = np.random.default_rng(seed)
    flux = rng.normal(2, 3, (n_spec, 7781)).astype(np.float32)
    ivar = (rng.uniform(0.2, 5, flux.shape) * (rng.random(flux.shape) >= bad)).astype(np.float32)
    return flux, ivar


def test_a_constant_stays_constant_whatever_is_masked():
    _, ivar = noisy(bad=0.4)
    flux, after = rebin(np.where(ivar > 0, 7.5, np.nan).astype(np.float32), ivar, SHARED)
    np.testing.assert_allclose(flux[after > 0], 7.5, rtol=1e-6)
    assert (flux[after == 0] == 0).all()
    assert 0.3 < (after > 0).mean() < 1


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_flux_is_conserved(seed):
    flux, ivar = noisy(seed)
    after, _ = rebin(flux, ivar, SHARED)
    inside = SHARED.width.sum(axis=1)  # the outermost model pixels reach a little over the native ones
    shared_by = np.zeros(7781)
    for k in range(SHARED.width.shape[1]):
        np.add.at(shared_by, SHARED.first + k, SHARED.width[:, k])
    np.testing.assert_allclose(shared_by[1:-1], 0.8, rtol=1e-9)
    np.testing.assert_allclose((after * inside).sum(axis=1), (flux * shared_by).sum(axis=1), rtol=1e-4, atol=0.5)


def test_errors_are_those_of_a_weighted_mean():
    rng = np.random.default_rng(1)
    sigma = rng.uniform(0.5, 2, 7781)
    draws = (sigma * rng.normal(size=(3000, 7781))).astype(np.float32)
    after, ivar = rebin(draws, np.broadcast_to((1 / sigma**2).astype(np.float32), draws.shape), SHARED)
    np.testing.assert_allclose((after.std(axis=0) * np.sqrt(ivar[0])).mean(), 1, atol=0.005)
    np.testing.assert_allclose(after.std(axis=0) * np.sqrt(ivar[0]), 1, atol=0.08)


def test_signal_to_noise_is_kept_when_the_flux_is_scaled():
    flux, ivar = noisy(bad=0.1)
    before, after = rebin(flux, ivar, SHARED), rebin(40 * flux, ivar / 1600, SHARED)
    np.testing.assert_allclose(after[0], 40 * before[0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(after[1] * 1600, before[1], rtol=1e-5)


def test_masked_pixels_carry_nothing():
    flux, ivar = noisy(bad=0.3)
    wild = np.where(ivar > 0, flux, np.float32(np.nan))
    for clean, dirty in zip(rebin(np.where(ivar > 0, flux, 0), ivar, SHARED), rebin(wild, ivar, SHARED), strict=True):
        np.testing.assert_array_equal(clean, dirty)


def test_a_pixel_covered_by_less_than_half_is_empty():
    ivar = np.ones((1, 7781), np.float32)
    ivar[0, 3000:3040] = 0
    _, after = rebin(ivar, ivar, SHARED)
    low, high = edges(model_grid())[:-1], edges(model_grid())[1:]
    gap = edges(native_grid())[[3000, 3040]]
    lost = np.clip(np.minimum(high, gap[1]) - np.maximum(low, gap[0]), 0, None) / (high - low)
    np.testing.assert_array_equal(after[0] == 0, lost > 0.5)


def test_overlaps_fill_new_pixels():
    shared = overlaps(np.linspace(10, 30, 41), np.geomspace(12, 28, 9))
    np.testing.assert_allclose(shared.width.sum(axis=1), shared.full)
    np.testing.assert_allclose(shared.full, np.diff(edges(np.geomspace(12, 28, 9))))


def test_it_agrees_with_spectres():
    spectres = pytest.importorskip("spectres")
    flux, ivar = noisy(3)
    inner = slice(2, -2)
    after, after_ivar = rebin(flux, ivar, SHARED)
    expected, sigma = spectres.spectres(
        model_grid()[inner], native_grid(), flux.astype(np.float64), ivar.astype(np.float64) ** -0.5, verbose=False
    )
    np.testing.assert_allclose(after[:, inner], expected, rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(after_ivar[:, inner], sigma**-2, rtol=5e-3)
