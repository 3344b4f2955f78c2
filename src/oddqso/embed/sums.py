"""What spectra say of a linear model, summed over all of them: the E step of its fit, and how likely they are."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from oddqso.embed.frame import Frame
from oddqso.embed.linear import LinearModel, Posterior
from oddqso.spectra.grid import N_MODEL

Float = NDArray[np.float64]
Batches = Callable[[], Iterator[tuple[NDArray[np.float32], NDArray[np.float32], Float]]]
"""Makes an iterator over batches of flux, ivar (n_spec, n_wave) and z (n_spec,)."""

_CHI2_CLIP = 16.0


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
    sums.amplitude.append(np.stack([ratio, post.variance[:, 0].numpy(), np.log1p(frame.z.numpy())]))
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


def square(upper: Float, n_column: int) -> torch.Tensor:
    """Symmetric matrices (n, n_column, n_column) from their upper triangles (n, n_column (n_column + 1) / 2)."""
    at = np.triu_indices(n_column)
    place = np.empty((n_column, n_column), np.int64)
    place[at], place[at[::-1]] = np.arange(len(at[0])), np.arange(len(at[0]))
    return torch.from_numpy(upper[:, place.ravel()].reshape(-1, n_column, n_column))


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
    penalty = (post.mean.double() ** 2).sum(dim=1) + post.log_precision
    result: Float = (-0.5 * (pixels + penalty)).numpy()
    return result
