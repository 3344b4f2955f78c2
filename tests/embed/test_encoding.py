from dataclasses import replace

import numpy as np
import pytest

from oddqso.config import read_settings
from oddqso.embed.encoding import decode, encode
from oddqso.errors import DataError
from oddqso.spectra.grid import ARMS, LOG_STEP, arm_grid
from oddqso.testing import make_spectra


@pytest.fixture(scope="module")
def spectra():
    return make_spectra(20, seed=9, snr=6.0)


@pytest.fixture(scope="module")
def embedding(model, spectra):
    return encode(model, spectra, batch_size=16)


def test_ordinary_spectra_are_reproduced(spectra, embedding):
    chi2 = np.mean((spectra.flux - embedding.model) ** 2 * spectra.ivar, axis=1)
    assert np.median(chi2) < 1.3


def test_a_row_alone_is_the_row_in_a_batch_bit_for_bit(model, spectra, embedding):
    for row in (0, 7, 19):
        alone = encode(model, spectra[row : row + 1], batch_size=16)
        for name in ("latent", "latent_sigma", "kl", "model", "model_sigma"):
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(embedding, name)[row])


def test_the_order_of_rows_changes_nothing(model, spectra, embedding, rng):
    order = rng.permutation(len(spectra))
    shuffled = encode(model, spectra[order], batch_size=16)
    np.testing.assert_array_equal(shuffled.latent, embedding.latent[order])
    np.testing.assert_array_equal(shuffled.model, embedding.model[order])


def test_the_size_of_batches_changes_next_to_nothing(model, spectra, embedding):
    other = encode(model, spectra, batch_size=7)
    np.testing.assert_allclose(other.model, embedding.model, atol=1e-4)


def test_masked_pixels_carry_nothing(model, spectra):
    ivar = spectra.ivar.copy()
    ivar[:, 1000:1500] = 0
    wild = spectra.flux.copy()
    wild[:, 1000:1500] = [[1e6], [np.nan], [-np.inf], [0]] * 5
    tame = encode(model, replace(spectra, ivar=ivar))
    np.testing.assert_array_equal(encode(model, replace(spectra, ivar=ivar, flux=wild)).latent, tame.latent)


def test_without_any_pixel_it_is_the_prior(model, spectra):
    blind = encode(model, replace(spectra, ivar=np.zeros_like(spectra.ivar)))
    np.testing.assert_allclose(blind.latent, 0, atol=1e-5)
    np.testing.assert_allclose(blind.latent_sigma[:, 1:], 1, atol=1e-5)
    np.testing.assert_allclose(blind.kl, 0, atol=1e-4)
    assert np.isfinite(blind.model).all()
    assert np.isfinite(blind.model_sigma).all()


def test_as_ivar_vanishes_the_prior_is_approached(model, spectra):
    size = [
        np.abs(encode(model, replace(spectra, ivar=spectra.ivar * np.float32(f))).latent[:, 1:]).max()
        for f in (1, 1e-4, 1e-8)
    ]
    assert size[0] > size[1] > size[2]
    assert size[2] < 1e-3


@pytest.mark.parametrize("k", [np.float32(k) for k in (1e-3, 0.01, 0.5, 3.0, 100.0, 1e3)])
def test_scaling_flux_and_ivar_scales_the_model(model, spectra, embedding, k):
    scaled = encode(model, replace(spectra, flux=spectra.flux * k, ivar=spectra.ivar / k**2), batch_size=16)
    np.testing.assert_allclose(scaled.latent[:, 1:], embedding.latent[:, 1:], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(scaled.model / k, embedding.model, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("arm", ARMS)
def test_a_missing_arm_leaves_the_rest(model, spectra, embedding, arm):
    gone = (spectra.wave >= arm_grid(arm)[0]) & (spectra.wave <= arm_grid(arm)[-1])
    missing = encode(model, replace(spectra, ivar=np.where(gone, np.float32(0), spectra.ivar)))
    np.testing.assert_allclose(missing.model[:, ~gone].mean(), embedding.model[:, ~gone].mean(), rtol=0.02)
    assert np.median(np.abs(missing.model / embedding.model - 1)[:, gone]) < 0.2
    assert (missing.latent_sigma[:, 1:].mean(axis=1) >= embedding.latent_sigma[:, 1:].mean(axis=1)).all()


def test_the_same_rest_frame_quasar_at_another_redshift_lands_in_the_same_place(model, spectra):
    shift = 40  # pixels
    low = spectra[spectra.z < 1.9]  # no forest
    z_high = (1 + low.z) * np.exp(shift * LOG_STEP) - 1
    flux, ivar = np.roll(low.flux, shift, axis=1), np.roll(low.ivar, shift, axis=1)
    ivar[:, :shift] = 0
    common = low.ivar.copy()
    common[:, -shift:] = 0
    here = encode(model, replace(low, ivar=common)).latent[:, 1:]
    there = encode(model, replace(low, flux=flux, ivar=ivar, z=z_high)).latent[:, 1:]
    apart = np.linalg.norm(here[:, None] - here[None], axis=2)
    nearest = np.median(np.where(apart > 0, apart, np.inf).min(axis=1))
    assert np.median(np.linalg.norm(here - there, axis=1)) < 0.05 * nearest


@pytest.mark.parametrize("z", [0.05, 0.5, 2.0, 4.0, 6.0, np.nan, -1.0, 50.0])
def test_any_redshift_gives_finite_numbers(model, spectra, z):
    found = encode(model, replace(spectra, z=np.full(len(spectra), z)))
    for name in ("latent", "latent_sigma", "kl", "model", "model_sigma"):
        assert np.isfinite(getattr(found, name)).all(), name


def test_decoding_the_latents_gives_the_model(model, spectra, embedding):
    flux = decode(model, embedding.latent, spectra.z)
    np.testing.assert_allclose(flux, embedding.model, rtol=1e-4, atol=1e-4)


def test_decoding_at_other_wavelengths_interpolates(model, spectra, embedding):
    flux = decode(model, embedding.latent, spectra.z, wave=np.array([5000.0, 6000.0]))
    at = np.searchsorted(embedding.wave, [5000.0, 6000.0])
    np.testing.assert_allclose(flux, embedding.model[:, at], atol=0.05)


def test_another_grid_is_refused(model, spectra):
    with pytest.raises(DataError, match="not on the model grid"):
        encode(model, replace(spectra, wave=spectra.wave * 1.001))


def test_the_length_of_latent_vectors_is_a_setting(model, embedding):
    assert embedding.latent.shape == (20, 16) == (20, model.n_latent)
    network = read_settings(None, ["train.network.n_latent=16"]).train.network
    assert (network.n_latent, network.n_component, network.n_nonlinear) == (16, 12, 3)
    assert read_settings(None, []).train.network.n_latent == 128


def test_no_rows_give_no_rows(model, spectra):
    assert len(encode(model, spectra[:0])) == 0


def test_numbers_beyond_measure_harm_no_one_and_give_finite_numbers(model, spectra, embedding):
    flux, ivar = spectra.flux.copy(), spectra.ivar.copy()
    flux[0], flux[1, 5], ivar[2], ivar[3, 7], flux[4] = 1e38, -3e38, 3e38, 1e30, -1e12
    found = encode(model, replace(spectra, flux=flux, ivar=ivar), batch_size=16)
    for name in ("latent", "latent_sigma", "kl", "model", "model_sigma"):
        assert np.isfinite(getattr(found, name)).all(), name
    np.testing.assert_array_equal(found.latent[5:], embedding.latent[5:])
