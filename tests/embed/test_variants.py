from dataclasses import replace

import numpy as np
import pytest
import torch

from oddqso.embed.encoding import encode
from oddqso.embed.scratch import map_parts
from oddqso.embed.variants import VARIANTS, without_network
from oddqso.testing import make_spectra


@pytest.fixture(scope="module")
def data(small_params, training_spectra, tmp_path_factory):
    return map_parts([training_spectra], small_params, 1, tmp_path_factory.mktemp("places"), lambda *_: None)


@pytest.fixture(scope="module")
def variants(data, small_params, model):
    longer = small_params.model_copy(update={"max_epochs": 16})
    made = {name: train(data, longer, 1) for name, train in VARIANTS.items()}
    return made | {"without_network": without_network(model, data)}


@pytest.fixture(params=[*VARIANTS, "without_network"])
def variant(request, variants):
    return variants[request.param]


def test_each_gives_an_embedding_by_the_same_call(variant):
    spectra = make_spectra(6, seed=9, snr=8.0)
    found = encode(variant, spectra, batch_size=4)
    assert found.latent.shape == (6, variant.n_latent)
    assert found.target_id.tolist() == spectra.target_id.tolist()
    assert np.isfinite(found.model).all()
    assert not found.latent[:, ~variant.active].any()


def test_a_row_alone_is_the_row_in_company(variant):
    spectra = make_spectra(5, seed=9, snr=8.0)
    together, alone = encode(variant, spectra), encode(variant, spectra[3:4])
    np.testing.assert_allclose(alone.latent[0], together.latent[3], atol=1e-5)
    np.testing.assert_allclose(alone.model[0], together.model[3], atol=1e-5)


def test_masked_pixels_say_nothing(variant):
    spectra = make_spectra(3, seed=9, snr=8.0)
    hole = np.arange(4000) // 500 == 3
    masked = replace(spectra, ivar=np.where(hole, 0, spectra.ivar).astype(np.float32))
    filled = replace(masked, flux=np.where(hole, 1e3, spectra.flux).astype(np.float32))
    np.testing.assert_array_equal(encode(variant, masked).latent, encode(variant, filled).latent)


def test_the_components_of_bright_spectra_are_found(data, small_params, tmp_path):
    bright = make_spectra(120, seed=3, snr=200.0)
    learned = map_parts([bright], small_params, 1, tmp_path, lambda *_: None)
    pca = VARIANTS["weighted_pca"](learned, small_params, 1)
    off = encode(pca, bright).model - bright.flux
    around = bright.flux - np.average(bright.flux, axis=0)
    assert np.median(np.abs(off)) < 0.1 * np.median(np.abs(around))


def test_the_autoencoder_learns_more_than_the_mean(variants, data, small_params):
    def loss(model):
        flux, ivar, z = data.read(np.flatnonzero(data.held_out))
        return float(model.vae.loss(torch.from_numpy(flux), torch.from_numpy(ivar), model.vae.grid.frame(z)))

    untrained = VARIANTS["autoencoder"](data, small_params.model_copy(update={"learning_rate": 1e-9}), 1)
    assert loss(variants["autoencoder"]) < 0.9 * loss(untrained)


def test_without_the_network_nothing_but_components_is_left(variants, model):
    spectra = make_spectra(6, seed=9, snr=8.0)
    left, whole = encode(variants["without_network"], spectra), encode(model, spectra)
    n_first = 1 + model.vae.params.n_component
    assert not left.latent[:, n_first:].any()
    assert np.abs(left.latent[:, :n_first] - whole.latent[:, :n_first]).max() < 1.0
    assert (left.model_sigma > 0).all()
    assert encode(model, spectra).latent[:, n_first:].any()
