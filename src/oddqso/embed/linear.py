"""The linear part of the model: mean and components in the rest frame, and their posterior in closed form.

A spectrum is ``A T(z) (m + B c)``: amplitude A, mean transmission T, mean rest-frame spectrum m, components B with
``c ~ N(0, 1)``. Given the errors of the pixels the posterior of c is Gaussian; the amplitude has a broad prior about
its mean at that redshift, so that the way in which a spectrum was normalized does not matter.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from oddqso.embed.frame import Frame, RestGrid, back_project, gram, project, take
from oddqso.embed.igm import MeanIgm, igm_variance
from oddqso.spectra.grid import N_MODEL

AMPLITUDE_SIGMA = 3.0
"""Width of the prior of the amplitude, as a fraction of its mean."""

_RIDGE = 1e-4
"""Share of its diagonal that is added to the curvature."""

_BIN = 4
"""Pixels that are taken together where the curvature need not be exact."""

N_AMPLITUDE = 24
"""Nodes in ln(1 + z) at which the mean amplitude is kept."""


class Posterior(NamedTuple):
    """Posterior of the linear part of n_spec spectra.

    ``amplitude`` (n_spec,) A; ``mean`` (n_spec, n_column - 1) of c; ``precision`` and ``covariance``
    (n_spec, n_column, n_column) float64 of (amplitude / A, c); ``residual_weight`` (n_spec, n_wave) inverse variance
    of a residual, Student weights left out; ``model`` (n_spec, n_wave).
    """

    amplitude: Tensor
    mean: Tensor
    precision: Tensor
    covariance: Tensor
    residual_weight: Tensor
    model: Tensor


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
        self._averaged: tuple[Tensor, int, Tensor] | None = None
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
        prior_amplitude = self.mean_amplitude(frame)  # (n_spec,)
        unit = (
            project(self.table[:, :1], frame, torch.ones(len(flux), 1, device=flux.device)) * transmission
        )  # the mean spectrum
        amplitude, model = prior_amplitude, unit * prior_amplitude[:, None]
        coefficient = torch.zeros(len(flux), self.n_column, device=flux.device)
        coefficient[:, 0] = 1
        averaged = self._averaged_table()
        for turn in range(self.n_robust + 1):
            floor = 0.05 * amplitude[:, None]
            known = ivar > 0
            weight = torch.where(known, 1 / self.variance(ivar, model, fraction, floor), 0)
            plain = weight
            if turn:
                weight = weight * self.student_weight((flux - model) ** 2 * weight)
            amplitude, coefficient, precision = self._solve(
                flux, weight, frame, transmission, amplitude, coefficient, prior_amplitude,
                averaged if turn < self.n_robust else None,
            )  # fmt: skip
            model = project(self.table, frame, coefficient) * transmission * amplitude[:, None]
        root, failed = torch.linalg.cholesky_ex(precision)  # safe whatever the scales; fails on what is not finite
        covariance = torch.where(failed[:, None, None] > 0, torch.nan, torch.cholesky_inverse(root))
        return Posterior(amplitude, coefficient[:, 1:], precision, covariance, plain, model)

    def _averaged_table(self) -> Tensor:
        """The table averaged over neighboring pixels, made anew only when the table has changed."""
        kept = self._averaged
        if kept is None or kept[0] is not self.table or kept[1] != self.table._version:
            kept = self._averaged = (self.table, self.table._version, box_average(self.table, _BIN))
        return kept[2]

    def student_weight(self, chi2: Tensor) -> Tensor:
        """Weights of a Student likelihood, 1 at chi2 = 1."""
        return (self.student_dof + 1) / (self.student_dof + chi2)

    def _solve(
        self, flux: Tensor, weight: Tensor, frame: Frame, transmission: Tensor, amplitude: Tensor, coefficient: Tensor,
        prior_amplitude: Tensor, averaged: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        """Solve for amplitude and components at fixed weights, from the present ones.

        With an averaged table the curvature is a quick approximation, which later turns make good.
        """
        weight_seen = weight * transmission**2
        if averaged is None:
            curvature = gram(self.table, frame, weight_seen).double()
        else:
            curvature = gram(averaged, frame, weight_seen.view(len(flux), -1, _BIN).sum(dim=2), _BIN).double()
        diagonal = torch.diagonal(curvature, dim1=1, dim2=2)
        diagonal += _RIDGE * diagonal  # sums of float32 know nothing smaller, and a negative direction has no width
        start = coefficient * amplitude[:, None]
        misfit = flux - project(self.table, frame, start) * transmission
        # The exact gradient at the present place; the curvature is to the nearest pixel.
        slope = back_project(self.table, frame, misfit * weight * transmission).double()
        slope = slope + torch.einsum("bij,bj->bi", curvature, start.double())
        place, centre = amplitude.double(), prior_amplitude.double()
        eye = torch.eye(self.n_column, dtype=torch.float64, device=flux.device)
        for _ in range(2 if averaged is None else 4):
            penalty = eye.repeat(len(flux), 1, 1)
            penalty[:, 0, 0] = (place / (AMPLITUDE_SIGMA * centre)) ** 2
            precision = curvature * place[:, None, None] ** 2 + penalty
            right = slope * place[:, None]
            right[:, 0] += penalty[:, 0, 0] * centre / place
            solved = torch.linalg.solve(precision, right)
            step = solved[:, 0].clamp(0.3, 3.0)
            place = (place * step).clamp(min=0.02 * centre)
        mean = torch.cat([torch.ones_like(solved[:, :1]), solved[:, 1:] / step[:, None]], dim=1)
        return place.float(), mean.float(), precision


def box_average(table: Tensor, n_bin: int) -> Tensor:
    """Each row of ``table`` (n_rest, n_column) averaged with the next ``n_bin - 1``; the end is repeated."""
    long = torch.cat([table, table[-1:].expand(n_bin - 1, -1)])
    return torch.stack([long[i : i + len(table)] for i in range(n_bin)]).mean(dim=0)


def stretch(node: Tensor, n_wave: int) -> Tensor:
    """Linear interpolation of values at evenly spaced nodes to ``n_wave`` pixels."""
    stretched: Tensor = nn.functional.interpolate(node[None, None], size=n_wave, mode="linear", align_corners=False)
    return stretched[0, 0]
