"""The laws of the encoder, for the weights that are shipped."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from oddqso.embed.encoding import encode
from oddqso.embed.starting import SHIPPED
from oddqso.embed.weights import load_model
from oddqso.testing import make_spectra

NAMES = ("latent", "latent_sigma", "kl", "model", "model_sigma")


@pytest.fixture(scope="module")
def shipped():
    return load_model(SHIPPED)


@pytest.fixture(scope="module")
def spectra():
    return make_spectra(24, seed=11, snr=5.0)


@pytest.fixture(scope="module")
def embedding(shipped, spectra):
    return encode(shipped, spectra, batch_size=24)


def test_the_card_is_what_is_asked_of_it_and_what_is_said_of_it(shipped):
    card, measured = shipped.card, shipped.card["held_out"]
    assert card["n_train"] >= 200_000
    assert card["data"]["survey"]["anomaly_fraction"] == 0
    assert card["calibration"]["measured_on_others"]
    for one in measured["snr_bins"]:
        assert 0.95 < one["chi_width"] < 1.05
        assert one["accuracy"] >= 0.95 or one["snr_min"] < 2.0
    assert 0.95 < card["chi_width_sky"]["sky_lines"] < 1.05
    assert 0.95 < card["chi_width_sky"]["joins"] < 1.05
    page = (Path(__file__).parents[2] / "docs/explanation/model.md").read_text()
    for number in (card["n_train"], card["calibration"]["n_spec"], measured["n_measured"]):
        assert f"{number:,}" in page
    assert sum((SHIPPED / name).stat().st_size for name in ("model.safetensors", "model.json")) < 16e6


def test_ordinary_spectra_are_reproduced(spectra, embedding):
    chi2 = np.mean((spectra.flux - embedding.model) ** 2 * spectra.ivar, axis=1)
    assert np.median(chi2) < 1.5


def test_company_beyond_the_lyman_limit_changes_nothing(shipped):
    far = make_spectra(24, seed=13, snr=5.0)
    far = replace(far, z=np.linspace(2.5, 5.5, 24))
    together = encode(shipped, far)
    for rows in (np.arange(24)[::-1], np.arange(3, 24, 2), np.array([20, 9, 14])):
        some = encode(shipped, far[rows])
        for name in NAMES:
            np.testing.assert_array_equal(getattr(some, name), getattr(together, name)[rows])


def test_the_order_of_rows_changes_nothing(shipped, spectra, embedding, rng):
    order = rng.permutation(len(spectra))
    shuffled = encode(shipped, spectra[order], batch_size=24)
    for name in NAMES:
        np.testing.assert_array_equal(getattr(shuffled, name), getattr(embedding, name)[order])


def test_a_row_alone_is_the_row_in_a_batch_bit_for_bit(shipped, spectra, embedding):
    for row in (0, 11, 23):
        alone = encode(shipped, spectra[row : row + 1], batch_size=24)
        for name in NAMES:
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(embedding, name)[row])


def test_masked_pixels_carry_nothing(shipped, spectra):
    ivar, wild = spectra.ivar.copy(), spectra.flux.copy()
    ivar[:, 1000:1500] = 0
    wild[:, 1000:1500] = np.array([1e6, np.nan, -np.inf, 0])[np.arange(len(spectra)) % 4, None]
    tame, struck = (encode(shipped, replace(spectra, ivar=ivar, flux=flux)) for flux in (spectra.flux, wild))
    for name in NAMES:
        np.testing.assert_array_equal(getattr(struck, name), getattr(tame, name))


def test_as_ivar_vanishes_it_becomes_the_prior(shipped, spectra):
    factors = (1, 1e-4, 1e-8, 0)
    found = [encode(shipped, replace(spectra, ivar=spectra.ivar * np.float32(factor))) for factor in factors]
    size = [np.abs(one.latent[:, 1:]).max() for one in found]
    assert size[0] > size[1] > size[2]
    assert size[2] < 1e-3
    np.testing.assert_allclose(found[3].latent, 0, atol=1e-5)
    np.testing.assert_allclose(found[3].latent_sigma[:, 1:], 1, atol=1e-5)
    np.testing.assert_allclose(found[3].kl, 0, atol=1e-3)


@pytest.mark.parametrize("k", [np.float32(k) for k in (1e-3, 0.01, 0.5, 30.0, 1e3)])
def test_scaling_flux_and_ivar_scales_the_model(shipped, spectra, embedding, k):
    scaled = encode(shipped, replace(spectra, flux=spectra.flux * k, ivar=spectra.ivar / k**2), batch_size=24)
    shift = np.abs(scaled.latent - embedding.latent)[:, 1:] / embedding.latent_sigma[:, 1:]
    assert np.percentile(shift, 99) < 0.01
    np.testing.assert_allclose(scaled.model / k, embedding.model, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(scaled.latent_sigma[:, 1:], embedding.latent_sigma[:, 1:], rtol=1e-3)
