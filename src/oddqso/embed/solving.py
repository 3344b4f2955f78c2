"""Amplitude and components of the linear part at fixed weights of the pixels."""

import math
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

AMPLITUDE_SIGMA = 3.0
"""Width of the prior of the amplitude, as a fraction of its middle."""


class Solution(NamedTuple):
    """What `solve` finds, float64.

    ``amplitude`` (n_spec,); ``coefficient`` (n_spec, n_column), (1, c); ``precision`` (n_spec, n_column, n_column) of
    (amplitude / A, c) and its Cholesky factor ``root``, of nothing but NaN where there is none.
    """

    amplitude: Tensor
    coefficient: Tensor
    precision: Tensor
    root: Tensor


def solve(curvature: Tensor, slope: Tensor, place: Tensor, centre: Tensor, n_step: int) -> Solution:
    """Solve for amplitude and components at fixed weights of the pixels.

    At an amplitude p the fit is linear in x = (amplitude / p, amplitude / p * c), drawn to N(1, AMPLITUDE_SIGMA) of the
    prior and N(0, 1). Wanted is the p at which the first of x is 1, by Newton's method for ln(x_0) over ln(p): with P
    the precision at p, d x / d ln p = 2 P^-1 (0, x_1, ...) - x, which needs no second factorization.

    Parameters
    ----------
    curvature, slope : (n_spec, n_column, n_column) and (n_spec, n_column) float64
        Half of chi^2 as a quadratic form in amplitude times (1, c).
    place, centre : (n_spec,) float64
        Amplitude to begin with; middle of its prior.
    n_step : int
        Steps.
    """
    for _ in range(n_step):
        pull = (place / (AMPLITUDE_SIGMA * centre)) ** 2
        precision = curvature * (place**2)[:, None, None]
        diagonal = torch.diagonal(precision, dim1=1, dim2=2)
        diagonal[:, 0] += pull
        diagonal[:, 1:] += 1
        root, bad = factored(precision)  # bad (n_spec,): NaN where there is no factor, else 0
        right = slope * place[:, None] + bad[:, None]
        right[:, 0] += pull * centre / place
        solved = _back_substituted(root, right[:, :, None])  # (n_spec, n_column, 1)
        held = solved.clone()
        held[:, 0] = 0
        drift = 2 * _back_substituted(root, held)
        first = solved[:, 0, 0].clamp(0.3, 3.0)
        change = torch.log(first) / (1 - drift[:, 0, 0] / first).clamp(min=0.3)
        step = torch.exp(change.clamp(math.log(0.3), math.log(3.0)))
        coefficient = (solved + torch.log(step)[:, None, None] * drift)[:, :, 0] / step[:, None]
        coefficient[:, 0] = 1
        place = (place * step).clamp(min=0.02 * centre)
    return Solution(place, coefficient, precision, root + bad[:, None, None])


def factored(precision: Tensor) -> tuple[Tensor, Tensor]:
    """Lower Cholesky factors (n_spec, n_column, n_column), and (n_spec,) 0, or NaN where there is none.

    NumPy's take two thirds of the time of torch's. It refuses a batch for one bad matrix; then each is factored alone,
    by the same routine, so that the others come out the same.
    """
    if precision.device.type != "cpu":
        root, failed = torch.linalg.cholesky_ex(precision)
        return root, torch.where(failed > 0, torch.nan, 0.0).to(precision.dtype)
    given = precision.numpy()
    try:
        factor = np.linalg.cholesky(given)
    except np.linalg.LinAlgError:
        factor = np.full_like(given, np.nan)
        for row, one in enumerate(given):
            with suppress(np.linalg.LinAlgError):
                factor[row] = np.linalg.cholesky(one)
    root = torch.from_numpy(factor)
    found = torch.diagonal(root, dim1=1, dim2=2).sum(dim=1).isfinite()
    return root, torch.where(found, 0.0, torch.nan).to(root.dtype)


def _back_substituted(root: Tensor, right: Tensor) -> Tensor:
    """Solution (n_spec, n_column, 1) of equations whose matrix has the lower Cholesky factor ``root``."""
    half: Tensor = torch.linalg.solve_triangular(root, right, upper=False)
    whole: Tensor = torch.linalg.solve_triangular(root.mT, half, upper=True)
    return whole


def diagonal_of_inverse(root: Tensor) -> Tensor:
    """Diagonal (n_spec, n_column) of the inverse of matrices with the lower Cholesky factors ``root``.

    The squares of the inverse factor, summed down its columns; it is made from its halves, for half the work.

    Examples
    --------
    >>> matrix = torch.tensor([[[4.0, 2.0], [2.0, 5.0]]])
    >>> diagonal_of_inverse(torch.linalg.cholesky(matrix)), torch.linalg.inv(matrix).diagonal(dim1=1, dim2=2)
    (tensor([[0.3125, 0.2500]]), tensor([[0.3125, 0.2500]]))
    """
    middle = root.shape[1] // 2
    upper, lower = (
        torch.linalg.solve_triangular(part, torch.eye(part.shape[1], dtype=root.dtype, device=root.device), upper=False)
        for part in (root[:, :middle, :middle], root[:, middle:, middle:])
    )
    below = lower @ root[:, middle:, :middle] @ upper
    first = upper.square().sum(dim=1) + below.square().sum(dim=1)
    return torch.cat([first, lower.square().sum(dim=1)], dim=1)
