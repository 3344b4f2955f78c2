"""Iron: analytic templates of the UV and optical multiplets.

Fe II lines of the strongest multiplets stand at their laboratory wavelengths with relative strengths after the
templates of Vestergaard & Wilkes (2001) in the UV and Boroson & Green (1992) and Kovacevic et al. (2010) in the
optical, read off by eye; the many weak lines are broad bumps. It is a likeness of those templates, not a copy.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from oddqso.simulation.kernels import add_gaussians
from oddqso.simulation.population import C_KMS

Float = NDArray[np.float64]

# (wavelength in vacuum [Angstrom], relative flux) of lines; multiplets UV 191, Fe III 34 and 48, UV 1-3, 35, 62-64,
# 60, 78, opt. 1, 6, 7.
_UV_LINES = (
    (1785.3, 8.0), (1786.8, 6.0), (1788.1, 4.0), (1895.5, 4.0), (1914.1, 5.0), (1926.3, 4.0), (2062.2, 5.0),
    (2068.9, 5.0), (2079.7, 7.0), (2328.1, 5.0), (2333.5, 7.0), (2338.7, 7.0), (2344.2, 7.0), (2349.0, 7.0),
    (2359.8, 7.0), (2365.6, 8.0), (2374.5, 7.0), (2382.8, 9.0), (2389.4, 8.0), (2396.4, 8.0), (2405.6, 7.0),
    (2411.3, 7.0), (2413.3, 6.0), (2439.3, 5.0), (2461.3, 6.0), (2484.2, 6.0), (2493.9, 9.0), (2507.5, 10.0),
    (2527.1, 9.0), (2533.6, 9.0), (2544.0, 9.0), (2550.0, 8.0), (2563.3, 11.0), (2578.0, 8.0), (2586.7, 11.0),
    (2599.7, 9.0), (2607.9, 6.5), (2612.7, 6.5), (2618.4, 5.0), (2626.5, 9.0), (2631.8, 9.0), (2693.0, 3.0),
    (2715.2, 4.0), (2725.7, 3.0), (2737.8, 8.0), (2740.4, 8.0), (2747.3, 8.0), (2750.1, 8.0), (2756.6, 9.0),
    (2769.8, 3.0), (2839.0, 3.0), (2849.0, 3.0), (2880.0, 3.0), (2907.9, 4.0), (2927.4, 6.0), (2954.6, 7.0),
    (2965.5, 5.0), (2970.5, 5.0), (2985.7, 5.0), (3003.5, 4.0), (3154.0, 2.0), (3187.7, 3.5), (3193.8, 4.0),
    (3196.9, 4.0), (3211.4, 3.5), (3228.7, 4.0), (3256.8, 3.0), (3278.3, 3.5), (3282.2, 3.0), (3324.0, 1.5),
)  # fmt: skip
# (center, sigma, relative flux) of bumps of weak lines.
_UV_BUMPS = (
    (1722.0, 28.0, 46.0), (1812.0, 18.0, 22.0), (1968.0, 28.0, 28.0), (2075.0, 52.0, 95.0), (2297.0, 24.0, 44.0),
    (2375.0, 65.0, 60.0), (2455.0, 42.0, 110.0), (2442.0, 18.0, 36.0), (2495.0, 30.0, 28.0), (2560.0, 50.0, 125.0),
    (2645.0, 45.0, 62.0), (2725.0, 45.0, 80.0), (2860.0, 55.0, 140.0), (2960.0, 50.0, 65.0), (3220.0, 90.0, 55.0),
    (3500.0, 120.0, 25.0),
)  # fmt: skip
# Multiplets 27, 28, 37, 38, 42, 43, 48, 49, 55, 74.
_OPTICAL_LINES = (
    (4130.0, 3.0), (4174.7, 6.0), (4180.0, 5.0), (4234.4, 9.0), (4259.4, 3.0), (4297.8, 4.0), (4304.4, 5.0),
    (4353.0, 8.0), (4386.6, 4.0), (4418.1, 3.0), (4474.2, 3.0), (4490.5, 6.0), (4492.7, 6.0), (4509.6, 8.0),
    (4516.6, 9.0), (4521.5, 8.0), (4523.9, 10.0), (4542.8, 4.0), (4550.8, 13.0), (4557.2, 9.0), (4577.6, 4.0),
    (4585.1, 13.0), (4621.8, 4.0), (4630.6, 11.0), (4668.1, 4.0), (4732.8, 3.0), (4925.3, 10.0), (5019.8, 11.0),
    (5170.5, 13.0), (5199.0, 10.0), (5236.1, 11.0), (5256.4, 6.0), (5266.3, 8.0), (5277.5, 13.0), (5285.6, 5.0),
    (5318.1, 15.0), (5327.0, 5.0), (5339.2, 4.0), (5364.4, 8.0), (5415.6, 4.0), (5426.8, 4.0), (5480.0, 2.0),
    (5536.4, 6.0), (5992.9, 2.0), (6085.8, 2.0), (6149.2, 4.0), (6240.0, 4.0), (6249.2, 4.0), (6418.7, 3.0),
    (6434.5, 4.0), (6458.2, 5.0), (6517.9, 4.0),
)  # fmt: skip
_OPTICAL_BUMPS = (
    (4300.0, 80.0, 25.0),
    (4570.0, 70.0, 60.0),
    (5290.0, 80.0, 55.0),
    (5550.0, 80.0, 12.0),
    (6350.0, 130.0, 15.0),
)

_FIRST, _LAST, _STEP = np.log(1600.0), np.log(7000.0), 1.5e-4
UV_EW_ANGSTROM = 38.0
"""EW of iron from 2250 to 2650 Angstrom in an ordinary quasar."""
OPTICAL_EW_ANGSTROM = 17.0
"""EW of iron from 4434 to 4684 Angstrom in an ordinary quasar."""
WIDTHS_KMS = (1200.0, 1700.0, 2300.0, 3000.0, 3900.0, 5000.0, 6500.0, 8500.0)
"""FWHM of the templates that are made."""


def plateau(rest: Float) -> Float:
    """Where the blended weak lines of Fe II and Fe III lie: 1 from 1700 to 2080 Angstrom, with soft edges.

    Their average is part of the power law; what comes and goes with Eigenvector 1 is added to it.

    Examples
    --------
    >>> (plateau(np.array([1500.0, 1900.0, 2400.0])) > 0.5).tolist()
    [False, True, False]
    """
    return np.asarray(0.5 * (np.tanh((rest - 1690.0) / 22.0) - np.tanh((rest - 2110.0) / 80.0)))


@cache
def _templates(fwhm_kms: float) -> tuple[Float, Float, Float]:
    """ln(rest wavelength), and UV and optical EW density; each 1 Angstrom in its window."""
    grid = np.arange(_FIRST, _LAST, _STEP)
    sigma = fwhm_kms / 2.3548 / C_KMS
    out = []
    for lines, bumps, window in (
        (_UV_LINES, _UV_BUMPS, (2250.0, 2650.0)),
        (_OPTICAL_LINES, _OPTICAL_BUMPS, (4434.0, 4684.0)),
    ):
        table = np.array([*((w, sigma, f) for w, f in lines), *((w, np.hypot(s / w, sigma), f) for w, s, f in bumps)])
        template = np.zeros_like(grid)
        heights = table[:, 2] / (table[:, 1] * table[:, 0])
        add_gaussians(template, grid[0], _STEP, np.log(table[:, 0]), table[:, 1], heights)
        inside = (np.exp(grid) > window[0]) & (np.exp(grid) < window[1])
        template /= (template * np.exp(grid) * _STEP)[inside].sum()
        out.append(template)
    return grid, out[0], out[1]


def iron(rest: Float, fwhm_kms: float, uv: float = 1.0, optical: float = 1.0) -> Float:
    """Flux of iron in units of the continuum at the same wavelength.

    Parameters
    ----------
    rest : (n_wave,) float64
        Wavelength in the rest frame [Angstrom].
    fwhm_kms : float
        Width of the lines; the nearest of `WIDTHS_KMS` is taken.
    uv, optical : float
        Strength; 1 is an ordinary quasar.

    Returns
    -------
    (n_wave,) float64

    Examples
    --------
    >>> rest = np.arange(2250.0, 2650.0)
    >>> round(iron(rest, 3000.0).sum())  # the equivalent width [Angstrom]
    38
    """
    nearest = min(WIDTHS_KMS, key=lambda width: abs(np.log(width / fwhm_kms)))
    grid, ultraviolet, visible = _templates(nearest)
    total = uv * UV_EW_ANGSTROM * ultraviolet + optical * OPTICAL_EW_ANGSTROM * visible
    return np.asarray(np.interp(np.log(rest), grid, total, left=0.0, right=0.0))
