"""Bricks of the Legacy Surveys: tiles of 0.25 degree that number and name what lies on them."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

BRICK_DEG = 0.25


@cache
def _rows() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many bricks a row of declination has, and the number of the first."""
    center = np.arange(-90.0, 90.0 + BRICK_DEG / 2, BRICK_DEG)  # (721,)
    nearest = np.maximum(np.abs(center) - BRICK_DEG / 2, 0.0)
    n_col = np.ceil(360.0 / BRICK_DEG * np.cos(np.radians(nearest))).astype(np.int64)
    n_col += n_col % 2
    n_col[[0, -1]] = 1
    return n_col, 1 + np.concatenate([[0], np.cumsum(n_col)[:-1]])


def brick_of(ra: NDArray[Any], dec: NDArray[Any]) -> tuple[NDArray[np.int64], list[str]]:
    """Number and name of the brick of each position [degrees].

    Examples
    --------
    >>> number, name = brick_of(np.array([216.90419697]), np.array([3.29725531]))
    >>> int(number[0]), name[0]  # as in a DESI file
    (349954, '2169p032')
    """
    n_col, first = _rows()
    row = np.floor((np.asarray(dec) + 90.0 + BRICK_DEG / 2) / BRICK_DEG).astype(np.int64)
    width = 360.0 / n_col[row]
    col = np.minimum((np.asarray(ra) / width).astype(np.int64), n_col[row] - 1)
    names = []
    for r, c, w in zip(row, col, width, strict=True):
        ra_mid, dec_mid = (c + 0.5) * w, -90.0 + r * BRICK_DEG
        names.append(f"{int(ra_mid * 10):04d}{'m' if dec_mid < 0 else 'p'}{int(abs(dec_mid) * 10):03d}")
    return first[row] + col, names
