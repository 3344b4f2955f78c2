from dataclasses import replace

import numpy as np
import pytest

from oddqso.embed.consistency import latents, luminosity, measure_consistency, placed_twice, shared_window, window
from oddqso.embed.scratch import TrainingSet, gather, map_parts
from oddqso.embed.weights import load_model
from oddqso.spectra.grid import LOG_STEP, N_MODEL, model_grid
from oddqso.testing import make_spectra

SHIFT = np.array([200, -350, 640, 1])


@pytest.fixture(scope="module")
def spectra():
    return make_spectra(260, seed=41, snr=10.0)


@pytest.fixture(scope="module")
def even(trained):
    """The trained model, its error in the observed frame the same everywhere."""
    vae = load_model(trained).vae
    vae.linear.log_sigma_observed.fill_(-4)
    vae.linear.log_excess.fill_(-3)
    return vae


def _as_set(spectra, held_out=True):
    n_spec = len(spectra)
    return TrainingSet(
        spectra.flux, spectra.ivar, spectra.z, np.full(n_spec, 10.0), np.full(n_spec, held_out),
        np.random.default_rng(3).lognormal(0, 1, n_spec), np.arange(n_spec),
    )  # fmt: skip


def test_a_moved_spectrum_is_the_same_one_pixel_for_pixel_in_the_rest_frame(spectra):
    few = spectra[:4]
    (flux, ivar, z), (moved, moved_ivar, z_moved) = placed_twice(few.flux, few.ivar, few.z, SHIFT)
    np.testing.assert_allclose(np.log1p(z_moved) - np.log1p(z), LOG_STEP * SHIFT, rtol=1e-9)
    for row, shift in enumerate(SHIFT):
        np.testing.assert_array_equal(moved[row], np.roll(flux[row], shift))
        np.testing.assert_array_equal(moved_ivar[row], np.roll(ivar[row], shift))
    blue = model_grid() < 1216 * (1 + z[:, None])
    assert not ivar[blue].any()
    assert (ivar > 0).sum(axis=1).min() > 500


def test_moved_beyond_the_grid_nothing_is_left(spectra):
    both = placed_twice(spectra.flux[:1], spectra.ivar[:1], spectra.z[:1], np.array([N_MODEL]))
    assert not any(array.any() for flux, ivar, _ in both for array in (flux, ivar))


def test_by_whole_pixels_and_with_even_errors_latents_stay_where_they_are(even, spectra):
    few = spectra[:40]
    shift = np.tile(SHIFT, 10)
    first, second = (latents(even, *placed)[:, 1:7] for placed in placed_twice(few.flux, few.ivar, few.z, shift))
    assert np.abs(first - second).max() < 0.02


def test_a_window_hides_all_beyond_it(spectra):
    low, high = shared_window(1.2, 1.8)
    wild = np.where(np.abs(np.log(spectra.wave / (1 + spectra.z[:, None]) / 2500)) < 0.1, spectra.flux, 1e9)
    flux, ivar = window(wild.astype(np.float32), spectra.ivar, spectra.z, 2500 * np.exp(-0.1), 2500 * np.exp(0.1))
    assert flux.max() < 100
    assert ((ivar > 0) == (flux != 0)).all()
    z = np.array([1.2, 1.5, 1.8])
    _, known = window(*np.ones((2, 3, N_MODEL), np.float32), z, low, high)
    assert np.ptp((known > 0).sum(axis=1)) <= 1  # the same rest-frame pixels, whatever the redshift


def test_farther_quasars_of_the_same_flux_are_more_luminous():
    found = luminosity(np.array([1.0, 1.0, 2.0]), np.array([0.5, 1.5, 1.5]))
    assert found[0] < found[1]
    assert found[2] - found[1] == pytest.approx(np.log(2))
    near = luminosity(np.ones(2), np.array([0.001, 0.002]))
    assert near[1] - near[0] == pytest.approx(2 * np.log(2), abs=0.02)  # inverse squares


def test_a_model_is_measured_and_every_call_gives_the_same(model, spectra):
    data = _as_set(spectra)
    figures = measure_consistency(model.vae, data, [0, 1, 2, 3], 1)
    assert figures == measure_consistency(model.vae, data, [0, 1, 2, 3], 1)
    leak, shift = figures["redshift_leakage"], figures["shift_consistency"]
    assert leak["n_spec"] == sum(one["n_spec"] for one in leak["intervals"])
    assert all(one["n_spec"] >= 60 for one in leak["intervals"])
    assert -0.3 < leak["r2"] < leak["r2_with_amplitude"]  # this model has learned from few spectra, and leaks
    assert 0 < leak["r2_sigma"] < 0.3
    assert leak["r2_products"] is not None
    of_pairs = [(one["n_spec"], one["r2_products_sigma"]) for one in leak["intervals"] if one["r2_products_sigma"]]
    weights = np.array([n for n, _ in of_pairs]) / sum(n for n, _ in of_pairs)
    expected = np.sqrt(np.sum((weights * [sigma for _, sigma in of_pairs]) ** 2))
    assert leak["r2_products_sigma"] == pytest.approx(expected, abs=2e-5)
    assert 0 < shift["share"] < 0.1


def test_with_few_spectra_nothing_is_said(model, spectra):
    nothing = {"redshift_leakage": None, "shift_consistency": None}
    assert measure_consistency(model.vae, _as_set(spectra[:30]), [0, 1, 2], 1) == nothing
    assert measure_consistency(model.vae, _as_set(spectra, held_out=False), [0, 1, 2], 1) == nothing
    faint = _as_set(spectra)
    assert measure_consistency(model.vae, replace(faint, snr=faint.snr * 0.1), [0, 1, 2], 1) == nothing
    assert measure_consistency(model.vae, _as_set(spectra), [0], 1) == nothing  # the amplitude alone is no shape
    many = measure_consistency(model.vae, _as_set(spectra), list(range(model.n_latent)), 1, n_interval=70)
    assert many["redshift_leakage"] is None  # five spectra a latent
    assert many["shift_consistency"] is not None


def test_quasars_that_leave_the_grid_do_not_count(model, spectra):
    far = replace(spectra, z=np.full(len(spectra), 6.2))
    assert measure_consistency(model.vae, _as_set(far), [0, 1, 2], 1)["shift_consistency"] is None


def test_the_card_of_a_small_training_says_that_nothing_was_measured(model):
    assert model.card["redshift_leakage"] is None
    assert model.card["shift_consistency"] is None


def test_the_scale_goes_with_its_spectrum_however_they_are_read(small_params, rng, tmp_path):
    spectra = make_spectra(40, seed=2)
    spectra = replace(spectra, scale=rng.uniform(1, 9, 40).astype(np.float32))[rng.permutation(40)]
    few = small_params.model_copy(update={"max_spectra": 25})
    say = lambda message, share: None  # noqa: E731
    read = (
        gather(lambda: iter([spectra[:13], spectra[13:]]), few, 1, tmp_path / "a", say),
        map_parts([spectra[:13], spectra[13:]], few, 1, tmp_path / "b", say),
    )
    scale_of = dict(zip(spectra.z.tolist(), spectra.scale.tolist(), strict=True))
    for data in read:
        assert len(data.z) == 25
        assert data.scale.tolist() == [scale_of[one] for one in data.z.tolist()]
