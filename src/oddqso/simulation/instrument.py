"""The DESI spectrographs as seen in the spectra: resolution, noise, sky residuals, calibration, masked pixels.

The noise of one visit against wavelength, ``data/noise.npz``, is the median of the noise of ten dark-time coadds of
the DESI early data release (DESI Collaboration 2024, AJ 168, 58; data under CC BY 4.0), scaled to a visit of the main
survey of about 1000 s: 0.55, 0.26 and 0.215 in the B, R and Z arm [1e-17 erg / (s cm2 Angstrom) per 0.8 Angstrom].
``floor`` is the same without sky lines.
"""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

from oddqso.simulation.kernels import blur
from oddqso.simulation.settings import NoiseParams
from oddqso.spectra.grid import ARMS, STEP_ANGSTROM, arm_grid, arm_start, native_grid
from oddqso.spectra.lines import TELLURIC_ANGSTROM

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]

N_DIAGONAL: Final = 11
N_FIBER_KINDS: Final = 20
"""Fibers share this many line-spread functions."""

_LSF_SIGMA: Final = {  # at the start, middle and end of the arm [Angstrom], measured on real coadds
    "B": (0.70, 0.65, 0.66), "R": (0.65, 0.62, 0.64), "Z": (0.76, 0.64, 0.68),
}  # fmt: skip
BAD_AMPLIFIER: Final = {"B": 1 << 22, "R": 1 << 23, "Z": 1 << 24}


@cache
def _noise() -> dict[str, Float32]:
    with resources.files("oddqso.simulation").joinpath("data/noise.npz").open("rb") as file, np.load(file) as tables:
        return {name: tables[name] for name in tables.files}


def visit_sigma(arm: str) -> Float32:
    """Noise of one visit of an arm, (n_wave,) [1e-17 erg / (s cm2 Angstrom)]."""
    return _noise()[f"sigma_{arm}"]


@cache
def sky_lines(arm: str) -> Float:
    """Flux of the sky's lines, (n_wave,), in units of the dark sky's continuum; from the noise they make."""
    floor = _noise()[f"floor_{arm}"].astype(np.float64)
    return np.asarray(np.clip((_noise()[f"sigma_{arm}"] / floor) ** 2 - 1.15, 0.0, 100.0))


@cache
def sky_flux(arm: str) -> Float:
    """The sky in a fiber, (n_wave,) [1e-17 erg / (s cm2 Angstrom)]: about 1.5 between the lines."""
    wave = arm_grid(arm)
    return np.asarray((1.2 + 0.5 * (wave - 6400.0) / 3000.0).clip(0.9) * (1 + 2.0 * sky_lines(arm)))


@cache
def lsf_sigma(arm: str, fiber_kind: int) -> Float:
    """Sigma of the line-spread function of a kind of fiber, (n_wave,) [Angstrom]."""
    wave = arm_grid(arm)
    knots = np.linspace(wave[0], wave[-1], 3)
    other = 1 + 0.04 * np.sin(2.3 * fiber_kind + 1.0)
    tilt = 1 + 0.03 * np.sin(1.7 * fiber_kind) * (wave - knots[1]) / (wave[-1] - wave[0])
    return np.asarray(np.interp(wave, knots, _LSF_SIGMA[arm]) * other * tilt)


def _taps(sigma_px: Float, n_tap: int) -> Float:
    """Weights of a Gaussian line-spread function, (n_wave, n_tap); rows sum to 1."""
    weights = np.exp(-0.5 * ((np.arange(n_tap) - n_tap // 2) / sigma_px[:, None]) ** 2)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


@cache
def resolution(arm: str, fiber_kind: int) -> Float32:
    """The band matrix of X_RESOLUTION of a kind of fiber, (11, n_wave) float32.

    Row k holds the diagonal of offset ``5 - k`` in the convention of ``scipy.sparse.dia_matrix``: element j of a
    diagonal multiplies model pixel j.
    """
    weights = _taps(lsf_sigma(arm, fiber_kind) / STEP_ANGSTROM, N_DIAGONAL)  # (n_wave, 11): row i, column i + o
    n_wave, half = len(weights), N_DIAGONAL // 2
    diagonals = np.zeros((N_DIAGONAL, n_wave), np.float32)
    for k in range(N_DIAGONAL):
        offset = half - k  # column = row + offset
        column = np.arange(max(offset, 0), n_wave + min(offset, 0))
        diagonals[k, column] = weights[column - offset, offset + half]
    return diagonals


@cache
def _blur_weights(fiber_kind: int) -> Float:
    native = np.empty(len(native_grid()))
    for arm in ARMS:
        start = arm_start(arm)
        native[start : start + len(arm_grid(arm))] = lsf_sigma(arm, fiber_kind)
    return _taps(native / STEP_ANGSTROM, 9)


def through_optics(flux: Float, fiber_kind: int) -> Float:
    """A spectrum on the native grid, convolved with the line-spread function of a kind of fiber."""
    return np.asarray(blur(np.ascontiguousarray(flux, dtype=np.float64), _blur_weights(fiber_kind)))


@dataclass(frozen=True, slots=True)
class Visit:
    """What one exposure was like.

    Parameters
    ----------
    noise : (3,) float64
        Noise of the arms against an ordinary visit.
    throughput : (3,) float64
        Flux calibration of the arms.
    warp : (3, 4) float64
        Legendre coefficients of order 1-4 of the flux calibration within each arm.
    sky : (3,) float64
        Left-over sky lines, as a share of the sky.
    telluric : float
        Error of the power of the telluric transmission.
    """

    noise: Float
    throughput: Float
    warp: Float
    sky: Float
    telluric: float


def draw_visit(rng: np.random.Generator, params: NoiseParams, noise: float = 1.0) -> Visit:
    """The circumstances of one exposure of one target."""
    common = np.exp(params.exposure_scatter * rng.normal()) * noise
    return Visit(
        noise=common * np.exp(0.05 * rng.normal(size=3)),
        throughput=1 + params.arm_step * rng.normal(size=3),
        warp=params.warp * rng.normal(size=(3, 4)) / np.array([1.0, 1.3, 1.8, 2.5]),
        sky=params.sky_residual * rng.normal(size=3),
        telluric=float(0.02 * rng.normal()),
    )


@cache
def _legendre(arm: str) -> Float:
    """Legendre polynomials of order 1-4 over an arm, (4, n_wave)."""
    x = np.linspace(-1, 1, len(arm_grid(arm)))
    return np.stack([np.polynomial.legendre.Legendre.basis(k)(x) for k in (1, 2, 3, 4)])


def telluric_depth(wave: Float) -> Float:
    """Optical depth of the atmosphere at good seeing, (n_wave,): smooth-edged likenesses of the deep bands.

    Examples
    --------
    >>> depth = telluric_depth(np.array([7000.0, 7620.0]))
    >>> bool(depth[1] > 0.5 > depth[0])
    True
    """
    depth = np.zeros(len(wave))
    for (low, high), peak in zip(TELLURIC_ANGSTROM, (0.25, 0.12, 0.8, 0.12, 0.25), strict=True):
        x = (wave - low) / (high - low)
        inside = (x > 0) & (x < 1)
        shape = (
            np.minimum(x / 0.12, 1.0)
            * np.minimum((1 - x) / 0.6, 1.0)
            * (1 + 0.5 * np.sin(0.55 * wave) * np.sin(0.21 * wave))
        )
        depth += np.where(inside, peak * shape, 0.0)
    return np.asarray(depth)


@cache
def _arm_telluric(arm: str) -> Float:
    return telluric_depth(arm_grid(arm))


def expose(model: Float, arm_index: int, visit: Visit, rng: np.random.Generator) -> tuple[Float32, Float32]:
    """Flux and ivar of one arm in one exposure.

    Parameters
    ----------
    model : (7781,) float64
        What falls into the fiber, behind the optics, on the native grid.
    arm_index : int
        0, 1, 2 for B, R, Z.

    Returns
    -------
    flux, ivar : (n_wave,) float32
        Noise of sky and readout, and the target's own photons.
    """
    arm = ARMS[arm_index]
    floor = _noise()[f"floor_{arm}"]
    sigma = visit_sigma(arm) * np.float32(visit.noise[arm_index])
    start = arm_start(arm)
    signal = model[start : start + len(sigma)].astype(np.float32)
    # photons: the sky of 1.5 units makes half of the variance of the floor
    own = np.float32(0.33 * visit.noise[arm_index]) * floor**2 * np.maximum(signal, 0)
    variance: Float32 = np.asarray(sigma**2 + own, dtype=np.float32)
    calibration = visit.throughput[arm_index] + visit.warp[arm_index] @ _legendre(arm)
    calibration *= np.exp(visit.telluric * _arm_telluric(arm))
    deviates = rng.standard_normal(len(sigma), dtype=np.float32)
    flux = calibration * signal + np.sqrt(variance) * deviates + visit.sky[arm_index] * (sky_flux(arm) - 1.2)
    return flux.astype(np.float32), np.reciprocal(variance)


_MASK_VALUES: Final = np.array([1, 1024, 128, 16, 129, 4, 132, 3, 5, 133], dtype=np.int32)
_MASK_WEIGHTS: Final = np.array([0.955, 0.012, 0.010, 0.008, 0.005, 0.004, 0.002, 0.002, 0.001, 0.001])


def draw_mask(n_wave: int, rng: np.random.Generator, fraction: float) -> NDArray[np.int32]:
    """Mask bits of one arm: runs of one to seven pixels, mostly SOMEBADPIX, (n_wave,) int32."""
    mask = np.zeros(n_wave, dtype=np.int32)
    n_run = rng.poisson(fraction * n_wave / 4.0)
    starts = rng.integers(0, n_wave, n_run)
    lengths = rng.integers(1, 8, n_run)
    values = rng.choice(_MASK_VALUES, n_run, p=_MASK_WEIGHTS / _MASK_WEIGHTS.sum())
    for first, length, value in zip(starts, lengths, values, strict=True):
        mask[first : first + length] = value
    return mask


def coadd(fluxes: list[Float32], ivars: list[Float32]) -> tuple[Float32, Float32]:
    """The mean of exposures by ivar, and its ivar, (n_wave,); 0 where nothing is known."""
    weight = np.sum(ivars, axis=0, dtype=np.float64)
    total = np.sum([f * i for f, i in zip(fluxes, ivars, strict=True)], axis=0, dtype=np.float64)
    flux = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
    return flux.astype(np.float32), np.asarray(weight, dtype=np.float32)
