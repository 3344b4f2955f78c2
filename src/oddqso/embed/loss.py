"""What the training makes small: misfit in units of its error, the size of the error, and the divergence."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from oddqso.embed.linear import LinearModel
from oddqso.spectra.lines import LINES

_HALF_WIDTH_KMS = 4000.0
_LIGHT_KMS = 299_792.458


class Terms(NamedTuple):
    """Means over spectra, per pixel of the grid: what is minimized, misfit, divergence."""

    loss: Tensor
    reconstruction: Tensor
    kl: Tensor


def line_weights(wave_rest: NDArray[np.float64], weight: float) -> NDArray[np.float32]:
    """Weights of pixels, (n_rest,): ``weight`` within 4000 km/s of a broad line, else 1.

    Examples
    --------
    >>> line_weights(np.array([1450.0, 1549.0]), 1.5).tolist()
    [1.0, 1.5]
    """
    near = np.zeros(len(wave_rest), dtype=bool)
    for line in LINES:
        if line.broad:
            near |= np.abs(np.log(wave_rest / line.wave_angstrom)) < _HALF_WIDTH_KMS / _LIGHT_KMS
    return np.where(near, weight, 1.0).astype(np.float32)


def consistency(dof: float) -> float:
    """E[w chi^2] for a standard normal chi and w = (dof + 1) / (dof + chi^2), by quadrature.

    Examples
    --------
    >>> 0.7 < consistency(5.0) < 0.9
    True
    """
    chi = np.linspace(-8, 8, 4001)
    density = np.exp(-0.5 * chi**2)
    return float(np.sum(density * (dof + 1) / (dof + chi**2) * chi**2) / np.sum(density))


def misfit(flux: Tensor, ivar: Tensor, model: Tensor, variance: Tensor, weight: Tensor, dof: float | None) -> Tensor:
    """Half of sum(r^2 / s^2 + log(s^2 ivar)) over good pixels, (n_spec,).

    Parameters
    ----------
    flux, ivar, model, variance, weight : (n_spec, n_wave) float32
        Spectrum, reconstruction, variance of the residual, weights of the pixels.
    dof : float, optional
        Degrees of freedom of Student weights; the log term is scaled so that the variance of Gaussian residuals is
        still found. None is Gaussian.
    """
    good = ivar > 0
    chi2 = (flux - model) ** 2 / variance
    term = chi2
    scale = 1.0
    if dof is not None:
        term = (dof + 1) * torch.log1p(chi2 / dof)
        scale = consistency(dof)
    log_inflation = torch.log((variance * ivar).clamp(min=1e-12))
    return 0.5 * torch.where(good, weight * (term + scale * log_inflation), 0).sum(dim=1)


def roughness(linear: LinearModel) -> Tensor:
    """Squared second differences of the logarithms of the errors: a penalty, ()."""
    bends = [torch.diff(node, n=2).pow(2).sum() for node in (linear.log_sigma_rest, linear.log_sigma_observed)]
    return torch.stack([*bends, 0.1 * torch.diff(linear.log_excess, n=2).pow(2).sum()]).sum()


def free_bits(kl: Tensor, allowance: float) -> Tensor:
    """Sum over latents of the mean KL beyond the allowance, (), from ``kl`` (n_spec, n_latent)."""
    return nn.functional.relu(kl.mean(dim=0) - allowance).sum()
