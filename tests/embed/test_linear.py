import copy

import numpy as np
import pytest
import torch

from oddqso.embed.basis import start_linear
from oddqso.embed.frame import RestGrid, project
from oddqso.embed.linear import LinearModel

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
    one, ten = _posterior(linear, frame, flux, ivar), _posterior(linear, frame, 4 * flux, ivar / 16)
    np.testing.assert_allclose(ten.mean, one.mean, atol=0.06)
    np.testing.assert_allclose(ten.model, 4 * one.model, rtol=0.01, atol=0.01)


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
