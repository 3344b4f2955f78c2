"""A model back on the pixels of the files, so that residuals are taken against public data."""

from functools import cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from oddqso.errors import DataError
from oddqso.prepare.redden import fill_dimming
from oddqso.spectra.dust import galactic_extinction
from oddqso.spectra.grid import N_MODEL, N_NATIVE, model_grid, native_grid


def model_to_native(
    model: NDArray[np.float32],
    model_sigma: NDArray[np.floating[Any]],
    scale: NDArray[np.float32],
    ebv: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Reconstructions on the native grid, in the units of the files: reddened, times the scale.

    Parameters
    ----------
    model : (n_spec, 4000) float32
        On the model grid, in prepared units.
    model_sigma : (n_spec, 4000) float16 or float32
        Model error as a fraction of ``abs(model)``.
    scale : (n_spec,) float32
        From the preparation.
    ebv : (n_spec,) float32
        E(B-V) that the preparation used [mag].

    Returns
    -------
    model, sigma : (n_spec, 7781) float32
        Model and its error [1e-17 erg / (s cm2 Angstrom)]; between model pixels, linear in log wavelength.

    Examples
    --------
    >>> ones = np.ones((1, 4000), np.float32)
    >>> model, sigma = model_to_native(ones, 0.1 * ones, np.full(1, 2, np.float32), np.zeros(1, np.float32))
    >>> model.shape, float(model[0, 99]), round(float(sigma[0, 99]), 6)
    ((1, 7781), 2.0, 0.2)
    """
    n_spec = len(scale)
    if model.shape != (n_spec, N_MODEL) or model_sigma.shape != model.shape:
        raise DataError(f"the model has shape {model.shape} and its error {model_sigma.shape}, expected "
                        f"{(n_spec, N_MODEL)}; are scale and model of the same shard?")  # fmt: skip
    out, sigma = np.empty((n_spec, N_NATIVE), np.float32), np.empty((n_spec, N_NATIVE), np.float32)
    left, weight = _places()
    _to_native(
        np.ascontiguousarray(model, np.float32), np.ascontiguousarray(model_sigma, np.float32),
        np.array(scale, np.float32), np.array(ebv, np.float32), galactic_extinction(native_grid()), left, weight,
        out, sigma,
    )  # fmt: skip
    return out, sigma


@cache
def _places() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The model pixel left of each native one, and how far it is to the next, from 0 to 1."""
    place = np.interp(np.log(native_grid()), np.log(model_grid()), np.arange(N_MODEL, dtype=np.float64))
    left = np.minimum(place.astype(np.int64), N_MODEL - 2)
    return left, place - left


@njit(cache=True, nogil=True, error_model="numpy")
def _to_native(model, model_sigma, scale, ebv, extinction, left, weight, out, sigma):  # type: ignore[no-untyped-def]
    n_native = len(extinction)
    factor = np.empty(n_native)
    for i in range(len(scale)):
        fill_dimming(extinction, -np.float64(ebv[i]) if ebv[i] - ebv[i] == 0 else 0.0, factor)
        for j in range(n_native):
            k, w = left[j], weight[j]
            value = ((1 - w) * model[i, k] + w * model[i, k + 1]) * factor[j] * scale[i]
            out[i, j] = value
            left_sigma = model_sigma[i, k] * abs(model[i, k])
            right_sigma = model_sigma[i, k + 1] * abs(model[i, k + 1])
            sigma[i, j] = ((1 - w) * left_sigma + w * right_sigma) * factor[j] * scale[i]
