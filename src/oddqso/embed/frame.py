"""Rest and observed frames: on a logarithmic grid a redshift is a translation.

The rest-frame grid has the step of the model grid. Observed pixel ``i`` of a quasar at ``z`` lies at position
``i + (ln(1 + z_max) - ln(1 + z)) / LOG_STEP`` on it: the whole part of the second term is the *start*, the rest the
*fraction*, which is interpolated linearly.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from oddqso.spectra.grid import LOG_STEP, N_MODEL, model_grid

COARSE = 32
"""Pixels of the model grid a step of the coarsest convolution."""


class Frame(NamedTuple):
    """Where the observed pixels of a batch lie on the rest-frame grid.

    ``start`` is a list of whole pixels, ``first`` (n_spec,) int64 the same on the device, ``fraction`` (n_spec, 1)
    float32, ``z`` (n_spec,) float64.
    """

    start: list[int]
    first: Tensor
    fraction: Tensor
    z: Tensor

    def rows(self, index: Tensor) -> "Frame":
        """Those of some spectra, by index."""
        start = [self.start[row] for row in index.tolist()]
        return Frame(start, self.first[index], self.fraction[index], self.z[index])

    @property
    def on_cpu(self) -> bool:
        """Whether loops over spectra cost less than gathering them."""
        return self.fraction.device.type == "cpu"


class RestGrid(NamedTuple):
    """The rest-frame grid: the redshifts that it covers."""

    z_min: float
    z_max: float

    @property
    def n_wave(self) -> int:
        """Number of pixels, a multiple of `COARSE`, with room for the interpolation at the end."""
        span = (math.log1p(self.z_max) - math.log1p(self.z_min)) / LOG_STEP
        return COARSE * math.ceil((N_MODEL + 2 + span) / COARSE)

    def wave(self) -> NDArray[np.float64]:
        """Rest-frame wavelengths, (n_wave,) [Angstrom]."""
        first = float(model_grid()[0]) / (1 + self.z_max)
        wave: NDArray[np.float64] = first * np.exp(LOG_STEP * np.arange(self.n_wave, dtype=np.float64))
        return wave

    def frame(self, z: NDArray[np.float64], device: torch.device | None = None) -> Frame:
        """Where spectra at redshifts ``z`` (n_spec,) lie; redshifts outside the grid are moved to its end.

        The tensors are on ``device``, by default the processor.

        Examples
        --------
        >>> grid = RestGrid(0.02, 6.5)
        >>> frame = grid.frame(np.array([6.5, 2.0]))
        >>> frame.start[0], round(float(grid.wave()[frame.start[1]]))
        (0, 1200)
        """
        z = np.clip(np.nan_to_num(np.asarray(z, dtype=np.float64), nan=self.z_min), self.z_min, self.z_max)
        position = (math.log1p(self.z_max) - np.log1p(z)) / LOG_STEP
        start = np.floor(position + 1e-9)
        fraction = np.clip(position - start, 0.0, 1.0).astype(np.float32)
        first = torch.from_numpy(start.astype(np.int64))
        frame = Frame(first.tolist(), first, torch.from_numpy(fraction[:, None]), torch.from_numpy(z))
        if device is None or device.type == "cpu":
            return frame
        return frame._replace(first=first.to(device), fraction=frame.fraction.to(device), z=frame.z.to(device))


def take(table: Tensor, frame: Frame, n_wave: int = N_MODEL) -> Tensor:
    """The rest-frame vector ``table`` (n_rest,) as each spectrum sees it, (n_spec, n_wave)."""
    if frame.on_cpu:
        wide = torch.stack([table[start : start + n_wave + 1] for start in frame.start])  # (n_spec, n_wave + 1)
    else:
        wide = windows(table, frame.first, n_wave + 1)
    return torch.lerp(wide[:, :-1], wide[:, 1:], frame.fraction)


def windows(table: Tensor, first: Tensor, n_wide: int, step: int = 1) -> Tensor:
    """``n_wide`` rows of ``table`` (n_rest, ...) from each of ``first`` (n_spec,) on: (n_spec, n_wide, ...)."""
    place = first[:, None] + step * torch.arange(n_wide, device=first.device)
    return table[place]


def project(table: Tensor, frame: Frame, weight: Tensor, n_wave: int = N_MODEL) -> Tensor:
    """Sums of rest-frame columns, seen in the observed frame.

    With columns in a multiple of 16 a row does not depend on its place in the batch.

    Parameters
    ----------
    table : (n_rest, n_column) float32
        Columns on the rest-frame grid.
    frame : Frame
        Of the n_spec spectra.
    weight : (n_spec, n_column) float32
        Weight of each column.

    Returns
    -------
    (n_spec, n_wave) float32
    """
    projected: Tensor = _Project.apply(table, frame, weight, n_wave)  # type: ignore[no-untyped-call]
    return projected


class _Project(torch.autograd.Function):
    """`project`, with a gradient for the weights."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, frame: Frame, weight: Tensor, n_wave: int) -> Tensor:
        ctx.table, ctx.frame = table, frame
        if frame.on_cpu:
            wide = _rows(weight, n_wave + 1)
            columns, out, factor = table.detach().numpy(), wide.numpy(), weight.detach().contiguous().numpy()
            with np.errstate(all="ignore"):  # as torch: what is not finite is found where the model is used
                for row, start in enumerate(frame.start):
                    np.dot(columns[start : start + n_wave + 1], factor[row], out=out[row])
        else:
            wide = torch.bmm(windows(table, frame.first, n_wave + 1), weight[:, :, None])[:, :, 0]
        return torch.lerp(wide[:, :-1], wide[:, 1:], frame.fraction.to(wide.dtype))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, None, Tensor, None]:
        return None, None, back_project(ctx.table, ctx.frame, grads[0]), None


def _rows(like: Tensor, n_wide: int) -> Tensor:
    """An empty matrix with a row for each of ``like``, each row at a whole multiple of 64 bytes.

    Matrix kernels round differently by alignment, and a row shall not feel its place in the batch.
    """
    return like.new_empty(len(like), 16 * math.ceil(n_wide / 16))[:, :n_wide]


def back_project(table: Tensor, frame: Frame, value: Tensor) -> Tensor:
    """The adjoint of `project`: ``value`` (n_spec, n_wave) to (n_spec, n_column)."""
    n_wave = value.shape[1]
    wide = _rows(value, n_wave + 1)
    wide[:, 0] = 0
    torch.mul(value, frame.fraction, out=wide[:, 1:])
    wide[:, :-1] += value - wide[:, 1:]
    if not frame.on_cpu:
        return torch.bmm(wide[:, None, :], windows(table, frame.first, n_wave + 1))[:, 0]
    out = value.new_empty(len(value), table.shape[1])
    columns, given, sums = table.detach().numpy(), wide.numpy(), out.numpy()
    with np.errstate(all="ignore"):
        for row, start in enumerate(frame.start):
            np.dot(given[row], columns[start : start + n_wave + 1], out=sums[row])
    return out


def gram(table: Tensor, frame: Frame, weight: Tensor, n_bin: int = 1, rows: Tensor | None = None) -> Tensor:
    """Weighted products of the columns, (n_spec, n_column, n_column), at the nearest whole pixel.

    Half a pixel at most is neglected; it enters the curvature of the fit, never its gradient.

    Parameters
    ----------
    table : (n_rest, n_column) float32
        Columns on the rest-frame grid; averaged over ``n_bin`` pixels where that is not 1.
    frame : Frame
        Of the n_spec spectra.
    weight : (n_spec, n_wave / n_bin) float32
        Weight of each pixel, or of each ``n_bin`` together.
    rows : (n_spec,) bool, optional
        For which spectra; those of others are 0.
    """
    n_wave, n_column = weight.shape[1], table.shape[1]
    if not frame.on_cpu:
        part = windows(table, frame.first + (frame.fraction[:, 0] > 0.5).long(), n_wave, n_bin)
        products = torch.bmm(part.transpose(1, 2), part * weight[:, :, None])
        return products if rows is None else torch.where(rows[:, None, None], products, 0)
    out = weight.new_zeros(len(weight), n_column, n_column)
    root, scratch = weight.sqrt()[:, :, None].unbind(), weight.new_empty(n_wave, n_column)
    factor, out_array = scratch.numpy(), out.numpy()
    nearest = (frame.fraction[:, 0] > 0.5).int().tolist()
    with np.errstate(all="ignore"):
        for row in range(len(weight)) if rows is None else torch.nonzero(rows)[:, 0].tolist():
            first = frame.start[row] + nearest[row]
            torch.mul(table[first : first + n_wave * n_bin : n_bin], root[row], out=scratch)
            np.dot(factor.T, factor, out=out_array[row])  # of a matrix with itself: half the work, and symmetric
    return out
