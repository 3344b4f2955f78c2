"""Matrices as Arrow columns, and a wavelength grid in a table's metadata."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddqso.errors import DataError

_WAVE_KEY = b"wave_angstrom_float64"


def matrix_column(matrix: NDArray[Any]) -> pa.FixedSizeListArray:
    """A (n, m) array as an Arrow column of fixed-size lists, without a copy.

    Examples
    --------
    >>> matrix_from(pa.table({"X": matrix_column(np.eye(2))}), "X").tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    n_wide = matrix.shape[1]
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(matrix).reshape(-1)), n_wide)


def matrix_from(table: pa.Table, name: str) -> NDArray[Any]:
    """The (n, m) array of a column made by `matrix_column`; read-only, a view where the column has one chunk."""
    if name not in table.column_names:
        raise DataError(f"the table has no column {name} (found {', '.join(table.column_names)})")
    column = table[name]
    n_wide = column.type.list_size
    if column.num_chunks == 1:
        chunk = column.chunk(0)
        flat = chunk.values.slice(chunk.offset * n_wide, len(chunk) * n_wide)
        return np.asarray(flat.to_numpy(zero_copy_only=True)).reshape(-1, n_wide)
    parts = [np.asarray(c.flatten().to_numpy(zero_copy_only=False)).reshape(-1, n_wide) for c in column.chunks]
    return np.concatenate(parts) if parts else np.empty((0, n_wide), column.type.value_type.to_pandas_dtype())


def wave_metadata(wave: NDArray[np.float64]) -> dict[bytes, bytes]:
    """Schema metadata that holds a grid [Angstrom]."""
    return {_WAVE_KEY: np.ascontiguousarray(wave, dtype="<f8").tobytes()}


def wave_from(table: pa.Table) -> NDArray[np.float64]:
    """The grid in a table's metadata [Angstrom]."""
    metadata = table.schema.metadata or {}
    if _WAVE_KEY not in metadata:
        raise DataError("the table has no wavelength grid in its metadata; was it written by oddqso?")
    return np.frombuffer(metadata[_WAVE_KEY], dtype="<f8").astype(np.float64)
