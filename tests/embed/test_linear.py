import copy

import numpy as np
import pytest
import torch

from oddqso.embed.basis import start_linear
from oddqso.embed.frame import RestGrid, project
from oddqso.embed.linear import LinearModel, own_amplitude
from oddqso.embed.params import EmbedParams
from oddqso.embed.vae import Encoded, Vae

GRID = RestGrid(0.02, 6.5)


@pytest.fixture(scope="module")
def linear():
    model = LinearModel(10, GRID, 5.0, 2).requires_grad_(False)
    start_linear(model, np.random.default_rng(0))
    model.log_sigma_rest.fill_(-5)
    model.log_sigma_observed.fill_(-5)
    model.log_excess.fill_(-6)
    return model


def _draw(linear, snr, n_spec=40, seed=1):
    rng = np.random.default_rng(seed)
    frame = GRID.frame(rng.uniform(0.5, 1.9, n_spec))
    weight = torch.zeros(n_spec, linear.n_column)
    weight[:, 0] = 1
    weight[:, 1:11] = torch.from_numpy(rng.normal(size=(n_spec, 10)).astype(np.float32))
    truth = project(linear.table, frame, weight)
    sigma = truth.abs().median(dim=1, keepdim=True).values / snr
    noise = torch.from_numpy(rng.normal(size=truth.shape).astype(np.float32))
    return frame, weight[:, 1:11], truth, truth + sigma * noise, (1 / sigma**2).expand_as(truth).contiguous()


def _posterior(linear, frame, flux, ivar):
    transmission = linear.igm(frame)
    return linear.posterior(flux, ivar, frame, transmission, linear.fractional_variance(frame, transmission))


def test_the_widths_of_the_posterior_are_honest(linear):
    frame, truth, _, flux, ivar = _draw(linear, snr=3.0, n_spec=100)
    post = _posterior(linear, frame, flux, ivar)
    sigma = torch.diagonal(post.covariance, dim1=1, dim2=2)[:, 1:11].sqrt()
    pull = ((post.mean[:, :10] - truth) / sigma).numpy()
    assert 0.85 < np.std(pull) < 1.2


def test_at_high_signal_to_noise_the_truth_is_found(linear):
    frame, _, truth, flux, ivar = _draw(linear, snr=200.0)
    assert float((_posterior(linear, frame, flux, ivar).model / truth - 1).abs().median()) < 0.005


def test_however_bright_every_direction_has_a_width(linear):
    sharp = copy.deepcopy(linear)
    sharp.log_sigma_rest.fill_(-9)
    sharp.log_sigma_observed.fill_(-9)
    sharp.log_excess.fill_(-6)
    sharp.table[:, 7:9] *= 1e3
    sharp.table[:, 9:11] = sharp.table[:, 7:9] + 1e-2 * sharp.table[:, 5:7]  # hardly to be told apart
    frame, _, _, flux, ivar = _draw(sharp, snr=2e4)
    covariance = _posterior(sharp, frame, flux, ivar).covariance
    torch.linalg.cholesky(covariance[:, :11, :11])  # as the sampling of latents needs it


def test_brightness_is_free(linear):
    frame, _, _, flux, ivar = _draw(linear, snr=5.0)
    one, four = _posterior(linear, frame, flux, ivar), _posterior(linear, frame, 4 * flux, ivar / 16)
    np.testing.assert_allclose(four.mean, one.mean, atol=1e-3)
    np.testing.assert_allclose(four.model, 4 * one.model, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("k", [1e-3, 1e-2, 30.0, 1e3])
def test_the_unit_of_the_flux_does_not_matter(linear, k):
    frame, _, _, flux, ivar = _draw(linear, snr=5.0)
    one, other = _posterior(linear, frame, flux, ivar), _posterior(linear, frame, k * flux, ivar / k**2)
    np.testing.assert_allclose(other.mean, one.mean, atol=1e-3)
    np.testing.assert_allclose(other.model / k, one.model, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(other.variance, one.variance, rtol=2e-3)


def test_where_the_data_say_next_to_nothing_the_amplitude_is_that_of_the_redshift(linear):
    frame, _, _, flux, ivar = _draw(linear, snr=5.0)
    noise = (flux - flux.mean(dim=1, keepdim=True)) * 1e3
    post = _posterior(linear, frame, noise, ivar / 1e12)
    np.testing.assert_allclose(post.amplitude, linear.mean_amplitude(frame), rtol=0.01)


def test_a_few_wild_pixels_do_not_move_the_amplitude_that_the_data_have(linear):
    frame, _, _, flux, ivar = _draw(linear, snr=5.0)
    flux, wild = 100 * flux, 100 * flux
    wild[:, 500:520] = -1e9
    wild[:, 3000] = 1e12
    mean, shape = linear.mean_amplitude(frame), project(linear.table[:, :1], frame, torch.ones(len(flux), 1))
    tame, struck = (own_amplitude(mean, one, 1e4 / ivar, shape) for one in (flux, wild))
    np.testing.assert_allclose(struck, tame, rtol=0.05)
    assert float((tame / mean).min()) > 30


def test_a_cosmic_ray_hardly_moves_the_fit(linear):
    frame, _, _, flux, ivar = _draw(linear, snr=5.0)
    hit = flux.clone()
    hit[:, 2000:2003] += 40 / ivar[:, 2000:2003].sqrt()
    clean, struck = _posterior(linear, frame, flux, ivar), _posterior(linear, frame, hit, ivar)
    sigma = torch.diagonal(clean.covariance, dim1=1, dim2=2)[:, 1:].sqrt()
    assert float(((struck.mean - clean.mean) / sigma).abs().max()) < 1.0


def test_without_data_it_is_the_prior(linear):
    frame, _, _, flux, ivar = _draw(linear, snr=5.0, n_spec=3)
    post = _posterior(linear, frame, flux, torch.zeros_like(ivar))
    np.testing.assert_allclose(post.mean, 0, atol=1e-6)
    np.testing.assert_allclose(post.amplitude, linear.mean_amplitude(frame), rtol=1e-5)
    np.testing.assert_allclose(torch.diagonal(post.covariance, dim1=1, dim2=2)[:, 1:], 1, rtol=1e-6)


@pytest.fixture(scope="module")
def vae(linear):
    whole = Vae(EmbedParams(n_latent=16, n_linear=10, n_channel=4, n_hidden=8))
    whole.linear = linear
    return whole


def test_variances_are_the_diagonal_of_the_covariance(linear):
    frame, _, _, flux, ivar = _draw(linear, snr=5.0)
    post = _posterior(linear, frame, flux, ivar)
    expected = torch.linalg.inv(post.precision).diagonal(dim1=1, dim2=2)
    torch.testing.assert_close(post.variance, expected, rtol=1e-8, atol=0)
    torch.testing.assert_close(post.covariance.diagonal(dim1=1, dim2=2), expected, rtol=1e-8, atol=0)


def test_the_divergence_is_that_of_the_covariance(linear, vae):
    frame, _, _, flux, ivar = _draw(linear, snr=5.0)
    post = _posterior(linear, frame, flux, ivar)
    covariance = torch.linalg.inv(post.precision)[:, 1:11, 1:11]
    trace = covariance.diagonal(dim1=1, dim2=2).sum(dim=1)
    expected = 0.5 * ((post.mean[:, :10] ** 2).sum(dim=1) + trace - 10 - torch.logdet(covariance))
    torch.testing.assert_close(vae.kl_linear(post.mean[:, :10], post).double(), expected.double(), rtol=1e-4, atol=1e-4)


def test_draws_scatter_as_the_covariance_says(linear, vae):
    frame, _, _, flux, ivar = _draw(linear, snr=5.0, n_spec=1)
    post = _posterior(linear, frame, flux, ivar)
    many = post._replace(root=post.root.expand(20_000, -1, -1))
    latent = torch.zeros(20_000, 16)
    drawn = vae.sample(Encoded(latent, latent, latent[:, 0], many), torch.Generator().manual_seed(1))[:, 1:11].double()
    covariance = torch.linalg.inv(post.precision)[0, 1:11, 1:11]
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(covariance), drawn.T, upper=False)
    torch.testing.assert_close(white @ white.T / 20_000, torch.eye(10, dtype=torch.float64), rtol=0, atol=0.05)
