import numpy as np
import pytest

from oddqso.simulation.kernels import add_gaussians, blur, correlated


def one(center, sigma, height, n=200, first=100.0, step=0.5):
    out = np.zeros(n)
    add_gaussians(out, first, step, np.array([center]), np.array([sigma]), np.array([height]))
    return first + step * np.arange(n), out


@pytest.mark.parametrize("sigma", [0.4, 3.0, 25.0])
@pytest.mark.parametrize("center", [100.0, 151.3, 199.0, 90.0])
def test_a_gaussian_is_a_gaussian_out_to_six_sigma(center, sigma):
    x, out = one(center, sigma, 2.0)
    inside = np.abs(x - center) < 5.9 * sigma
    np.testing.assert_allclose(
        out[inside], 2.0 * np.exp(-0.5 * ((x - center) / sigma) ** 2)[inside], rtol=1e-9, atol=1e-12
    )
    assert (out[np.abs(x - center) > 6.01 * sigma + 0.5] == 0).all()


def test_lines_outside_the_grid_add_nothing():
    assert not one(10.0, 3.0, 1.0)[1].any()
    assert not one(500.0, 3.0, 1.0)[1].any()


def test_lines_add_up():
    both = np.zeros(100)
    add_gaussians(both, 0.0, 1.0, np.array([40.0, 50.0]), np.array([3.0, 5.0]), np.array([1.0, 2.0]))
    parts = [np.zeros(100), np.zeros(100)]
    add_gaussians(parts[0], 0.0, 1.0, np.array([40.0]), np.array([3.0]), np.array([1.0]))
    add_gaussians(parts[1], 0.0, 1.0, np.array([50.0]), np.array([5.0]), np.array([2.0]))
    np.testing.assert_allclose(both, parts[0] + parts[1])


def test_blurring_keeps_a_constant_and_the_sum_of_a_line():
    weights = np.tile(np.array([0.25, 0.5, 0.25]), (50, 1))
    np.testing.assert_allclose(blur(np.full(50, 3.0), weights), 3.0)
    line = np.zeros(50)
    line[20] = 4.0
    np.testing.assert_allclose(blur(line, weights)[19:22], [1.0, 2.0, 1.0])


def test_correlated_noise_has_unit_variance_and_its_length():
    noise = correlated(np.random.default_rng(0).standard_normal(200_000), 5.0)
    assert noise.var() == pytest.approx(1.0, rel=0.05)
    assert np.mean(noise[5:] * noise[:-5]) == pytest.approx(np.exp(-1), abs=0.03)
