"""Rows of a table as packed big-endian records: the one byte layout that FITS and VOTable (BINARY2) share."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from oddqso.catalog.columns import Column

CHUNK_ROWS: Final = 20_000
"""Rows that are packed at a time; bounds the memory."""

_NUMPY: Final = {"int32": ">i4", "int64": ">i8", "float32": ">f4", "float64": ">f8", "bool": "S1"}


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of a table are packed.

    Parameters
    ----------
    columns : tuple of Column
        In the order of the files.
    widths : tuple of int
        Bytes of each text column, 0 for the others.
    """

    columns: tuple[Column, ...]
    widths: tuple[int, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The record of one row, without padding."""
        return np.dtype(
            [(c.name, f"S{w}" if w else _NUMPY[c.dtype]) for c, w in zip(self.columns, self.widths, strict=True)]
        )


def layout_of(table: pa.Table, columns: tuple[Column, ...]) -> Layout:
    """The layout of a table: text columns as wide as their longest value, at least 1."""
    widths = tuple(
        max(1, pc.max(pc.binary_length(table[c.name])).as_py() or 1) if c.dtype == "str" else 0 for c in columns
    )
    return Layout(columns, widths)


def null_integer(column: Column) -> int:
    """What stands for an unknown integer in FITS: the lowest one of its type.

    Examples
    --------
    >>> null_integer(Column("RANK", "int32", "", "", "", ""))
    -2147483648
    """
    return int(np.iinfo(column.dtype).min)


def packed_rows(table: pa.Table, layout: Layout) -> Iterator[tuple[NDArray[Any], NDArray[np.bool_]]]:
    """Chunks of records (n,) and of what is null in them (n, n_columns).

    Null is NaN in a float, `null_integer` in an integer, empty in text and a zero byte in a truth value.
    """
    for start in range(0, table.num_rows, CHUNK_ROWS):
        part = table.slice(start, CHUNK_ROWS)
        records = np.zeros(part.num_rows, dtype=layout.dtype)
        null = np.zeros((part.num_rows, len(layout.columns)), dtype=np.bool_)
        for i, column in enumerate(layout.columns):
            values = part[column.name]
            null[:, i] = values.is_null().to_numpy()
            records[column.name] = _values(values, column)
        yield records, null


def _values(values: pa.ChunkedArray, column: Column) -> Any:
    if column.dtype == "bool":
        return np.array([b"" if v is None else (b"T" if v else b"F") for v in values.to_pylist()], dtype="S1")
    if column.dtype == "str":
        return np.array([(v or "").encode("ascii") for v in values.to_pylist()], dtype=np.bytes_)
    fill = np.nan if column.dtype.startswith("float") else null_integer(column)
    return values.fill_null(pa.scalar(fill, values.type)).to_numpy()
