"""What the learning knows of an object, as numbers of comparable size.

Those that the catalog holds come first; residuals in windows and active latents join them when they are computed
(`oddqso.review.learning.feature_file`). Large ranges are compressed by logarithm or arcsinh, so that half precision
holds them: 1.6 million objects of 100 features are 320 MB, memory-mapped.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

CHUNK_ROWS: Final = 8192
"""Rows that are handled at a time: bounds the memory, and how long something more urgent waits."""
_PEAKS: Final = ("NARROW", "BROAD")
_FRAMES: Final = {"rest": "rest", "seen": "observed"}
_WORDS: Final = {
    "SCORE": "merged score", "Z": "redshift", "SNR": "signal-to-noise ratio", "COVERAGE": "wavelength coverage",
    "EBV": "extinction", "DELTACHI2": "certainty of the redshift", "JOIN_STEP": "step between the arms",
    "REDSHIFT_DELTA_CHI2": "how well another redshift fits", "OTHER_Z": "how far off another redshift is",
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Features of all objects of a run, in the catalog's order.

    Parameters
    ----------
    names : tuple of str
        One a column.
    values : (n, n_feature) float16
        NaN where unknown; may be memory-mapped.
    """

    names: tuple[str, ...]
    values: NDArray[np.float16]

    def __len__(self) -> int:
        return len(self.values)

    def rows(self, rows: NDArray[Any] | slice) -> NDArray[np.float32]:
        """Some rows, (m, n_feature) float32."""
        return np.asarray(self.values[rows]).astype(np.float32)

    def chunks(self) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """All rows, `CHUNK_ROWS` at a time."""
        for start in range(0, len(self), CHUNK_ROWS):
            part = slice(start, min(start + CHUNK_ROWS, len(self)))
            yield part, self.rows(part)


def catalog_features(columns: Mapping[str, NDArray[Any]]) -> Features:
    """The features that the catalog's columns give.

    Parameters
    ----------
    columns : mapping of str to (n,) array
        The catalog's columns; NaN where unknown. Columns that are not there are features that are not there.

    Examples
    --------
    >>> found = catalog_features({"SCORE": np.array([3.0, 1.0]), "TAIL_GMM": np.array([2.0, np.nan])})
    >>> found.names, found.values.tolist()
    (('SCORE', 'TAIL_GMM'), [[3.0, 2.0], [1.0, nan]])
    """
    n = len(next(iter(columns.values()))) if len(columns) else 0
    names = tuple(_catalog_names(columns))
    values = np.empty((n, len(names)), dtype=np.float16)
    for start in range(0, n, CHUNK_ROWS):
        part = slice(start, start + CHUNK_ROWS)
        for i, name in enumerate(names):
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                values[part, i] = _catalog_feature(name, columns, part)
    values[~np.isfinite(values)] = np.nan
    return Features(names, values)


def feature_words(name: str) -> str:
    """A feature's name in plain words.

    Examples
    --------
    >>> [feature_words(name) for name in ("TAIL_GMM", "NARROW rest", "rest C IV", "latent 3")]
    ['rank by detector GMM', 'narrow peak: rest wavelength', 'residual at C IV (rest frame)', 'latent unit 3']
    """
    first, _, rest = name.partition(" ")
    if name.startswith("TAIL_"):
        return f"rank by detector {name.removeprefix('TAIL_')}"
    if first in _PEAKS:
        return f"{first.lower()} peak: {rest}{' wavelength' if rest in ('rest', 'observed') else ''}"
    if rest and first in _FRAMES:
        return f"residual at {rest} ({_FRAMES[first]} frame)"
    return f"latent unit {rest}" if first == "latent" else _WORDS.get(name, name)


def _catalog_names(columns: Mapping[str, NDArray[Any]]) -> Iterator[str]:
    yield from (name for name in ("SCORE", "Z", "COVERAGE", "EBV") if name in columns)
    yield from (name for name in columns if name.startswith("TAIL_"))
    yield from (name for name in _COMPRESSED if name in columns)
    for peak in _PEAKS:
        if f"PEAK_{peak}_WAVE" in columns:
            yield from (f"{peak} {what}" for what in ("observed", "rest", "scale", "sigma", "depth"))
    if "REDSHIFT_BEST_Z" in columns:
        yield "OTHER_Z"


def _catalog_feature(name: str, columns: Mapping[str, NDArray[Any]], part: slice) -> NDArray[Any]:
    def column(of: str) -> NDArray[np.float64]:
        return np.asarray(columns[of][part], dtype=np.float64)

    if name in _COMPRESSED:
        return _COMPRESSED[name](column(name))
    if name == "OTHER_Z":  # how far off the best other redshift is
        return np.log10(1e-3 + np.abs(np.log((1 + column("REDSHIFT_BEST_Z")) / (1 + column("Z")))))
    peak, _, what = name.partition(" ")
    if peak not in _PEAKS:
        return column(name)
    if what in ("observed", "rest"):  # in steps of 1 %
        wave = column(f"PEAK_{peak}_WAVE")
        return 100 * np.log((wave / (1 + column("Z")) if what == "rest" else wave) / 3000)
    if what == "scale":
        return np.log2(np.maximum(column(f"PEAK_{peak}_SCALE"), 1))
    sign = column(f"PEAK_{peak}_SIGN")
    return np.arcsinh(sign * column(f"PEAK_{peak}_SIGMA") if what == "sigma" else 10 * column(f"PEAK_{peak}_DEPTH"))


def _log(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log10(np.maximum(values, 0.1))


def _arcsinh(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.arcsinh(values)


_COMPRESSED: Final = {"SNR": _log, "DELTACHI2": _log, "JOIN_STEP": _arcsinh, "REDSHIFT_DELTA_CHI2": _arcsinh}
