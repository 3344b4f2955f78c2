"""Absorption: metal lines, damped Lyman-alpha, broad troughs. Each function gives the share of light that passes."""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from oddqso.simulation.kernels import add_gaussians
from oddqso.simulation.population import C_KMS

Float = NDArray[np.float64]

# Vacuum wavelengths [Angstrom] and oscillator strengths of Morton 2003.
MG2: Final = ((2796.354, 0.6155), (2803.531, 0.3058))
FE2: Final = ((2344.214, 0.114), (2374.461, 0.0313), (2382.765, 0.320), (2586.650, 0.0691), (2600.173, 0.239))
FE2_ALL: Final = ((1608.451, 0.0577), *FE2)
MG1: Final = ((2852.963, 1.83),)
C4: Final = ((1548.204, 0.1899), (1550.781, 0.0948))
SI4: Final = ((1393.760, 0.513), (1402.773, 0.254))
N5: Final = ((1238.821, 0.156), (1242.804, 0.0777))
O6: Final = ((1031.926, 0.1325), (1037.617, 0.0658))
AL3: Final = ((1854.718, 0.559), (1862.791, 0.278))
LOW_IONS: Final = (
    (1260.422, 1.18), (1302.169, 0.048), (1304.370, 0.0863), (1334.532, 0.128), (1526.707, 0.133), (1608.451, 0.0577),
    (1670.789, 1.74), (2344.214, 0.114), (2382.765, 0.320), (2586.650, 0.0691), (2600.173, 0.239),
    (2796.354, 0.6155), (2803.531, 0.3058),
)  # fmt: skip
FE2_EXCITED: Final = (
    2261.0, 2280.6, 2328.1, 2333.5, 2349.0, 2359.8, 2365.6, 2389.4, 2396.4, 2405.6, 2411.3, 2586.7, 2599.2, 2607.9,
    2612.7, 2618.4, 2626.5, 2631.8, 2714.4, 2731.5, 2740.4, 2747.3, 2750.1, 2756.6, 2769.8,
)  # fmt: skip

STEP_ANGSTROM: Final = 0.8


@cache
def _growth() -> tuple[Float, Float]:
    """EW of a Gaussian optical depth over sigma, as a function of the central optical depth."""
    tau = np.geomspace(1e-3, 1e5, 400)
    x = np.linspace(-8, 8, 2001)
    shape = np.exp(-0.5 * x**2)
    return np.array([np.sum(-np.expm1(-t * shape)) * (x[1] - x[0]) for t in tau]), tau


def line_transmission(wave: Float, centers: Float, ews: Float, sigmas: Float) -> Float:
    """Transmission of absorption lines of given observed equivalent width.

    Parameters
    ----------
    wave : (n_wave,) float64
        Observed wavelength on a grid of equal steps [Angstrom].
    centers, ews, sigmas : (n_line,) float64
        Observed wavelength, equivalent width, and sigma of the optical depth [Angstrom].

    Examples
    --------
    >>> wave = np.arange(4000.0, 4100.0, 0.8)
    >>> one = line_transmission(wave, np.array([4050.0]), np.array([3.0]), np.array([2.0]))
    >>> round(0.8 * float(np.sum(1 - one)), 2)
    3.0
    """
    ratio, tau = _growth()
    depth = np.interp(np.asarray(ews) / sigmas, ratio, tau, left=0.0)
    total = np.zeros(len(wave))
    add_gaussians(total, wave[0], wave[1] - wave[0], np.asarray(centers), np.asarray(sigmas), depth)
    return np.asarray(np.exp(-total))


def metal_transmission(
    wave: Float, z_abs: float, ions: tuple[tuple[float, float], ...], ew_strongest: float, sigma_kms: float
) -> Float:
    """Transmission of a system of metal lines; the strongest has this rest equivalent width [Angstrom].

    The others share its width and have central optical depths in proportion to f lambda.
    """
    table = np.array(ions)
    strength = table[:, 0] * table[:, 1]
    centers = table[:, 0] * (1 + z_abs)
    sigmas = centers * sigma_kms / C_KMS
    ratio, tau = _growth()
    first = int(np.argmax(strength))
    peak = np.interp(ew_strongest * (1 + z_abs) / sigmas[first], ratio, tau)
    total = np.zeros(len(wave))
    add_gaussians(total, wave[0], wave[1] - wave[0], centers, sigmas, peak * strength / strength[first])
    return np.asarray(np.exp(-total))


def voigt(a: float, u: Float) -> Float:
    """The Voigt function H(a, u) for a << 1 (Tepper-Garcia 2006)."""
    square = np.maximum(u**2, 1e-10)
    core = np.exp(-square)
    q = 1.5 / square
    return np.asarray(core - a / np.sqrt(np.pi) / square * (core**2 * (4 * square**2 + 7 * square + 4 + q) - q - 1))


def dla_transmission(wave: Float, z_abs: float, log_nhi: float, b_kms: float = 30.0) -> Float:
    """Transmission of neutral hydrogen: Lyman-alpha, Lyman-beta and the Lyman limit.

    Parameters
    ----------
    wave : (n_wave,) float64
        Observed wavelength [Angstrom].
    log_nhi : float
        log10 of the column density [cm^-2].

    Examples
    --------
    >>> rest = np.arange(1150.0, 1280.0, 0.05)
    >>> width = 0.05 * np.sum(dla_transmission(rest, 0.0, 21.0) < 0.5)  # full width at half transmission
    >>> 15 < width < 17
    np.True_
    """
    rest = wave / (1 + z_abs)
    column = 10**log_nhi
    tau = np.zeros(len(wave))
    for center, f, gamma in ((1215.670, 0.4164, 6.265e8), (1025.722, 0.0791, 1.897e8)):
        doppler = b_kms * 1e13 / center  # [1/s] per wavelength in Angstrom: b / lambda
        u = C_KMS / b_kms * (center / rest - 1.0)
        a = gamma / (4 * np.pi * doppler)
        tau += column * 0.014974 * f * center * 1e-8 / (b_kms * 1e5) * voigt(a, u)
    blue = rest < 911.75
    tau[blue] += 10 ** (log_nhi - 17.2) * (rest[blue] / 911.75) ** 3
    return np.asarray(np.exp(-np.minimum(tau, 700.0)))


def outflow_velocity(wave: Float, z: float, center: float) -> Float:
    """Velocity of gas that absorbs a line at each wavelength, outward positive [km/s], relativistic."""
    ratio = (center * (1 + z) / wave) ** 2
    return np.asarray(C_KMS * (ratio - 1) / (ratio + 1))


def trough(velocity: Float, starts: Float, widths: Float, depths: Float, ripples: Float) -> Float:
    """Depth of broad troughs, 0-1, at each outward velocity.

    Parameters
    ----------
    velocity : (n_wave,) float64
        [km/s].
    starts, widths, depths : (n_trough,) float64
        Onset and width [km/s], and depth at the bottom.
    ripples : (n_trough, 3) float64
        Amplitude, phase and wavenumber of a modulation of the bottom.
    """
    clear = np.ones(len(velocity))
    for start, width, depth, (ripple, phase, number) in zip(starts, widths, depths, ripples, strict=True):
        soft = np.clip(0.09 * width, 120.0, 700.0)
        edge = 1 / ((1 + np.exp(-np.clip((velocity - start) / soft, -50, 50)))
                    * (1 + np.exp(-np.clip((start + width - velocity) / (1.8 * soft), -50, 50))))  # fmt: skip
        x = (velocity - start) / width
        bottom = 1 + ripple * np.sin(2 * np.pi * number * x + phase) - 0.35 * np.clip(x, 0, 1)
        clear *= 1 - np.clip(depth * edge * bottom, 0.0, 0.995)
    return 1 - clear


BAL_IONS: Final = (
    (1031.926, 0.7),
    (1037.617, 0.5),
    (1215.670, 0.30),
    (1240.8, 0.85),
    (1395.5, 0.55),
    (1393.76, 0.25),
    (1549.06, 1.0),
)
"""High-ionization lines of an outflow and their depth against C IV."""
LOBAL_IONS: Final = ((1334.532, 0.4), (1858.0, 0.6), (2799.1, 0.6))
"""Low-ionization lines and their depth against C IV."""


def bal_transmission(
    wave: Float,
    z: float,
    ions: tuple[tuple[float, float], ...],
    starts: Float,
    widths: Float,
    depths: Float,
    ripples: Float,
) -> Float:
    """Transmission of an outflow with broad troughs, the same in velocity for every ion; see `trough`."""
    passed = np.ones(len(wave))
    for center, share in ions:
        low = center * (1 + z) * (1 - 1.15 * (np.max(starts + widths) + 4000.0) / C_KMS)
        high = center * (1 + z) * (1 + (4000.0 - min(float(np.min(starts)), 0.0)) / C_KMS * 1.1)
        inside = (wave > low) & (wave < high)
        if inside.any():
            velocity = outflow_velocity(wave[inside], z, center)
            passed[inside] *= 1 - share * trough(velocity, starts, widths, depths, ripples)
    return passed
