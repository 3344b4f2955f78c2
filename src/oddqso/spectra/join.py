"""Three arms joined into one spectrum, weighted by inverse variance."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from oddqso.spectra.grid import ARMS, N_NATIVE, arm_start
from oddqso.spectra.quality import Quality

_N_SHARED = {"B": 0, "R": 51, "Z": 126}
_NONFINITE, _NEGATIVE = int(Quality.NONFINITE), int(Quality.NEGATIVE_IVAR)


@njit(cache=True, nogil=True, error_model="numpy")
def _join_arm(flux, ivar, mask, start, n_shared, good_above, flux_out, ivar_out, quality):  # type: ignore[no-untyped-def]
    """Add one arm to the sums.

    Parameters
    ----------
    flux, ivar : (n_spec, n_arm) float32
    mask : (n_spec, n_arm) uint32, or (n_spec, 0) for none
    start, n_shared : int
        Native pixel of the arm's first, and how many pixels the arm before has seen too.
    good_above : float
        Pixels with ivar above this count.
    flux_out, ivar_out : (n_spec, n_native) float32
        Pixels before ``start`` are done, those behind the last arm are empty; changed in place.
    quality : (n_spec,) uint32
        Changed in place.

    Returns
    -------
    (n_spec,) bool
        Whether the arm has a good pixel.
    """
    n_spec, n_arm = flux.shape
    some = np.zeros(n_spec, np.bool_)
    masked = mask.shape[1] > 0
    zero = np.float32(0)
    for i in range(n_spec):
        n_nonfinite, n_negative, n_good = 0, 0, 0
        for j in range(n_shared):
            f, w = flux[i, j], ivar[i, j]
            finite = (f - f == 0) & (w - w == 0)
            n_nonfinite += not finite
            n_negative += w < 0
            if finite and w > good_above and not (masked and mask[i, j] != 0):
                n_good += 1
                before = ivar_out[i, start + j]
                if before > 0:
                    flux_out[i, start + j] = (before * flux_out[i, start + j] + w * f) / (before + w)
                    ivar_out[i, start + j] = before + w
                else:
                    flux_out[i, start + j], ivar_out[i, start + j] = f, w
        for j in range(n_shared, n_arm):  # no branch, so that several pixels go at once
            f, w = flux[i, j], ivar[i, j]
            finite = (f - f == 0) & (w - w == 0)
            n_nonfinite += not finite
            n_negative += w < 0
            good = finite & (w > good_above)
            if masked:
                good = good & (mask[i, j] == 0)
            n_good += good
            flux_out[i, start + j] = f if good else zero
            ivar_out[i, start + j] = w if good else zero
        some[i] = n_good > 0
        if n_nonfinite:
            quality[i] |= _NONFINITE
        if n_negative:
            quality[i] |= _NEGATIVE
    return some


def join_arms(
    flux: dict[str, NDArray[np.float32]],
    ivar: dict[str, NDArray[np.float32]],
    mask: dict[str, NDArray[np.uint32]],
    n_spec: int,
    min_good_ivar: float = 0.0,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint32]]:
    """Flux and ivar on the native grid, and what was wrong.

    Where two arms overlap the flux is the mean weighted by ivar, and the ivars add up. A pixel that is masked, not
    finite, or of no positive ivar has flux 0 and ivar 0, whatever stands in it.

    Parameters
    ----------
    flux, ivar : dict of (n_spec, n_arm) float32
        By arm; an arm may be missing.
    mask : dict of (n_spec, n_arm) uint32
        By arm, not 0 where a pixel must not be used; an arm without an entry is not masked.
    n_spec : int
        Number of spectra.
    min_good_ivar : float
        A pixel is good if its ivar is above this.

    Returns
    -------
    flux, ivar : (n_spec, 7781) float32
    quality : (n_spec,) uint32
        `Quality` bits: NONFINITE, NEGATIVE_IVAR, MISSING_B/R/Z, NO_DATA.

    Examples
    --------
    >>> ones = {"B": np.ones((1, 2751), np.float32), "R": np.ones((1, 2326), np.float32)}
    >>> flux, ivar, quality = join_arms(ones, ones, {}, 1)
    >>> ivar[0, [0, 2700, 5000]].tolist(), Quality(int(quality[0])).name
    ([1.0, 2.0, 1.0], 'MISSING_Z')
    """
    flux_out = np.zeros((n_spec, N_NATIVE), np.float32)
    ivar_out = np.zeros((n_spec, N_NATIVE), np.float32)
    quality = np.zeros(n_spec, np.uint32)
    some = np.zeros((len(ARMS), n_spec), np.bool_)
    no_mask = np.zeros((n_spec, 0), np.uint32)
    for i, arm in enumerate(ARMS):
        if arm in flux:
            some[i] = _join_arm(
                flux[arm], ivar[arm], mask.get(arm, no_mask), arm_start(arm), _N_SHARED[arm], np.float32(min_good_ivar),
                flux_out, ivar_out, quality,
            )  # fmt: skip
        quality |= np.where(some[i], 0, Quality[f"MISSING_{arm}"]).astype(np.uint32)
    quality |= np.where(some.any(axis=0), 0, Quality.NO_DATA).astype(np.uint32)
    return flux_out, ivar_out, quality
