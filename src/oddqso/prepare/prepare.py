"""`Spectra` as read to `Spectra` as modeled: dereddened, on the model grid, divided by a recorded scale."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from oddqso.errors import DataError
from oddqso.prepare.normalize import collect, scale_of, template
from oddqso.prepare.params import PrepareParams
from oddqso.prepare.rebin import native_to_model, rebin_row
from oddqso.prepare.redden import fill_dimming
from oddqso.prepare.signal import median_of
from oddqso.spectra import Quality, Spectra
from oddqso.spectra.dust import galactic_extinction
from oddqso.spectra.grid import N_MODEL, N_NATIVE, model_grid, native_grid

_NO_DATA, _FEW_PIXELS = int(Quality.NO_DATA), int(Quality.FEW_PIXELS)
_NONFINITE, _NEGATIVE = int(Quality.NONFINITE), int(Quality.NEGATIVE_IVAR)
_NO_CONTINUUM, _LOW_SIGNAL, _Z_RANGE = int(Quality.NO_CONTINUUM), int(Quality.LOW_SIGNAL), int(Quality.Z_RANGE)
_MISSING = (int(Quality.MISSING_B), int(Quality.MISSING_R), int(Quality.MISSING_Z))
_ALONE = ((0, 2700), (2751, 4900), (5026, 7781))  # native pixels that only B, R, Z see


def prepare(spectra: Spectra, params: PrepareParams) -> tuple[Spectra, NDArray[np.float32], NDArray[np.float32]]:
    """Prepare native spectra for the model; a row does not feel its batch.

    Galactic extinction is taken off, 7781 pixels are rebinned to 4000 so that flux is conserved, and flux is divided by
    the brightness of the continuum: of a fixed power law, 1 at 2500 Angstrom in the rest frame, fit to line-free
    windows. The scale stands in ``scale``, so that ``flux * scale`` is the dereddened flux in file units.

    A spectrum whose continuum cannot be measured keeps its units, gets ``ivar = 0`` and `Quality.NO_CONTINUUM`. One
    fainter than a few times its own error gets `Quality.LOW_SIGNAL` and that many times the error as its scale.

    Parameters
    ----------
    spectra : Spectra
        On the native grid, as read: reddened, scale 1.
    params : PrepareParams
        Settings.

    Returns
    -------
    Spectra
        On the model grid; `Quality` bits are added, none is taken away.
    snr : (n_spec,) float32
        Median signal-to-noise ratio of a good native pixel of 0.8 Angstrom; 0 if there is none.
    coverage : (n_spec,) float32
        Share of native pixels that are good.

    Raises
    ------
    DataError
        If the spectra are not on the native grid.

    Examples
    --------
    >>> wave, ones = native_grid(), np.ones((1, 7781), np.float32)
    >>> native = Spectra(np.array([5]), np.array([1.0]), np.zeros(1, np.float32), np.ones(1, np.float32),
    ...                  np.zeros(1, np.uint32), wave, 3 * ones, ones)
    >>> prepared, snr, coverage = prepare(native, PrepareParams())
    >>> prepared.flux.shape, snr.tolist(), coverage.tolist()
    ((1, 4000), [3.0], [1.0])
    """
    if len(spectra.wave) != N_NATIVE or not np.allclose(spectra.wave, native_grid(), rtol=0, atol=1e-4):
        raise DataError(
            f"prepare needs the native grid of {N_NATIVE} pixels, the spectra have {len(spectra.wave)} from "
            f"{spectra.wave[0]:.1f} to {spectra.wave[-1]:.1f} Angstrom; were they prepared already?"
        )
    n_spec = len(spectra)
    flux, ivar = np.empty((n_spec, N_MODEL), np.float32), np.empty((n_spec, N_MODEL), np.float32)
    scale, snr, coverage = (np.empty(n_spec, np.float32) for _ in range(3))
    quality = spectra.quality.copy()
    shared, shape = native_to_model(), template()
    _prepare(
        _frozen(spectra.flux), _frozen(spectra.ivar), _frozen(spectra.z), _frozen(spectra.ebv),
        galactic_extinction(spectra.wave), shared.first, shared.n_touch, shared.width, shared.full, shape.log_wave,
        shape.blue, shape.red, shape.windows, params.min_overlap, params.min_coverage, params.min_window_pixels,
        params.scatter, params.clip_sigma, params.n_passes, params.low_signal_sigma, params.z_min, params.z_max,
        flux, ivar, scale, quality, snr, coverage,
    )  # fmt: skip
    prepared = Spectra(
        target_id=spectra.target_id, z=spectra.z, ebv=spectra.ebv, scale=scale, quality=quality, wave=model_grid(),
        flux=flux, ivar=ivar,
    )  # fmt: skip
    return prepared, snr, coverage


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    """A read-only view: tables hand out such arrays, and one kind of array means one compilation."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


@njit(cache=True, nogil=True, error_model="numpy")
def _prepare(  # type: ignore[no-untyped-def]
    flux, ivar, z, ebv, extinction, first, n_touch, width, full, log_wave, blue, red, windows, min_overlap,
    min_coverage, min_window_pixels, scatter, clip_sigma, n_passes, low_signal_sigma, z_min, z_max,
    flux_out, ivar_out, scale, quality, snr, coverage,
):  # fmt: skip
    """All steps for each row while it is in cache; arguments as in `prepare`, outputs last."""
    n_spec, n_native = flux.shape
    n_model = len(log_wave)
    factor, f = np.empty(n_native, np.float32), np.empty(n_native, np.float32)
    variance = np.empty(n_native, np.float32)
    ratio, some = np.empty(n_native, np.float32), np.empty(n_native + 1, np.float32)
    wf, wt, ww = np.empty(n_model), np.empty(n_model), np.empty(n_model)
    for i in range(n_spec):
        fill_dimming(extinction, np.float64(ebv[i]) if ebv[i] - ebv[i] == 0 else 0.0, factor)
        bits, n_good = _clean(flux[i], ivar[i], factor, f, variance, ratio)
        coverage[i] = n_good / n_native
        snr[i] = median_of(ratio, n_good, some) if n_good else 0
        if n_good == 0:
            bits |= _NO_DATA
        if n_good < min_coverage * n_native:
            bits |= _FEW_PIXELS
        rebin_row(f, variance, first, n_touch, width, full, min_overlap, flux_out[i], ivar_out[i])
        in_range = z_min <= z[i] <= z_max
        if not in_range:
            bits |= _Z_RANGE
        z_used = z[i] if z[i] - z[i] == 0 and z[i] > -0.5 else 0.0
        n = collect(flux_out[i], ivar_out[i], z_used, log_wave, blue, red, windows, min_window_pixels, wf, wt, ww)
        scale[i] = 1
        if n:
            measured, error = scale_of(wf, wt, ww, n, scatter, clip_sigma, n_passes)
            if measured < low_signal_sigma * error:
                bits |= _LOW_SIGNAL
                measured = low_signal_sigma * error
            scale[i] = measured
        if not (n and 0 < scale[i] < np.inf):
            bits |= _NO_CONTINUUM
            scale[i] = 1
            ivar_out[i] = 0
        flux_out[i] /= scale[i]
        ivar_out[i] *= scale[i] * scale[i]
        quality[i] |= np.uint32(bits)


@njit(cache=True, nogil=True, error_model="numpy")
def _clean(flux, ivar, factor, f, variance, ratio):  # type: ignore[no-untyped-def]
    """Dereddened flux and variance of a row, 0 in bad pixels; S/N, infinite in bad ones; bits; how many are good."""
    n_nonfinite, n_negative, n_good = 0, 0, 0
    zero, infinite = np.float32(0), np.float32(np.inf)
    for j in range(len(flux)):
        finite = (flux[j] - flux[j] == 0) & (ivar[j] - ivar[j] == 0)
        good = finite & (ivar[j] > 0)
        n_nonfinite += not finite
        n_negative += ivar[j] < 0
        n_good += good
        f[j] = flux[j] * factor[j] if good else zero
        variance[j] = factor[j] * factor[j] / ivar[j] if good else zero
        ratio[j] = flux[j] * np.sqrt(ivar[j]) if good else infinite
    bits = (_NONFINITE if n_nonfinite else 0) | (_NEGATIVE if n_negative else 0)
    for k in range(3):
        alone = 0
        for j in range(_ALONE[k][0], _ALONE[k][1]):
            alone += variance[j] > 0
        if alone == 0:
            bits |= _MISSING[k]
    return bits, n_good
