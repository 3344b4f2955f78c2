"""Fit mean, components and errors anew from those of a trained model, whose network knows what each component means.

Nothing is turned or put into another order. What is fitted is a correction, smooth over a few pixels and drawn to none:
few spectra change little, many change all.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from oddqso.embed.basis import update_amplitude, update_errors
from oddqso.embed.linear import LinearModel
from oddqso.embed.sums import Batches, Sums, gather_all, square
from oddqso.embed.template import template

Float = NDArray[np.float64]

SMOOTH_PIXELS = 8.0
"""Correlation length of the correction [pixels of the model grid]: 600 km/s."""
_BLOCK = 1024


@torch.no_grad()
def refit(linear: LinearModel, batches: Batches, start: Float, width: float, n_step: int) -> list[float]:
    """Correct a linear model by expectation-maximization, in place; and find how well it is known then.

    Parameters
    ----------
    linear : LinearModel
        What is fitted; columns of nothing but 0 stay so.
    batches : callable
        All spectra, batch by batch.
    start : (n_rest, n_column) float64
        The table that it is drawn to.
    width : float
        How far from there, relative to the mean.
    n_step : int
        Iterations.

    Returns
    -------
    list of float
        As `oddqso.embed.basis.fit_step`, before each iteration and after the last.
    """
    losses = []
    for _ in range(n_step):
        sums = gather_all(linear, batches)
        losses.append(sums.loss)
        correct(linear, sums, start, width)
        _update_rest(linear, sums)
    sums = gather_all(linear, batches)
    _update_rest(linear, sums)
    variance = correct(linear, sums, start, width)
    linear.mean_variance.copy_(torch.from_numpy(variance.astype(np.float32)))
    return [*losses, sums.loss]


def _update_rest(linear: LinearModel, sums: Sums) -> None:
    update_amplitude(linear, np.concatenate(sums.amplitude, axis=1))
    update_errors(linear, sums)


@torch.no_grad()
def correct(linear: LinearModel, sums: Sums, start: Float, width: float) -> Float:
    """Solve for the correction of every rest-frame pixel; the squared fractional error that is left, (n_rest,).

    Sums of neighboring pixels are taken together with Gaussian weights; the correction is relative to the template.
    """
    n_rest, n_column = start.shape
    base = template(linear.grid.wave())
    used = np.flatnonzero((start != 0).any(axis=0))
    level = np.maximum(start[:, 0], 0.2 * base)
    missing = np.empty_like(start)
    for first in range(0, n_rest, _BLOCK):
        rows = slice(first, first + _BLOCK)
        known = torch.einsum("rij,rj->ri", square(sums.normal[rows], n_column), torch.from_numpy(start[rows]))
        missing[rows] = sums.right[rows] - known.numpy()
    normal = _together(sums.normal * base[:, None] ** 2)
    right = _together(missing * base[:, None])
    pull = torch.from_numpy((base / (width * level)) ** 2)
    variance = np.empty(n_rest)
    table = start.copy()
    for first in range(0, n_rest, _BLOCK):
        rows = slice(first, first + _BLOCK)
        matrix = square(normal[rows], n_column)[:, used][:, :, used]
        matrix.diagonal(dim1=1, dim2=2).add_(pull[rows, None])
        root = torch.linalg.cholesky(matrix)
        solved = torch.cholesky_solve(torch.from_numpy(right[rows][:, used, None]), root)[:, :, 0]
        table[rows, used] += base[rows, None] * solved.numpy()
        trace = torch.cholesky_inverse(root).diagonal(dim1=1, dim2=2).sum(dim=1).numpy()
        variance[rows] = np.minimum(trace * (base[rows] / level[rows]) ** 2, 0.25)
    linear.table.copy_(torch.from_numpy(table.astype(np.float32)))
    return variance


def _together(sums: Float) -> Float:
    """Sums (n_rest, n) over a neighborhood: as many pixels as a Gaussian of that width holds."""
    n_pixel = 2 * np.sqrt(np.pi) * SMOOTH_PIXELS
    return np.asarray(n_pixel * gaussian_filter1d(sums, SMOOTH_PIXELS, axis=0, mode="constant"))
