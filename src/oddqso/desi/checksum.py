"""The FITS checksums of Seaman, Pence & Rots (2002): 32-bit sums in ones' complement, and their ASCII form."""

from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

_EXCLUDED: Final = (0x3A, 0x3B, 0x3C, 0x3D, 0x3E, 0x3F, 0x40, 0x5B, 0x5C, 0x5D, 0x5E, 0x5F, 0x60)


@njit(cache=True, nogil=True)
def _sum_big_endian(words: NDArray[np.uint32]) -> int:
    """Sum of (n,) uint32 words read as big-endian on a little-endian machine; exact up to 2**32 words."""
    total = np.uint64(0)
    for word in words:
        swapped = (word >> 24) | ((word >> 8) & 0xFF00) | ((word << 8) & 0xFF0000) | (word << 24)
        total += np.uint64(swapped & 0xFFFFFFFF)
    return int(total)


def ones_complement(data: NDArray[Any] | bytes, start: int = 0) -> int:
    """The sum of some bytes as big-endian 32-bit words in ones' complement.

    Parameters
    ----------
    data : array or bytes
        Contiguous; zeros are thought behind it up to a multiple of 4 bytes.
    start : int
        The sum so far: sums of pieces of 4n bytes add up.

    Examples
    --------
    >>> ones_complement(bytes([0, 0, 1, 0, 255, 255, 255, 255]))
    256
    """
    raw = np.frombuffer(data, np.uint8) if isinstance(data, bytes) else data.reshape(-1).view(np.uint8)
    whole = len(raw) // 4 * 4
    total = start + int(_sum_big_endian(raw[:whole].view("<u4")))
    if whole < len(raw):
        total += int.from_bytes(raw[whole:].tobytes().ljust(4, b"\0"), "big")
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def encode_checksum(total: int) -> str:
    """The 16 letters that bring the sum of an HDU from ``total`` to all ones.

    Examples
    --------
    >>> encode_checksum(868229149)
    'hcHjjc9ghcEghc9g'
    """
    value = 0xFFFFFFFF - total
    letters = np.zeros(16, dtype=np.int64)
    for i, byte in enumerate(value.to_bytes(4, "big")):
        quotient, rest = byte // 4 + ord("0"), byte % 4
        four = [quotient + rest, quotient, quotient, quotient]
        while any(code in _EXCLUDED for code in four):
            for j in (0, 2):
                if four[j] in _EXCLUDED or four[j + 1] in _EXCLUDED:
                    four[j] += 1
                    four[j + 1] -= 1
        letters[i::4] = four
    return "".join(chr(code) for code in np.roll(letters, 1))
