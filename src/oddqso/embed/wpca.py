"""A weighted PCA in the rest frame, as a model to compare with: mean and components by alternating least squares.

Components at fixed coefficients, coefficients at fixed components, all pixels weighted by their inverse variance:
Bailey 2012, PASP 124, 1015; Tsalmantza & Hogg 2012, ApJ 753, 122. No prior to speak of, and no error of its own.
"""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from oddqso.embed.frame import Frame, back_project, gram, take
from oddqso.embed.linear import Posterior
from oddqso.embed.module import Batch
from oddqso.embed.params import EmbedParams
from oddqso.embed.sums import spread, square
from oddqso.embed.vae import Encoded, Vae

_FLOOR = 0.05  # of the typical flux, added to the noise, so that the brightest spectra do not rule
_RIDGE = 0.1  # prior of a coefficient: 3 times its scatter; a component that is lost in the noise vanishes
_WEAK = 0.1  # what a pixel that no spectrum covers is drawn to 0 with
_BLOCK = 1024


class WeightedPca(Vae):
    """Mean and components alone; latents 1 to ``n_component`` are the coefficients, all others are 0.

    Parameters
    ----------
    n_component : int
        How many components.
    z_min, z_max : float
        Redshifts that the rest-frame grid covers.
    """

    def __init__(self, n_component: int, z_min: float, z_max: float) -> None:
        n_latent = max(4, -(-4 * n_component // 3))
        super().__init__(
            EmbedParams(
                n_latent=n_latent, n_linear=n_component, n_channel=4, n_hidden=8, z_min=z_min, z_max=z_max
            )
        )  # fmt: skip

    @torch.no_grad()
    def encode(self, flux: Tensor, ivar: Tensor, frame: Frame, transmission: Tensor, fraction: Tensor) -> Encoded:
        """Coefficients of ``flux``, ``ivar`` (n_spec, n_wave) by weighted least squares."""
        frame = nearest(frame)
        typical = take(self.linear.table[:, 0], frame) * transmission
        found = self.coefficients(flux, capped_weight(ivar, typical), frame, transmission)
        latent = flux.new_zeros(len(flux), self.params.n_latent)
        latent[:, 1 : 1 + self.params.n_component] = found[:, 1 : 1 + self.params.n_component]
        return plainly_encoded(latent, typical)

    def coefficients(self, flux: Tensor, weight: Tensor, frame: Frame, transmission: Tensor) -> Tensor:
        """Coefficients (n_spec, n_column) at whole pixels, the first of them 1: that of the mean."""
        table = self.linear.table
        mean = take(table[:, 0], frame) * transmission
        curvature = gram(table, frame, weight * transmission**2).double()[:, 1:, 1:]
        slope = back_project(table, frame, (flux - mean) * weight * transmission).double()[:, 1:]
        ridge = _RIDGE * torch.eye(curvature.shape[1], dtype=torch.float64, device=flux.device)
        found = torch.linalg.solve(curvature + ridge, slope).float()
        return torch.cat([torch.ones_like(found[:, :1]), found], dim=1)

    def decode(self, latent: Tensor, frame: Frame, transmission: Tensor) -> Tensor:
        """Model flux in the observed frame, (n_spec, n_wave), at whole pixels."""
        return super().decode(latent, nearest(frame), transmission)

    def error(self, ivar: Tensor, model: Tensor, fraction: Tensor, floor: Tensor) -> Tensor:
        """It knows none, (n_spec, n_wave)."""
        return torch.zeros_like(model)

    @torch.no_grad()
    def fit(self, batches: Iterable[Batch], rng: np.random.Generator, n_step: int) -> None:
        """Fit mean and components to all spectra, in place.

        Parameters
        ----------
        batches : iterable
            All spectra, walked through ``n_step + 1`` times.
        rng : Generator
            For the components to start from.
        n_step : int
            Iterations.
        """
        table = self.linear.table
        table.zero_()
        table[:, :1] = self._improved(batches, 1)
        noise = gaussian_filter1d(rng.normal(size=(len(table), self.params.n_component)), 60, axis=0, mode="nearest")
        start = 0.1 * table[:, :1].double().numpy() * noise / noise.std(axis=0)
        table[:, 1 : 1 + start.shape[1]] = torch.from_numpy(start.astype(np.float32))
        for _ in range(n_step):
            table[:, : 1 + start.shape[1]] = self._improved(batches, 1 + start.shape[1])

    def _improved(self, batches: Iterable[Batch], n_column: int) -> Tensor:
        """The best mean and components at the present coefficients, which then have mean 0 and variance 1."""
        n_rest = len(self.linear.table)
        normal, right = np.zeros((n_rest, n_column * (n_column + 1) // 2)), np.zeros((n_rest, n_column))
        moment, upper = np.zeros((n_column, n_column)), np.triu_indices(n_column)
        for flux, ivar, z in batches:
            frame = nearest(self.grid.frame(z))
            transmission, _ = self.context(frame)
            typical = take(self.linear.table[:, 0], frame).clamp(min=0.1) * transmission
            weight = capped_weight(ivar, typical)
            first = self.coefficients(flux, weight, frame, transmission)[:, :n_column].double().numpy()
            outer = first[:, upper[0]] * first[:, upper[1]]
            low = min(frame.start)
            wide, tall = (
                spread(frame, low, value) for value in (weight * transmission**2, weight * transmission * flux)
            )
            at = slice(low, low + wide.shape[1])
            normal[at] += wide.T @ outer.astype(np.float32)
            right[at] += tall.T @ first.astype(np.float32)
            moment += first.T @ first
        return torch.from_numpy(_standardized(_solved(normal, right), moment / moment[0, 0]).astype(np.float32))


def _solved(normal: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solution of the normal equations of each pixel, (n_rest, n_column)."""
    table = np.empty_like(right)
    for first in range(0, len(right), _BLOCK):
        rows = slice(first, first + _BLOCK)
        matrix = square(normal[rows], right.shape[1])
        matrix.diagonal(dim1=1, dim2=2).add_(_WEAK)
        table[rows] = torch.linalg.solve(matrix, torch.from_numpy(right[rows, :, None]))[:, :, 0].numpy()
    return table


def _standardized(table: NDArray[np.float64], moment: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same model, with coefficients of mean 0 and variance 1."""
    mean = moment[0, 1:]
    variance, axes = np.linalg.eigh(moment[1:, 1:] - np.outer(mean, mean))
    root = axes * np.sqrt(np.maximum(variance, 0))
    return np.concatenate([table[:, :1] + table[:, 1:] @ mean[:, None], table[:, 1:] @ root], axis=1)


def nearest(frame: Frame) -> Frame:
    """The same spectra at the nearest whole pixels."""
    up = (frame.fraction[:, 0] > 0.5).long()
    start = [first + more for first, more in zip(frame.start, up.tolist(), strict=True)]
    return frame._replace(start=start, first=frame.first + up, fraction=torch.zeros_like(frame.fraction))


def capped_weight(ivar: Tensor, typical: Tensor) -> Tensor:
    """Weights of pixels, (n_spec, n_wave): inverse variance, with a share of the typical flux added to the noise."""
    return torch.where(ivar > 0, ivar / (1 + ivar * (_FLOOR * typical) ** 2), 0.0)


def plainly_encoded(latent: Tensor, typical: Tensor) -> Encoded:
    """Latents (n_spec, n_latent) without posterior: no width, no divergence."""
    nothing = dict.fromkeys(Posterior._fields, latent.new_zeros(len(latent), 0, 0))
    linear = Posterior(**nothing)._replace(amplitude=latent.new_ones(len(latent)), model=typical)
    return Encoded(latent, torch.zeros_like(latent), latent.new_zeros(len(latent)), linear)
