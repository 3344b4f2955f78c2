import copy

import numpy as np
import pytest
import torch

from oddqso.embed.basis import start_linear
from oddqso.embed.frame import RestGrid, project
from oddqso.embed.linear import AMPLITUDE_SIGMA, LinearModel, _solve
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


def _normal_equations(n_spec=30, n_column=16, seed=2):
    """Normal equations of fits from hardly constrained to tight; amplitude 3, mean of its prior 2."""
    rng = np.random.default_rng(seed)
    design = rng.normal(size=(n_spec, 40, n_column)) * np.geomspace(0.01, 30, n_spec)[:, None, None]
    truth = np.concatenate([np.full((n_spec, 1), 3.0), rng.normal(size=(n_spec, n_column - 1))], axis=1)
    data = np.einsum("spc,sc->sp", design, truth) + rng.normal(size=(n_spec, 40))
    normal, right = np.einsum("spi,spj->sij", design, design), np.einsum("spi,sp->si", design, data)
    return torch.from_numpy(normal), torch.from_numpy(right), torch.full((n_spec,), 2.0, dtype=torch.float64)


def _by_plain_iteration(normal, right, centre, n_step=3000):
    """The amplitude at which the amplitude of the linear fit is the one that it was made at."""
    place = centre.clone()
    eye = torch.eye(normal.shape[1], dtype=torch.float64)
    for _ in range(n_step):
        pull = (place / (AMPLITUDE_SIGMA * centre)) ** 2
        precision = normal * place[:, None, None] ** 2 + eye
        precision[:, 0, 0] += pull - 1
        target = right * place[:, None]
        target[:, 0] += pull * centre / place
        place = (place * torch.linalg.solve(precision, target)[:, 0].clamp(0.3, 3.0)).clamp(min=0.02 * centre)
    return place


def test_steps_to_the_amplitude_end_where_plain_iteration_does():
    normal, right, centre = _normal_equations()
    torch.testing.assert_close(
        _solve(normal, right, centre, centre, 30).amplitude, _by_plain_iteration(normal, right, centre),
        rtol=1e-6, atol=0,
    )  # fmt: skip


def test_one_step_from_nearby_is_as_good_as_many():
    normal, right, centre = _normal_equations()
    many = _solve(normal, right, centre, centre, 30)
    near = _solve(normal, right, many.amplitude * 1.02, centre, 1)
    sigma = torch.cholesky_inverse(many.root).diagonal(dim1=1, dim2=2).sqrt()
    assert float((near.amplitude / many.amplitude - 1).abs().max()) < 0.004
    assert float(((near.coefficient - many.coefficient) / sigma)[:, 1:].abs().max()) < 0.02


def test_what_is_not_finite_gives_nothing_but_nan_in_its_row_alone():
    normal, right, centre = _normal_equations()
    clean = _solve(normal.clone(), right, centre, centre, 1)
    normal[3] = torch.inf
    struck = _solve(normal, right, centre, centre, 1)
    assert struck.root[3].isnan().all()
    torch.testing.assert_close(struck.coefficient[4:], clean.coefficient[4:], rtol=0, atol=0)


@pytest.fixture(scope="module")
def vae(linear):
    whole = Vae(EmbedParams(n_latent=16, n_linear=10, n_channel=4, n_hidden=8))
    whole.linear = linear
    return whole


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
