"""The median signal-to-noise ratio of a spectrum, exactly, without sorting it."""

import numpy as np
from numba import njit

_SHIFT = np.uint32(20)
_N_BIN = 1 << 12


@njit(cache=True, nogil=True, error_model="numpy")
def median_of(values, n, counts, some):  # type: ignore[no-untyped-def]
    """The median of the first ``n`` values; NaN if there are none.

    The bits of a float32, turned so that they ascend with its value, are counted by their first 12; only the one or two
    bins in the middle are sorted.

    Parameters
    ----------
    values : (n_wave,) float32
        Finite.
    n : int
    counts : (4096,) int32
        Room to work in.
    some : (n_wave,) float32
        Room to work in.
    """
    if n == 0:
        return np.float32(np.nan)
    bits = values.view(np.uint32)
    counts[:] = 0
    for i in range(n):
        counts[_bin(bits[i])] += 1
    low, high = (n - 1) // 2, n // 2  # ranks of the one or two middle values
    before, first, last, n_before = 0, -1, -1, 0
    for k in range(_N_BIN):
        after = before + counts[k]
        if first < 0 and low < after:
            first, n_before = k, before
        if high < after:
            last = k
            break
        before = after
    m = 0
    for i in range(n):
        k = _bin(bits[i])
        if first <= k <= last:
            some[m] = values[i]
            m += 1
    middle = np.sort(some[:m])
    return np.float32(0.5) * (middle[low - n_before] + middle[high - n_before])


@njit(cache=True, nogil=True, inline="always")
def _bin(bits):  # type: ignore[no-untyped-def]
    turned = bits ^ (np.uint32(0xFFFFFFFF) if bits >> np.uint32(31) else np.uint32(0x80000000))
    return np.int64(turned >> _SHIFT)
