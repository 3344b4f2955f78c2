"""The model: linear part in closed form, convolutions for the rest, one latent vector for both.

Latent 0 is the amplitude, ``(ln A - mean) / scatter``; the next ``n_component`` are the linear components; the others
belong to the convolutions alone. A spectrum is ``A T(z) (m (1 + N(latent)) + B c)``.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from oddqso.embed.frame import Frame, RestGrid, project, take
from oddqso.embed.linear import FLOOR, LinearModel, Posterior
from oddqso.embed.network import N_INPUT, ConvDecoder, ConvEncoder
from oddqso.embed.params import EmbedParams

_HALF_INFORMATION = 300.0
"""Summed squared signal-to-noise ratio at which the convolutions are half trusted."""


class Encoded(NamedTuple):
    """Posterior of n_spec spectra: means and widths (n_spec, n_latent), KL (n_spec,), and what it was made from."""

    mean: Tensor
    sigma: Tensor
    kl: Tensor
    linear: Posterior


class Reconstruction(NamedTuple):
    """What a model makes of n_spec spectra: see `Vae.reconstruct`.

    ``frame`` of the spectra; ``transmission`` and ``fraction`` (n_spec, n_wave) of `Vae.context`; ``encoded``; ``flux``
    (n_spec, n_wave) at the posterior mean; ``floor`` (n_spec, 1), the least flux that the model error is a fraction of.
    """

    frame: Frame
    transmission: Tensor
    fraction: Tensor
    encoded: Encoded
    flux: Tensor
    floor: Tensor


class Vae(nn.Module):
    """Encoder and decoder.

    Parameters
    ----------
    params : EmbedParams
        The architecture.
    """

    def __init__(self, params: EmbedParams) -> None:
        super().__init__()
        self.params = params
        self.mixed = False
        self.grid = RestGrid(params.z_min, params.z_max)
        self.linear = LinearModel(params.n_component, self.grid, params.student_dof, params.n_robust)
        self.encoder = ConvEncoder(params, self.grid)
        self.decoder = ConvDecoder(params, self.grid)

    def reconstruct(self, flux: Tensor, ivar: Tensor, z: NDArray[np.float64]) -> Reconstruction:
        """Spectra ``flux``, ``ivar`` (n_spec, n_wave) at redshifts ``z`` (n_spec,), encoded and decoded again."""
        frame = self.grid.frame(z, flux.device)
        transmission, fraction = self.context(frame)
        encoded = self.encode(flux, ivar, frame, transmission, fraction)
        floor = FLOOR * encoded.linear.amplitude[:, None]
        return Reconstruction(
            frame, transmission, fraction, encoded, self.decode(encoded.mean, frame, transmission), floor
        )

    def encode(self, flux: Tensor, ivar: Tensor, frame: Frame, transmission: Tensor, fraction: Tensor) -> Encoded:
        """Posterior of the latents given ``flux``, ``ivar`` (n_spec, n_wave).

        ``transmission`` and ``fraction`` are those of `LinearModel.posterior`.
        """
        n_component = self.params.n_component
        post = self.linear.posterior(flux, ivar, frame, transmission, fraction)
        known = (ivar > 0).float()
        root = post.residual_weight.sqrt()  # (n_spec, n_wave), 0 where masked
        signal = post.model.abs() * root
        inputs = flux.new_empty(*flux.shape, N_INPUT)  # (n_spec, n_wave, N_INPUT)
        torch.mul(((flux - post.model) * root).clamp_(-6, 6), 0.5, out=inputs[..., 0])
        brightness = flux * root
        torch.copysign(torch.log1p(brightness.abs()).mul_(0.5), brightness, out=inputs[..., 1])
        torch.mul(torch.log1p(signal), 0.5, out=inputs[..., 2])
        inputs[..., 3] = known
        with self._precision(flux):
            out = self.encoder(inputs, known, frame).float()
        information = (signal**2).sum(dim=1, keepdim=True)  # (n_spec, 1)
        trust = information / (information + _HALF_INFORMATION)

        n_first = 1 + n_component
        variance = post.variance[:, :n_first].float()  # (n_spec, 1 + n_component)
        sigma_linear = variance[:, 1:].sqrt()
        learned = (1 - variance[:, 1:]).clamp(min=0)
        shift, location, width = out.split([n_component, self.params.n_nonlinear, self.params.n_nonlinear], dim=1)
        mean_linear = post.mean[:, :n_component] + torch.tanh(shift) * trust * sigma_linear * learned.sqrt()
        mean_rest = location * trust
        log_sigma = -nn.functional.softplus(4 * width - 4) * trust
        scatter = self.linear.amplitude_scatter
        relative = post.amplitude / self.linear.mean_amplitude(frame)
        mean_amplitude = torch.log(relative) / scatter
        wide = variance[:, 0].sqrt() / scatter
        sigma_amplitude = wide / torch.sqrt(1 + wide**2)  # the prior of the fit is broader than that of the latent

        mean = torch.cat([mean_amplitude[:, None], mean_linear, mean_rest], dim=1)
        sigma = torch.cat([sigma_amplitude[:, None], sigma_linear, torch.exp(log_sigma)], dim=1)
        kl = self.kl_linear(mean_linear, post) + kl_units(mean_rest, log_sigma).sum(dim=1)
        return Encoded(mean, sigma, kl, post)

    def _precision(self, like: Tensor) -> AbstractContextManager[object]:
        """Within it the convolutions are made in bfloat16, if that is wanted; the linear part never is."""
        return torch.autocast(like.device.type, torch.bfloat16) if self.mixed else nullcontext()

    def kl_linear(self, mean: Tensor, post: Posterior) -> Tensor:
        """Divergence of the components' posterior, correlations and all, from N(0, 1), (n_spec,) [nat]."""
        n_first = 1 + self.params.n_component
        trace = post.variance[:, 1:n_first].sum(dim=1)
        # A block of an inverse: ln det of it is that of the rest of the matrix, less that of the whole.
        log_covariance = torch.log(post.precision[:, 0, 0]) - post.log_precision
        constant = 0.5 * (trace - self.params.n_component - log_covariance)
        total: Tensor = 0.5 * (mean**2).sum(dim=1) + constant.float()
        return total

    def sample(self, encoded: Encoded, generator: torch.Generator) -> Tensor:
        """A draw from the posterior, (n_spec, n_latent); the linear part with its correlations."""
        mean, sigma = encoded.mean, encoded.sigma
        noise = torch.randn(mean.shape, generator=generator).to(mean.device)
        n_first = 1 + self.params.n_component
        root = encoded.linear.root  # of the precision: its inverse, transposed, makes a draw of noise
        unit = nn.functional.pad(noise[:, :n_first, None].double(), (0, 0, 0, root.shape[1] - n_first))
        drawn = torch.linalg.solve_triangular(root.mT, unit, upper=True)[:, :n_first, 0].float()
        scale = torch.ones(n_first, device=mean.device)
        scale[0] = 1 / self.linear.amplitude_scatter
        first = mean[:, :n_first] + drawn.clamp(-3, 3) * scale
        return torch.cat([first, mean[:, n_first:] + sigma[:, n_first:] * noise[:, n_first:]], dim=1)

    def decode(self, latent: Tensor, frame: Frame, transmission: Tensor) -> Tensor:
        """Model flux in the observed frame, (n_spec, n_wave), of ``latent`` (n_spec, n_latent)."""
        n_first = 1 + self.params.n_component
        amplitude = self.linear.mean_amplitude(frame) * torch.exp(latent[:, 0] * self.linear.amplitude_scatter)
        mean = take(self.linear.table[:, 0], frame)
        weight = nn.functional.pad(latent[:, :n_first], (0, self.linear.n_column - n_first))
        keep = torch.arange(self.linear.n_column, device=latent.device) > 0
        shape = mean + project(self.linear.table, frame, weight * keep)
        with self._precision(latent):
            more = self.decoder(latent[:, 1:], frame).float()
        shape = shape + mean * more
        flux: Tensor = amplitude[:, None] * transmission * shape
        return flux

    def error(self, ivar: Tensor, model: Tensor, fraction: Tensor, floor: Tensor) -> Tensor:
        """Model error as a fraction of ``abs(model)``, (n_spec, n_wave); noise beyond that of ``ivar`` is part of it.

        Where nothing is known the noise adds nothing.
        """
        size = model.abs()
        level = torch.maximum(size, floor).square()
        excess = torch.nan_to_num((self.linear.noise_factor() - 1) / ivar, nan=0.0, posinf=0.0)
        return torch.addcmul(excess, fraction, level).sqrt() / size.clamp(min=1e-12)

    def context(self, frame: Frame) -> tuple[Tensor, Tensor]:
        """Mean transmission and fractional variance of spectra in these frames, (n_spec, n_wave) each."""
        transmission = self.linear.igm(frame)
        return transmission, self.linear.fractional_variance(frame, transmission)


def kl_units(mean: Tensor, log_sigma: Tensor) -> Tensor:
    """Divergence from N(0, 1) of each latent, (n_spec, n_latent) [nat].

    Examples
    --------
    >>> kl_units(torch.zeros(1, 2), torch.zeros(1, 2)).tolist()
    [[0.0, 0.0]]
    """
    return 0.5 * (mean**2 + torch.exp(2 * log_sigma) - 1) - log_sigma
