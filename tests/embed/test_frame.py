import numpy as np
import pytest
import torch

from oddqso.embed.frame import Frame, RestGrid, back_project, gram, project, take
from oddqso.spectra.grid import LOG_STEP, N_MODEL, model_grid

GRID = RestGrid(0.02, 6.5)
Z = np.array([0.02, 0.7, 2.0, 3.3, 6.5])


def _table(n_column, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(GRID.n_wave, n_column)).astype(np.float32))


def test_the_rest_grid_covers_every_redshift():
    frame = GRID.frame(Z)
    assert min(frame.start) >= 0
    assert max(frame.start) + N_MODEL + 2 <= GRID.n_wave


def test_a_rest_frame_wavelength_is_found_where_the_redshift_puts_it():
    log_wave = torch.from_numpy(np.log(GRID.wave()).astype(np.float32))
    seen = take(log_wave, GRID.frame(Z)).numpy()
    np.testing.assert_allclose(seen, np.log(model_grid() / (1 + Z[:, None])), atol=2e-6)


def test_a_redshift_of_whole_pixels_is_a_pure_translation():
    table, weight = _table(16), torch.ones(1, 16)
    here = project(table, GRID.frame(np.array([1.0])), weight)
    there = project(table, GRID.frame(np.array([2.0 * np.exp(7 * LOG_STEP) - 1])), weight)
    np.testing.assert_allclose(there[0, 7:], here[0, :-7], atol=1e-3)


def test_back_projection_is_the_adjoint():
    table, frame = _table(16).double(), GRID.frame(Z)
    rng = np.random.default_rng(1)
    weight, value = torch.from_numpy(rng.normal(size=(5, 16))), torch.from_numpy(rng.normal(size=(5, N_MODEL)))
    left = (project(table, frame, weight) * value).sum()
    right = (weight * back_project(table, frame, value)).sum()
    assert float(left) == pytest.approx(float(right), rel=1e-5)


def test_the_gradient_of_a_projection_is_right():
    table, frame = _table(4).double(), GRID.frame(Z[:2])
    weight = torch.randn(2, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1), requires_grad=True)
    assert torch.autograd.gradcheck(lambda w: project(table, frame, w, 40), (weight,))


def test_the_gram_matrix_is_that_of_the_shifted_columns():
    table = _table(16)
    frame = GRID.frame(np.array([2.0]))
    first = frame.start[0] + int(frame.fraction[0, 0] > 0.5)
    weight = torch.rand(1, N_MODEL, generator=torch.Generator().manual_seed(2))
    part = table[first : first + N_MODEL]
    np.testing.assert_allclose(
        gram(table, frame, weight)[0], part.T @ (part * weight[0, :, None]), rtol=1e-3, atol=1e-2
    )


@pytest.mark.parametrize("on_cpu", [True, False])
def test_gram_matrices_of_some_rows_are_those_of_all(monkeypatch, on_cpu):
    monkeypatch.setattr(Frame, "on_cpu", property(lambda self: on_cpu))
    table, frame = _table(16), GRID.frame(Z)
    weight = torch.rand(5, N_MODEL, generator=torch.Generator().manual_seed(2))
    rows = torch.tensor([True, False, True, True, False])
    some = gram(table, frame, weight, rows=rows)
    torch.testing.assert_close(some[rows], gram(table, frame, weight)[rows])
    assert bool((some[~rows] == 0).all())
