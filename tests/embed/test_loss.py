import numpy as np
import torch

from oddqso.embed.loss import consistency, free_bits, misfit


def _noise(sigma, n=200_000):
    return torch.from_numpy(np.random.default_rng(1).normal(0, sigma, (1, n)).astype(np.float32))


def test_the_loss_is_least_at_the_true_error_gaussian_or_robust():
    flux, ones = _noise(1.3), torch.ones(1, 200_000)
    trials = np.array([1.1, 1.2, 1.3, 1.4, 1.5])
    for dof in (None, 5.0):
        losses = [float(misfit(flux, ones, 0 * ones, ones * s**2, ones, dof)) for s in trials]
        assert trials[int(np.argmin(losses))] == 1.3


def test_outliers_cost_less_when_robust():
    flux, ones = torch.full((1, 1), 30.0), torch.ones(1, 1)
    robust = float(misfit(flux, ones, 0 * ones, ones, ones, 5.0))
    assert robust < 0.05 * float(misfit(flux, ones, 0 * ones, ones, ones, None))


def test_masked_pixels_cost_nothing():
    flux, ivar = torch.tensor([[5.0, 1e9]]), torch.tensor([[1.0, 0.0]])
    ones = torch.ones(1, 2)
    assert float(misfit(flux, ivar, 0 * ones, ones, ones, None)) == 12.5


def test_the_log_term_weighs_less_the_heavier_the_tails():
    assert 0.7 < consistency(5.0) < consistency(50.0) < 1.01


def test_free_bits_spare_small_divergences():
    kl = torch.tensor([[0.01, 0.5], [0.01, 0.7]])
    np.testing.assert_allclose(float(free_bits(kl, 0.1)), 0.5, rtol=1e-6)
