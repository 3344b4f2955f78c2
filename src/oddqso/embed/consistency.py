"""Redshift in the latents of a trained model: spectra shown through windows that all of them cover, or moved."""

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.integrate import cumulative_trapezoid

from oddqso.embed.leakage import ROWS_PER_FUNCTION, redshift_leakage, shift_distance
from oddqso.embed.scratch import TrainingSet
from oddqso.embed.vae import Vae
from oddqso.spectra.grid import LOG_STEP, N_MODEL, model_grid
from oddqso.spectra.lines import LYMAN_ALPHA_ANGSTROM

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]

INTERVALS: Final = ((0.7, 1.2), (1.2, 1.8), (1.8, 2.6))
"""Redshifts within which spectra are compared."""

SNR_MIN: Final = 2.0
"""Fainter spectra say little of either."""

SHIFT_PIXELS: Final = (200, 800)
"""How far spectra are moved: ln(1 + z) changes by 0.05 to 0.2."""

N_INTERVAL: Final = 4000
"""Most spectra within an interval of redshift that leakage is measured with."""

_N_LEAST, _N_SHIFT, _CHUNK = 60, 1000, 64
_PIXELS_LEAST = 400
_MEANS = ("r2", "r2_with_amplitude", "r2_controls", "r2_products")
_OMEGA_M, _REDDEST = 0.315, 1.03


def window(flux: Float32, ivar: Float32, z: Float, low: float, high: float) -> tuple[Float32, Float32]:
    """The spectra with nothing left outside of rest-frame wavelengths ``low`` to ``high`` [Angstrom]."""
    rest = model_grid() / (1 + z[:, None])
    inside = (rest >= low) & (rest <= high)
    return np.where(inside, flux, np.float32(0)), np.where(inside, ivar, np.float32(0))


def shared_window(z_min: float, z_max: float) -> tuple[float, float]:
    """Rest-frame wavelengths redward of Lyman alpha that spectra at all these redshifts cover [Angstrom].

    Examples
    --------
    >>> [round(edge) for edge in shared_window(0.7, 1.2)]
    [2118, 4465]
    """
    grid = model_grid()
    return max(float(grid[0]) / (1 + z_min), _REDDEST * LYMAN_ALPHA_ANGSTROM), float(grid[-1]) / (1 + z_max)


def placed_twice(
    flux: Float32, ivar: Float32, z: Float, shift: NDArray[np.int64]
) -> tuple[tuple[Float32, Float32, Float], tuple[Float32, Float32, Float]]:
    """The same spectra at two redshifts, with the same coverage redward of Lyman alpha.

    By whole pixels: nothing is interpolated.

    Parameters
    ----------
    flux, ivar : (n_spec, n_wave) float32
        Spectra on the model grid.
    z : (n_spec,) float64
        Where they are.
    shift : (n_spec,) int64
        Pixels by which they move; positive to the red.

    Returns
    -------
    two of (flux, ivar, z)
        As they are and as they are moved, both without what does not lie on the grid at both places.
    """
    place = np.arange(N_MODEL)[None, :] + shift[:, None]  # of each pixel after the move
    stays = (place >= 0) & (place < N_MODEL) & (model_grid() > _REDDEST * LYMAN_ALPHA_ANGSTROM * (1 + z[:, None]))
    flux, ivar = np.where(stays, flux, np.float32(0)), np.where(stays, ivar, np.float32(0))
    source = np.arange(N_MODEL)[None, :] - shift[:, None]
    there = (source >= 0) & (source < N_MODEL)
    source = np.clip(source, 0, N_MODEL - 1)
    moved = [np.where(there, np.take_along_axis(array, source, axis=1), np.float32(0)) for array in (flux, ivar)]
    return (flux, ivar, z), (moved[0], moved[1], (1 + z) * np.exp(LOG_STEP * shift) - 1)


def luminosity(scale: Float, z: Float) -> Float:
    """Logarithm of the monochromatic luminosity from the flux at 2500 Angstrom in the rest frame, up to a constant.

    Flat universe with Omega_m = 0.315.
    """
    grid = np.linspace(0, 8, 4001)
    distance = (1 + grid) * cumulative_trapezoid(
        1 / np.sqrt(_OMEGA_M * (1 + grid) ** 3 + 1 - _OMEGA_M), grid, initial=0
    )
    near = np.maximum(np.interp(z, grid, distance), 1e-6)
    found: Float = np.log(np.maximum(scale, 1e-30)) + 2 * np.log(near) + np.log1p(z)
    return found


@torch.inference_mode()
def latents(vae: Vae, flux: Float32, ivar: Float32, z: Float) -> Float32:
    """Posterior means of spectra (n_spec, n_wave), (n_spec, n_latent)."""
    parts = []
    device = vae.linear.table.device
    for first in range(0, len(z), _CHUNK):
        rows = slice(first, first + _CHUNK)
        frame = vae.grid.frame(z[rows], device)
        transmission, fraction = vae.context(frame)
        shown, known = (torch.from_numpy(np.ascontiguousarray(array[rows])).to(device) for array in (flux, ivar))
        parts.append(vae.encode(shown, known, frame, transmission, fraction).mean.cpu().numpy())
    found: Float32 = np.concatenate(parts)
    return found


def measure_consistency(
    vae: Vae, data: TrainingSet, active: list[int], seed: int, n_interval: int = N_INTERVAL
) -> dict[str, Any]:
    """Redshift leakage and shift consistency on held-out spectra with S/N of at least 2, for ``model.json``.

    The main figures leave out latent 0, the amplitude against the mean amplitude at that redshift: with the shape it
    tells how the flux was normalized, and so the redshift, whatever the model. Those with it stand beside them.

    Parameters
    ----------
    vae : Vae
        The trained model.
    data : TrainingSet
        With held-out spectra.
    active : list of int
        Active latents.
    seed : int
        Of choices.
    n_interval : int
        Most spectra an interval of redshift.

    Returns
    -------
    dict
        ``redshift_leakage`` (`redshift_leakage`, mean over `INTERVALS` and each of them) and ``shift_consistency``
        (`shift_distance`); None where there are too few spectra, or no active latent. Spectra are moved by whole
        pixels: what a fraction of a pixel changes is not in it.
    """
    rng = np.random.default_rng([seed, 19])
    bright = rng.permutation(np.flatnonzero(data.held_out & (data.snr >= SNR_MIN)))
    if not _shape(active):
        return {"redshift_leakage": None, "shift_consistency": None}
    return {
        "redshift_leakage": _leakage(vae, data, bright, active, n_interval),
        "shift_consistency": _shift(vae, data, bright, active, rng),
    }


def _leakage(
    vae: Vae, data: TrainingSet, bright: NDArray[np.int64], active: list[int], n_interval: int
) -> dict[str, Any] | None:
    found = []
    for z_min, z_max in INTERVALS:
        index = bright[(data.z[bright] >= z_min) & (data.z[bright] < z_max)][:n_interval]
        if len(index) < max(_N_LEAST, ROWS_PER_FUNCTION * len(active)):
            continue
        flux, ivar, z = data.read(index)
        latent = latents(vae, *window(flux, ivar, z, *shared_window(z_min, z_max)), z)
        controls = np.stack([luminosity(data.scale[index], z), np.log(data.snr[index])], axis=1)
        shape = redshift_leakage(latent[:, _shape(active)], z, controls)
        whole = redshift_leakage(latent[:, active], z, controls, pairs=False)
        if shape is not None and whole is not None:
            found.append({"z_min": z_min, "z_max": z_max, **_rounded(shape | {"r2_with_amplitude": whole["r2"]})})
    if not found:
        return None
    n_spec = np.array([one["n_spec"] for one in found])
    sigma = np.array([one["r2_high"] - one["r2_low"] for one in found]) / 2
    means = {name: _mean([one[name] for one in found], n_spec) for name in _MEANS}
    means["r2_sigma"] = _sigma(sigma.tolist(), n_spec)
    means["r2_products_sigma"] = _sigma([one["r2_products_sigma"] for one in found], n_spec)
    return {**_rounded(means), "n_spec": int(n_spec.sum()), "intervals": found}


def _mean(values: list[float | None], n_spec: NDArray[np.int64]) -> float | None:
    """Mean over intervals by their spectra, of those in which something was measured."""
    known = [(value, n) for value, n in zip(values, n_spec.tolist(), strict=True) if value is not None]
    return float(np.average([value for value, _ in known], weights=[n for _, n in known])) if known else None


def _sigma(values: list[float | None], n_spec: NDArray[np.int64]) -> float | None:
    """Standard deviation of that mean, from those of the intervals."""
    known = [(value * n, n) for value, n in zip(values, n_spec.tolist(), strict=True) if value is not None]
    return float(np.linalg.norm([part for part, _ in known]) / sum(n for _, n in known)) if known else None


def _shift(
    vae: Vae, data: TrainingSet, bright: NDArray[np.int64], active: list[int], rng: np.random.Generator
) -> dict[str, Any] | None:
    index = bright[:_N_SHIFT]
    if len(index) < _N_LEAST:
        return None
    flux, ivar, z = data.read(index)
    shift = rng.integers(*SHIFT_PIXELS, size=len(z)) * np.where(rng.uniform(size=len(z)) < 0.5, -1, 1)
    after = (1 + z) * np.exp(LOG_STEP * shift) - 1
    shift = np.where((after < vae.grid.z_min) | (after > vae.grid.z_max), -shift, shift)
    both = placed_twice(flux, ivar, z, shift)
    seen = (both[0][1] > 0).sum(axis=1) >= _PIXELS_LEAST
    if seen.sum() < _N_LEAST:
        return None
    first, second = (latents(vae, *(array[seen] for array in placed)) for placed in both)
    shape = _shape(active)
    figures = shift_distance(first[:, shape], second[:, shape])
    figures["share_with_amplitude"] = shift_distance(first[:, active], second[:, active])["share"]
    return _rounded(figures)


def _shape(active: list[int]) -> list[int]:
    """Active latents but the amplitude."""
    return [unit for unit in active if unit != 0]


def _rounded(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 5) if isinstance(value, float) else value for name, value in figures.items()}
