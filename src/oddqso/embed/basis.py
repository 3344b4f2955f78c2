"""Fit mean, components and mean amplitude by expectation-maximization: probabilistic PCA with known errors.

Every pixel has its own error, spectra cover different parts of the rest frame, and some parts are covered by few: see
Tsalmantza & Hogg 2012, ApJ 753, 122 (heteroscedastic matrix factorization). Mean and components are drawn towards
their own smoothed version relative to a template of published line strengths, so that nothing is left undefined.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from oddqso.embed.linear import N_AMPLITUDE, LinearModel
from oddqso.embed.sums import Batches, Sums, gather_all, square
from oddqso.embed.template import first_components, template

Float = NDArray[np.float64]

SMOOTH_PIXELS = 4.0
_BLOCK = 1024
_ROUGH, _ROUGH_LOW, _ROUGH_HIGH = 20.0, 0.2, 3.0


def start_linear(linear: LinearModel, rng: np.random.Generator) -> None:
    """Set the mean to the template, the components to slopes, line strengths and smooth noise."""
    wave = linear.grid.wave()
    base, first = template(wave), first_components(wave)
    n_more = max(linear.n_component - first.shape[1], 0)
    noise = gaussian_filter1d(rng.normal(size=(len(wave), n_more)), 60, axis=0, mode="nearest")
    more = 0.05 * base[:, None] * noise / np.maximum(noise.std(axis=0), 1e-9)
    table = np.concatenate([base[:, None], first, more], axis=1)[:, : 1 + linear.n_component]
    linear.table.zero_()
    linear.table[:, : table.shape[1]] = torch.from_numpy(table.astype(np.float32))


@torch.no_grad()
def fit_step(linear: LinearModel, batches: Batches, smooth_scale: float) -> float:
    """One iteration of the fit, in place; the loss of these spectra before it [nat per pixel].

    Parameters
    ----------
    linear : LinearModel
        What is fitted.
    batches : callable
        All spectra, batch by batch.
    smooth_scale : float
        As in `TrainParams`.
    """
    sums = gather_all(linear, batches)
    _update_table(linear, sums, smooth_scale)
    update_amplitude(linear, np.concatenate(sums.amplitude, axis=1))
    _turn(linear, sums.moment / sums.moment[0, 0])
    update_errors(linear, sums)
    return sums.loss


@torch.no_grad()
def finish(linear: LinearModel, batches: Batches, n_used: int, smooth_scale: float) -> None:
    """Keep the strongest ``n_used`` components, fit the errors again, find how well the model is known; in place."""
    linear.table[:, 1 + n_used :] = 0
    for _ in range(2):
        sums = gather_all(linear, batches)
        update_amplitude(linear, np.concatenate(sums.amplitude, axis=1))
        update_errors(linear, sums)
    variance = _pixel_variance(linear, sums, smooth_scale)
    linear.mean_variance.copy_(torch.from_numpy(variance.astype(np.float32)))


def _update_table(linear: LinearModel, sums: Sums, smooth_scale: float) -> None:
    """Solve every rest-frame pixel, drawn towards its neighborhood."""
    n_rest, n_column = linear.table.shape
    base = template(linear.grid.wave())
    relative = linear.table.double().numpy() / base[:, None]
    target = base[:, None] * gaussian_filter1d(relative, SMOOTH_PIXELS, axis=0, mode="nearest")
    stiffness = 1 / (smooth_scale * _roughness(relative) * base[:, None]) ** 2  # (n_rest, n_column)
    weak = _weak(base, n_column)
    pull = sums.right + stiffness * target + weak * base[:, None] * (np.arange(n_column) == 0)
    diagonal = torch.from_numpy(stiffness + weak)
    for first in range(0, n_rest, _BLOCK):
        rows = slice(first, first + _BLOCK)
        matrix = square(sums.normal[rows], n_column)
        matrix.diagonal(dim1=1, dim2=2).add_(diagonal[rows])
        root = torch.linalg.cholesky(matrix)
        right = torch.from_numpy(pull[rows, :, None])
        linear.table[rows] = torch.cholesky_solve(right, root)[:, :, 0].float()


def _roughness(relative: Float) -> Float:
    """How far each column may leave its smoothed version, against the mean, (n_rest, n_column): as far as it is large.

    A weak component that was free to be rough would be noise.
    """
    nearby = np.sqrt(gaussian_filter1d(relative**2, 48.0, axis=0, mode="nearest"))
    rough: Float = np.clip(nearby * _ROUGH, _ROUGH_LOW, _ROUGH_HIGH)
    return rough


def _pixel_variance(linear: LinearModel, sums: Sums, smooth_scale: float) -> Float:
    """Squared fractional error of the model for want of data, (n_rest,): the trace of a pixel's covariance."""
    n_rest, n_column = linear.table.shape
    base = template(linear.grid.wave())
    used = torch.cat([torch.ones(1, dtype=torch.bool), (linear.table[:, 1:] != 0).any(dim=0)])
    weak = torch.from_numpy(_weak(base, n_column))
    trace = np.empty(n_rest)
    for first in range(0, n_rest, _BLOCK):
        rows = slice(first, first + _BLOCK)
        matrix = square(sums.normal[rows], n_column)
        # Where the data are poor, neighbors within the correlation length of the smoothing share what they know.
        known = matrix.diagonal(dim1=1, dim2=2).mean(dim=1).clamp(min=1e-12).numpy()
        shared = 1 + np.minimum(SMOOTH_PIXELS * np.sqrt(2 / known) / (smooth_scale * base[rows]), 60.0)
        matrix *= torch.from_numpy(shared)[:, None, None]
        matrix.diagonal(dim1=1, dim2=2).add_(weak[rows])
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(matrix[:, used][:, :, used]))
        trace[rows] = inverse.diagonal(dim1=1, dim2=2).sum(dim=1).numpy()
    level = np.maximum(linear.table[:, 0].double().numpy(), 0.2 * base)
    variance: Float = np.minimum(trace / level**2, 0.25)
    return variance


def _weak(base: Float, n_column: int) -> Float:
    """Inverse variance of a weak pull to the template, (n_rest, n_column), so that nothing runs away without data."""
    width = np.where(np.arange(n_column) == 0, 0.5, 0.1)
    pull: Float = 1 / (width * base[:, None]) ** 2
    return pull


def update_amplitude(linear: LinearModel, amplitude: Float) -> None:
    """Mean of ln A at the nodes, smooth where few spectra lie; and the scatter about it."""
    ratio, variance, log_z = amplitude
    low, high = np.log1p(linear.grid.z_min), np.log1p(linear.grid.z_max)
    at = np.clip((log_z - low) / (high - low), 0, 1) * (N_AMPLITUDE - 1)
    hat = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(N_AMPLITUDE)))  # (n_spec, n_node)
    old = linear.log_amplitude.double().numpy()
    value = np.clip(ratio, -1.5, 1.5) + hat @ old
    weight = 1 / (0.3**2 + variance)
    bend = np.diff(np.eye(N_AMPLITUDE), 2, axis=0)
    tilt = np.diff(np.eye(N_AMPLITUDE), 1, axis=0)
    matrix = (hat * weight[:, None]).T @ hat + 100 * bend.T @ bend + 1e-3 * tilt.T @ tilt + 1e-6 * np.eye(N_AMPLITUDE)
    node = np.linalg.solve(matrix, hat.T @ (weight * value))
    linear.log_amplitude.copy_(torch.from_numpy(node.astype(np.float32)))
    scatter = 1.4826 * np.median(np.abs(value - hat @ node))
    linear.amplitude_scatter.fill_(float(np.clip(scatter, 0.02, 1.0)))


def _turn(linear: LinearModel, moment: Float) -> None:
    """Recast so that the components have mean 0 and variance 1 and are orthogonal, the strongest first.

    The model keeps its values; the fit converges faster (Liu, Rubin & Wu 1998, Biometrika 85, 755).
    """
    mean = moment[0, 1:]
    spread = moment[1:, 1:] - np.outer(mean, mean)
    table = linear.table.double().numpy()
    columns = table[:, 1:] @ np.linalg.cholesky(spread + 1e-9 * np.eye(len(spread)))
    centre = table[:, 0] + table[:, 1:] @ mean
    wave = linear.grid.wave()
    base, covered = template(wave), (wave > 1216) & (wave < 5500)
    # Scale belongs to the amplitude: the mean is as high as the template, no component is parallel to the mean.
    level = centre[covered] / base[covered]
    columns -= np.outer(centre, level @ (columns[covered] / base[covered, None])) / (level @ level)
    height = float(np.exp(np.mean(np.log(np.maximum(level, 1e-3)))))
    centre, columns = centre / height, columns / height
    linear.log_amplitude += float(np.log(height))
    relative = columns[covered] / base[covered, None]
    _, axes = np.linalg.eigh(relative.T @ relative)
    columns = columns @ axes[:, ::-1]
    columns[:, linear.n_component :] = 0
    sign = np.where(np.sum(columns[covered], axis=0) < 0, -1.0, 1.0)
    table = np.concatenate([centre[:, None], columns * sign], axis=1)
    linear.table.copy_(torch.from_numpy(table.astype(np.float32)))


def update_errors(linear: LinearModel, sums: Sums) -> None:
    """Model error in the rest frame and missing noise in the observed frame, from the residuals' moments."""
    n_node = len(linear.log_sigma_rest)
    top, bottom = (gaussian_filter1d(sums.rest_error[:, i], 16, mode="nearest") for i in (0, 1))
    known = bottom / (bottom + np.median(bottom[bottom > 0]) * 1e-3)
    variance = known * np.maximum(top, 0) / np.maximum(bottom, 1e-30)
    variance = known * np.clip(variance, 0.003**2, 0.5**2) + (1 - known) * 0.1**2
    node = variance.reshape(n_node, -1).mean(axis=1)
    linear.log_sigma_rest.copy_(torch.from_numpy((0.5 * np.log(node)).astype(np.float32)))
    n_node = len(linear.log_excess)
    total, count = (sums.observed_error[:, i].reshape(n_node, -1).sum(axis=1) for i in (0, 1))
    excess = (total + 50) / (count + 50) - 1  # drawn towards none
    now = linear.log_excess.exp().double().numpy()
    node = np.clip((1 + now) * (1 + 0.5 * excess) - 1, 0.002, 5.0)
    linear.log_excess.copy_(torch.from_numpy(np.log(node).astype(np.float32)))
