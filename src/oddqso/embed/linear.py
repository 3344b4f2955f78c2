"""The linear part of the model: mean and components in the rest frame, and their posterior in closed form.

A spectrum is ``A T(z) (m + B c)``: amplitude A, mean transmission T, mean rest-frame spectrum m, components B with
``c ~ N(0, 1)``. Given the errors of the pixels the posterior of c is Gaussian; the amplitude has a broad prior about
what the data say by themselves, so that the way in which a spectrum was normalized does not matter.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from oddqso.embed.frame import Frame, RestGrid, back_project, gram, project, take
from oddqso.embed.igm import MeanIgm, igm_variance
from oddqso.embed.solving import diagonal_of_inverse, solve
from oddqso.spectra.grid import N_MODEL

FLOOR = 0.05
"""Least flux that the model error is a fraction of, in units of the amplitude, for where the model crosses zero."""

_RIDGE = 1e-4
"""Share of its diagonal that is added to the curvature."""

_ROUGH_BIN, _BIN = 4, 2
"""Pixels that are taken together for the curvature, in all turns but the last and in the last."""

_BRIGHT = 32.0
"""Mean squared signal-to-noise ratio of a pixel from which on the last turn takes every pixel by itself."""

_FIRST_STEPS = 2
"""Steps towards the amplitude in the first turn; later turns begin near it and need one."""

_STRETCH = 50
"""Pixels of a stretch whose amplitude is taken by itself."""

_SIGNIFICANT = 5.0
"""The amplitude of the data counts from here on, in units of its error."""

N_AMPLITUDE = 24
"""Nodes in ln(1 + z) at which the mean amplitude is kept."""


class Posterior(NamedTuple):
    """Posterior of the linear part of n_spec spectra.

    ``amplitude`` (n_spec,) A; ``mean`` (n_spec, n_column - 1) of c; ``precision`` (n_spec, n_column, n_column) and
    ``variance`` (n_spec, n_column) float64 of (amplitude / A, c), and the lower Cholesky factor ``root`` of the
    precision; ``residual_weight`` (n_spec, n_wave) inverse variance of a residual, Student weights left out; ``model``
    (n_spec, n_wave).
    """

    amplitude: Tensor
    mean: Tensor
    precision: Tensor
    variance: Tensor
    root: Tensor
    residual_weight: Tensor
    model: Tensor

    @property
    def covariance(self) -> Tensor:
        """Inverse of the precision, (n_spec, n_column, n_column) float64; made anew each time."""
        return torch.cholesky_inverse(self.root)

    @property
    def log_precision(self) -> Tensor:
        """Logarithm of the determinant of the precision, (n_spec,) float64."""
        return 2 * torch.diagonal(self.root, dim1=1, dim2=2).log().sum(dim=1)


class LinearModel(nn.Module):
    """Mean, components, mean amplitude and model error; all buffers, fitted by `oddqso.embed.basis`, save the errors.

    Parameters
    ----------
    n_component : int
        Components, the mean not counted.
    grid : RestGrid
        The rest-frame grid.
    student_dof, n_robust :
        As in `EmbedParams`.
    """

    table: Tensor
    mean_variance: Tensor
    log_amplitude: Tensor
    amplitude_scatter: Tensor

    def __init__(self, n_component: int, grid: RestGrid, student_dof: float, n_robust: int) -> None:
        super().__init__()
        self.grid, self.n_component = grid, n_component
        self._averaged: dict[int, tuple[Tensor, int, Tensor]] = {}
        self.student_dof, self.n_robust = student_dof, n_robust
        self.igm = MeanIgm(grid)
        self.n_column = 16 * math.ceil((1 + n_component) / 16)  # mean first; columns beyond the components stay 0
        self.register_buffer("table", torch.zeros(grid.n_wave, self.n_column))
        self.register_buffer("mean_variance", torch.zeros(grid.n_wave))
        self.register_buffer("log_amplitude", torch.zeros(N_AMPLITUDE))
        self.register_buffer("amplitude_scatter", torch.tensor(0.3))
        self.log_sigma_rest = nn.Parameter(torch.full((grid.n_wave // 16,), -3.0))
        self.log_sigma_observed = nn.Parameter(torch.full((N_MODEL // 4,), -4.0))
        self.log_excess = nn.Parameter(torch.full((N_MODEL // 4,), -3.0))  # share of the noise variance that is missing
        self.forest_share = nn.Parameter(torch.tensor(-0.5))

    def mean_amplitude(self, frame: Frame) -> Tensor:
        """Mean amplitude at each redshift, (n_spec,)."""
        low, high = torch.log1p(torch.tensor([self.grid.z_min, self.grid.z_max], dtype=torch.float64))
        at = (torch.log1p(frame.z) - low) / (high - low) * (N_AMPLITUDE - 1)
        left = at.long().clamp(0, N_AMPLITUDE - 2)
        weight = (at - left).float()
        return torch.exp(torch.lerp(self.log_amplitude[left], self.log_amplitude[left + 1], weight))

    def fractional_variance(self, frame: Frame, transmission: Tensor) -> Tensor:
        """Variance of the model error as a fraction of the model squared, (n_spec, n_wave)."""
        observed = stretch(torch.exp(2 * self.log_sigma_observed), N_MODEL)
        forest = torch.sigmoid(self.forest_share) * igm_variance(transmission)
        return self.rest_variance(frame) + observed + forest + 1e-6

    def rest_variance(self, frame: Frame) -> Tensor:
        """The part of it that belongs to the rest frame, (n_spec, n_wave)."""
        return take(stretch(torch.exp(2 * self.log_sigma_rest), self.grid.n_wave) + self.mean_variance, frame)

    def noise_factor(self) -> Tensor:
        """What the noise variance is multiplied by, (n_wave,), at least 1: ivar knows little of sky residuals."""
        return 1 + stretch(torch.exp(self.log_excess), N_MODEL)

    def variance(self, ivar: Tensor, model: Tensor, fraction: Tensor, floor: Tensor) -> Tensor:
        """Variance of the residual, (n_spec, n_wave), 1 where nothing is known.

        ``floor`` (n_spec, 1) keeps the model error from vanishing where the model crosses zero.
        """
        level = torch.maximum(model.abs(), floor)
        known = ivar > 0
        total = self.noise_factor() / torch.where(known, ivar, 1.0) + fraction * level**2
        return torch.where(known, total, 1.0)

    @torch.no_grad()
    def posterior(self, flux: Tensor, ivar: Tensor, frame: Frame, transmission: Tensor, fraction: Tensor) -> Posterior:
        """Posterior given the spectra, pixels far off the fit weighted down.

        Parameters
        ----------
        flux, ivar : (n_spec, n_wave) float32
            In any unit; ``ivar == 0`` where nothing is known.
        frame : Frame
            Of the spectra.
        transmission, fraction : (n_spec, n_wave) float32
            Mean transmission and `fractional_variance`.
        """
        noise = self.noise_factor() / ivar.clamp(min=0)  # (n_spec, n_wave), infinite where nothing is known
        model = take(self.table[:, 0], frame).mul_(transmission)
        centre = own_amplitude(self.mean_amplitude(frame), flux, noise, model)  # (n_spec,)
        amplitude, coefficient = centre, torch.zeros(len(flux), self.n_column, device=flux.device)
        coefficient[:, 0] = 1
        model.mul_(centre[:, None])
        for turn in range(self.n_robust + 1):
            level = model.square().clamp_(min=(FLOOR * amplitude[:, None]) ** 2)
            variance = torch.addcmul(noise, fraction, level, out=level)  # (n_spec, n_wave)
            misfit = flux - model
            weight = variance
            if turn:  # weights of a Student likelihood are those of a variance that grows with the misfit
                weight = torch.addcmul(variance, misfit, misfit, value=1 / self.student_dof)
            weight = transmission / weight
            start = coefficient * amplitude[:, None]
            bright = None  # or which spectra are, (n_spec,)
            if turn == self.n_robust:
                bright = (model**2 / variance).mean(dim=1) > _BRIGHT
            curvature, slope = self._expand(weight, misfit, start, frame, transmission, bright)
            if turn:
                curvature, slope = (part * (1 + 1 / self.student_dof) for part in (curvature, slope))
            solution = solve(curvature, slope, amplitude.double(), centre.double(), 1 if turn else _FIRST_STEPS)
            amplitude, coefficient = solution.amplitude.float(), solution.coefficient.float()
            model = project(self.table, frame, coefficient * amplitude[:, None]).mul_(transmission)
        root = solution.root
        spread = diagonal_of_inverse(root)
        return Posterior(amplitude, coefficient[:, 1:], solution.precision, spread, root, variance.reciprocal_(), model)

    def _expand(
        self, weight: Tensor, misfit: Tensor, start: Tensor, frame: Frame, transmission: Tensor, bright: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Half of chi^2 as a quadratic form in amplitude times (1, c): its matrix and the vector beside it, float64.

        The gradient at ``start`` is exact. The curvature is to the nearest pixel, and of the table averaged over a few
        pixels, which the next turn makes good; in the last, where it is known which are ``bright``, over two, and for
        those over none. ``weight`` is that of the pixels times their transmission; it and ``misfit`` are used up.
        """
        slope = back_project(self.table, frame, misfit.mul_(weight)).double()
        seen = weight.mul_(transmission)  # (n_spec, n_wave)
        n_bin = _ROUGH_BIN if bright is None else _BIN
        binned = sum(seen[:, part::n_bin] for part in range(1, n_bin)) + seen[:, ::n_bin]
        curvature = gram(self._averaged_table(n_bin), frame, binned, n_bin, None if bright is None else ~bright)
        if bright is not None:
            curvature += gram(self.table, frame, seen, rows=bright)
        curvature = curvature.double()
        diagonal = torch.diagonal(curvature, dim1=1, dim2=2)
        diagonal *= 1 + _RIDGE  # sums of float32 know nothing smaller, and a negative direction has no width
        return curvature, slope + torch.bmm(curvature, start.double()[:, :, None])[:, :, 0]

    def _averaged_table(self, n_bin: int) -> Tensor:
        """The table averaged over ``n_bin`` neighboring pixels, made anew only when the table has changed."""
        kept = self._averaged.get(n_bin)
        if kept is None or kept[0] is not self.table or kept[1] != self.table._version:
            kept = self._averaged[n_bin] = (self.table, self.table._version, box_average(self.table, n_bin))
        return kept[2]

    def student_weight(self, chi2: Tensor) -> Tensor:
        """Weights of a Student likelihood, 1 at chi2 = 1."""
        return (self.student_dof + 1) / (self.student_dof + chi2)


def own_amplitude(mean: Tensor, flux: Tensor, noise: Tensor, shape: Tensor) -> Tensor:
    """Amplitude that the data have by themselves, (n_spec,); where they say next to nothing its ``mean``.

    The weighted median of the amplitudes of stretches of pixels: no stray pixel moves it.

    Parameters
    ----------
    mean : (n_spec,) float32
        Mean amplitude at the redshift.
    flux, noise, shape : (n_spec, n_wave) float32
        Data, their variance (infinite where nothing is known), and the mean spectrum with amplitude 1.
    """
    weighted = shape / noise
    product, square = ((weighted * part).view(len(mean), -1, _STRETCH).sum(dim=2) for part in (flux, shape))
    own, order = torch.sort(product / square.clamp(min=1e-30), dim=1)  # (n_spec, n_stretch)
    summed = torch.gather(square.sqrt(), 1, order).cumsum(dim=1)
    middle = (summed < 0.5 * summed[:, -1:]).sum(dim=1, keepdim=True).clamp(max=own.shape[1] - 1)
    median = torch.gather(own, 1, middle)[:, 0]
    known = (median > 0) & (median**2 * square.sum(dim=1) > _SIGNIFICANT**2)
    return torch.where(known, median, mean)


def box_average(table: Tensor, n_bin: int) -> Tensor:
    """Each row of ``table`` (n_rest, n_column) averaged with the next ``n_bin - 1``; the end is repeated."""
    long = torch.cat([table, table[-1:].expand(n_bin - 1, -1)])
    return torch.stack([long[i : i + len(table)] for i in range(n_bin)]).mean(dim=0)


def stretch(node: Tensor, n_wave: int) -> Tensor:
    """Linear interpolation of values at evenly spaced nodes to ``n_wave`` pixels."""
    stretched: Tensor = nn.functional.interpolate(node[None, None], size=n_wave, mode="linear", align_corners=False)
    return stretched[0, 0]
