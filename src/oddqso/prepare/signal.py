"""The median signal-to-noise ratio of a spectrum, exactly, without sorting it."""

import numpy as np
from numba import njit

_N_BIN = 1 << 12
_N_TABLE = 4


@njit(cache=True, nogil=True, error_model="numpy")
def median_of(values, n, some):  # type: ignore[no-untyped-def]
    """The median of the ``n`` smallest values; NaN if ``n`` is 0.

    The bits of a float32, turned so that they ascend with its value, are counted by their first 12, then, in the bin of
    the middle, by their next 12; what is left, a handful, is sorted.

    Parameters
    ----------
    values : (n_wave,) float32
        What does not count is infinity.
    n : int
        How many count.
    some : (n_wave,) float32
        Room to work in.
    """
    if n == 0:
        return np.float32(np.nan)
    low, high = (n - 1) // 2, n // 2  # ranks of the one or two middle values
    m, n_below, one_bin = _narrow(values, len(values), low, high, 20, some)
    if one_bin:
        low, high = low - n_below, high - n_below
        m, n_below, one_bin = _narrow(some, m, low, high, 8, some)
    middle = np.sort(some[:m])
    return np.float32(0.5) * (middle[low - n_below] + middle[high - n_below])


@njit(cache=True, nogil=True, error_model="numpy")
def _narrow(values, n, low, high, shift, some):  # type: ignore[no-untyped-def]
    """Put the values of the bins that hold two ranks into ``some``: how many, how many below, whether in one bin."""
    bits = values.view(np.uint32)
    counts = np.zeros((_N_TABLE, _N_BIN), np.int16)  # neighbors count apart: none waits for the other
    for i in range(0, n - n % _N_TABLE, _N_TABLE):
        for k in range(_N_TABLE):
            counts[k, _bin(bits[i + k], shift)] += 1
    for i in range(n - n % _N_TABLE, n):
        counts[0, _bin(bits[i], shift)] += 1
    n_below, first = 0, 0
    while n_below + _count(counts, first) <= low:
        n_below += _count(counts, first)
        first += 1
    last, after = first, n_below + _count(counts, first)
    while after <= high:
        last += 1
        after += _count(counts, last)
    m = 0
    for i in range(n):
        k = _bin(bits[i], shift)
        some[m] = values[i]
        m += (first <= k) & (k <= last)
    return m, n_below, first == last


@njit(cache=True, nogil=True, inline="always")
def _count(counts, k):  # type: ignore[no-untyped-def]
    return np.int64(counts[0, k]) + counts[1, k] + counts[2, k] + counts[3, k]


@njit(cache=True, nogil=True, inline="always")
def _bin(bits, shift):  # type: ignore[no-untyped-def]
    turned = bits ^ (np.uint32(0xFFFFFFFF) if bits >> np.uint32(31) else np.uint32(0x80000000))
    return np.int64(turned >> np.uint32(shift)) & (_N_BIN - 1)
