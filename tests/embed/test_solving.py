import numpy as np
import torch

from oddqso.embed.solving import AMPLITUDE_SIGMA, factored, solve


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
        solve(normal, right, centre, centre, 30).amplitude, _by_plain_iteration(normal, right, centre),
        rtol=1e-6, atol=0,
    )  # fmt: skip


def test_one_step_from_nearby_is_as_good_as_many():
    normal, right, centre = _normal_equations()
    many = solve(normal, right, centre, centre, 30)
    near = solve(normal, right, many.amplitude * 1.02, centre, 1)
    sigma = torch.cholesky_inverse(many.root).diagonal(dim1=1, dim2=2).sqrt()
    assert float((near.amplitude / many.amplitude - 1).abs().max()) < 0.004
    assert float(((near.coefficient - many.coefficient) / sigma)[:, 1:].abs().max()) < 0.02


def test_what_is_not_finite_gives_nothing_but_nan_in_its_row_alone():
    normal, right, centre = _normal_equations()
    clean = solve(normal.clone(), right, centre, centre, 1)
    normal[3] = torch.inf
    struck = solve(normal, right, centre, centre, 1)
    assert struck.root[3].isnan().all()
    torch.testing.assert_close(struck.coefficient[4:], clean.coefficient[4:], rtol=0, atol=0)


def test_a_bad_matrix_does_not_change_the_factors_of_its_company():
    normal, _, _ = _normal_equations()
    normal += torch.eye(normal.shape[1])
    whole, bad = factored(normal)
    assert not bad.any()
    for wrong in (-1.0, torch.nan, torch.inf):
        struck = normal.clone()
        struck[3] *= wrong
        root, bad = factored(struck)
        assert bad.isnan().tolist() == [row == 3 for row in range(len(bad))]
        torch.testing.assert_close(root[4:], whole[4:], rtol=0, atol=0)
