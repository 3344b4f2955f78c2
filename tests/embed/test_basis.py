import numpy as np
import pytest
import torch

from oddqso.embed.basis import finish, fit_step, start_linear
from oddqso.embed.frame import RestGrid, project
from oddqso.embed.linear import LinearModel
from oddqso.embed.sums import evidence
from oddqso.embed.template import template
from oddqso.spectra.grid import N_MODEL

GRID = RestGrid(0.02, 4.0)
N_COMPONENT = 3


@pytest.fixture(scope="module")
def survey():
    """Spectra that are linear: template, a slope and a line strength, of unequal brightness and noise."""
    rng = np.random.default_rng(8)
    wave = GRID.wave()
    base = template(wave)
    line = np.exp(-0.5 * ((wave - 1909) / 20) ** 2) + np.exp(-0.5 * ((wave - 2800) / 30) ** 2)
    table = np.stack([base, 0.3 * base * np.log(wave / 2500), 0.3 * base * line], axis=1).astype(np.float32)
    z = rng.uniform(0.6, 1.9, 60)
    weight = np.concatenate([np.ones((60, 1)), rng.normal(size=(60, 2))], axis=1).astype(np.float32)
    truth = project(torch.from_numpy(table), GRID.frame(z), torch.from_numpy(weight)).numpy()
    truth *= rng.lognormal(0, 0.3, 60)[:, None].astype(np.float32)
    sigma = 0.1 * np.median(truth, axis=1, keepdims=True) * np.ones((1, N_MODEL), np.float32)
    flux = (truth + sigma * rng.normal(size=truth.shape)).astype(np.float32)
    ivar = (1 / sigma**2).astype(np.float32)
    ivar[::5, :1900] = 0
    flux[::5, :1900] = 1e3
    return flux, ivar, z, truth


def _batches(survey):
    flux, ivar, z, _ = survey
    return lambda: ((flux[i : i + 40], ivar[i : i + 40], z[i : i + 40]) for i in range(0, 60, 40))


@pytest.fixture(scope="module")
def fitted(survey):
    linear = LinearModel(N_COMPONENT, GRID, 5.0, 2).requires_grad_(False)
    start_linear(linear, np.random.default_rng(1))
    before = evidence(linear, *survey[:3]).mean()
    for _ in range(5):
        fit_step(linear, _batches(survey), 0.01)
    after = evidence(linear, *survey[:3]).mean()
    finish(linear, _batches(survey), 2, 0.01)
    return linear, before, after


def test_the_truth_is_found_below_the_noise(fitted, survey):
    linear = fitted[0]
    flux, ivar, z, truth = survey
    frame = GRID.frame(z)
    transmission = linear.igm(frame)
    post = linear.posterior(
        torch.from_numpy(flux),
        torch.from_numpy(ivar),
        frame,
        transmission,
        linear.fractional_variance(frame, transmission),
    )
    off = np.abs(post.model.numpy() / truth - 1)
    assert np.median(off) < 0.02  # noise 10 % a pixel
    assert np.median(off[::5, :1900]) < 0.1  # where an arm is missing


def test_the_fit_makes_spectra_likelier(fitted):
    _, before, after = fitted
    assert after > before


def test_components_are_as_many_as_wanted_and_the_strongest_first(fitted):
    strength = fitted[0].table[:, 1:].pow(2).mean(dim=0)
    assert strength[0] > strength[1] > 0
    assert (strength[2:] == 0).all()


def test_the_model_is_worst_known_where_no_spectrum_reaches(fitted):
    wave = GRID.wave()
    variance = fitted[0].mean_variance.numpy()
    inside = variance[(wave > 1600) & (wave < 3400)]
    assert variance[wave < 1000].min() > 4 * np.median(inside)
