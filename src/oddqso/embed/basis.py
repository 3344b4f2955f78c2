"""Fit mean, components and mean amplitude by expectation-maximization: probabilistic PCA with known errors.

Every pixel has its own error, spectra cover different parts of the rest frame, and some parts are covered by few: see
Tsalmantza & Hogg 2012, ApJ 753, 122 (heteroscedastic matrix factorization). Mean and components are drawn towards
their own smoothed version relative to a template of published line strengths, so that nothing is left undefined.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from oddqso.embed.frame import Frame
from oddqso.embed.linear import N_AMPLITUDE, LinearModel, Posterior
from oddqso.embed.template import first_components, template
from oddqso.spectra.grid import N_MODEL

Float = NDArray[np.float64]
Batches = Callable[[], Iterator[tuple[NDArray[np.float32], NDArray[np.float32], Float]]]
"""Makes an iterator over batches of flux, ivar (n_spec, n_wave) and z (n_spec,)."""

SMOOTH_PIXELS = 4.0
_CHI2_CLIP = 16.0
_BLOCK = 1024
_ROUGH, _ROUGH_LOW, _ROUGH_HIGH = 20.0, 0.2, 3.0


@dataclass
class Sums:
    """What an iteration gathers from all spectra."""

    normal: Float  # (n_rest, n_column (n_column + 1) / 2), normal matrices of the rest-frame pixels
    right: Float  # (n_rest, n_column), their right-hand sides
    rest_error: Float  # (n_rest, 2), numerator and denominator of the squared model error
    observed_error: Float  # (n_wave, 2), sum of chi2 and number of good pixels
    moment: Float  # (n_column, n_column), of (1, c)
    amplitude: list[Float] = field(default_factory=list)  # (3, n_spec): ln(A / mean), its variance, ln(1 + z)
    evidence: list[Float] = field(default_factory=list)  # (n_spec,), of `evidence`

    @property
    def loss(self) -> float:
        """Mean of -evidence [nat per pixel], in the unit of the network's loss."""
        return -float(np.concatenate(self.evidence).mean()) / N_MODEL


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


def gather_all(linear: LinearModel, batches: Batches) -> Sums:
    """The sums over all spectra at the present model."""
    n_rest, n_column = linear.table.shape
    n_upper = n_column * (n_column + 1) // 2
    sums = Sums(
        np.zeros((n_rest, n_upper)), np.zeros((n_rest, n_column)), np.zeros((n_rest, 2)), np.zeros((N_MODEL, 2)),
        np.zeros((n_column, n_column)),
    )  # fmt: skip
    for flux, ivar, z in batches():
        _gather(linear, sums, flux, ivar, linear.grid.frame(z))
    return sums


def _gather(
    linear: LinearModel, sums: Sums, flux_array: NDArray[np.float32], ivar_array: NDArray[np.float32], frame: Frame
) -> None:
    flux, ivar = torch.from_numpy(flux_array), torch.from_numpy(ivar_array)
    transmission = linear.igm(frame)
    fraction = linear.fractional_variance(frame, transmission)
    post = linear.posterior(flux, ivar, frame, transmission, fraction)
    chi2 = (flux - post.model) ** 2 * post.residual_weight  # (n_spec, n_wave)
    weight = post.residual_weight * linear.student_weight(chi2)
    scale = transmission * post.amplitude[:, None]
    first = torch.cat([torch.ones(len(flux), 1), post.mean], dim=1).double().numpy()  # (n_spec, n_column)
    second = post.covariance.numpy() + first[:, :, None] * first[:, None, :]
    second[:, 0, :], second[:, :, 0] = first, first  # the amplitude is a scale, not a component
    upper = np.triu_indices(first.shape[1])

    low = min(frame.start)
    wide, tall = spread(frame, low, weight * scale**2), spread(frame, low, weight * scale * flux)
    at = slice(low, low + wide.shape[1])
    sums.normal[at] += wide.T @ second[:, upper[0], upper[1]].astype(np.float32)
    sums.right[at] += tall.T @ first.astype(np.float32)

    good = ivar > 0
    noise = torch.where(good, linear.noise_factor() / ivar.clamp(min=1e-30), 0)
    excess = torch.minimum((flux - post.model) ** 2, _CHI2_CLIP / post.residual_weight.clamp(min=1e-30)) - noise
    level = (post.model**2) * post.residual_weight  # (n_spec, n_wave)
    forest = fraction - linear.fractional_variance(frame, torch.ones_like(transmission))
    top = spread(frame, low, (excess - forest * post.model**2) * level * post.residual_weight)
    sums.rest_error[at] += np.stack([top.sum(axis=0), spread(frame, low, level**2).sum(axis=0)], axis=1)
    clear = good & (transmission > 0.999)
    sums.observed_error[:, 0] += torch.where(clear, chi2.clamp(max=_CHI2_CLIP), 0).double().sum(dim=0).numpy()
    sums.observed_error[:, 1] += clear.double().sum(dim=0).numpy()
    sums.moment += second.sum(axis=0)
    ratio = torch.log(post.amplitude / linear.mean_amplitude(frame)).double().numpy()
    sums.amplitude.append(np.stack([ratio, post.covariance[:, 0, 0].numpy(), np.log1p(frame.z.numpy())]))
    sums.evidence.append(_evidence(linear, post, chi2, ivar))


def spread(frame: Frame, low: int, value: torch.Tensor) -> NDArray[np.float32]:
    """Values (n_spec, n_wave) at their nearest rest-frame pixel, counted from ``low``."""
    out = np.zeros((len(frame.start), max(frame.start) - low + N_MODEL + 1), np.float32)
    array = value.numpy()
    nearest = (frame.fraction[:, 0] > 0.5).int().tolist()
    for row, start in enumerate(frame.start):
        at = start - low + nearest[row]
        out[row, at : at + N_MODEL] = array[row]
    return out


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


def square(upper: Float, n_column: int) -> torch.Tensor:
    """Symmetric matrices (n, n_column, n_column) from their upper triangles (n, n_column (n_column + 1) / 2)."""
    at = np.triu_indices(n_column)
    place = np.empty((n_column, n_column), np.int64)
    place[at], place[at[::-1]] = np.arange(len(at[0])), np.arange(len(at[0]))
    return torch.from_numpy(upper[:, place.ravel()].reshape(-1, n_column, n_column))


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


@torch.no_grad()
def evidence(linear: LinearModel, flux_array: NDArray[np.float32], ivar_array: NDArray[np.float32], z: Float) -> Float:
    """Log-likelihood of each spectrum under the linear model, the components integrated out, (n_spec,) [nat].

    Student errors, Laplace's approximation; relative to a spectrum that is known without model error.
    """
    frame = linear.grid.frame(z)
    flux, ivar = torch.from_numpy(flux_array), torch.from_numpy(ivar_array)
    transmission = linear.igm(frame)
    fraction = linear.fractional_variance(frame, transmission)
    post = linear.posterior(flux, ivar, frame, transmission, fraction)
    chi2 = (flux - post.model) ** 2 * post.residual_weight
    return _evidence(linear, post, chi2, ivar)


def _evidence(linear: LinearModel, post: Posterior, chi2: torch.Tensor, ivar: torch.Tensor) -> Float:
    dof = linear.student_dof
    inflation = torch.where(ivar > 0, ivar / post.residual_weight.clamp(min=1e-30), 1.0)
    pixels = ((dof + 1) * torch.log1p(chi2 / dof) + torch.log(inflation)).double().sum(dim=1)
    penalty = (post.mean.double() ** 2).sum(dim=1) + torch.logdet(post.precision)
    result: Float = (-0.5 * (pixels + penalty)).numpy()
    return result
