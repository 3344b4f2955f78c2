"""The catalog's columns in memory: numbers as arrays in which NaN means unknown, text as codes of a short list."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from oddqso.errors import DataError

UNKNOWN_CODE = -1
"""The code of a text that is not known."""
_UNIQUE_TEXT = frozenset({"DESINAME"})


class CatalogColumns(Mapping[str, NDArray[Any]]):
    """The columns of a catalog by name, in the catalog's order; each is made an array when first asked for.

    A float is NaN where it is unknown, and so is an integer that may be unknown (it comes as float64). Text comes as
    integer codes into `categories`, -1 where it is unknown. The arrays are read-only.

    Parameters
    ----------
    path : Path
        ``catalog.parquet`` of a run.

    Raises
    ------
    DataError
        If the file is not there or is no Parquet file.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "catalog.parquet"
    >>> pq.write_table(pa.table({"TARGETID": [7, 5], "SCORE": [2.5, None], "TIER": ["gold", None]}), path)
    >>> columns = CatalogColumns(path)
    >>> columns["SCORE"].tolist(), columns["TIER"].tolist(), columns.categories("TIER")
    ([2.5, nan], [0, -1], ('gold',))
    """

    def __init__(self, path: Path) -> None:
        try:
            file = pq.ParquetFile(path)
            text = [f.name for f in file.schema_arrow if pa.types.is_string(f.type) and f.name not in _UNIQUE_TEXT]
            self._table = pq.read_table(path, read_dictionary=text)
        except FileNotFoundError:
            raise DataError(f"{path} is not there; finish the run first: `oddqso run --run RUN`") from None
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{path} is damaged ({error}); run again with --from release") from error
        self._names = tuple(name for name in self._table.column_names if name not in _UNIQUE_TEXT)
        self._arrays: dict[str, NDArray[Any]] = {}
        self._categories: dict[str, tuple[str, ...]] = {}
        self._lock = Lock()

    @property
    def n_rows(self) -> int:
        """Rows of the catalog."""
        return int(self._table.num_rows)

    @property
    def metadata(self) -> dict[str, str]:
        """What the file says of its making, such as the fingerprints of the stages it was made from."""
        found = self._table.schema.metadata or {}
        return {k.decode(): v.decode() for k, v in found.items() if k.endswith(b"_fingerprint")}

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._arrays:
            if name not in self._names:
                raise KeyError(name)
            with self._lock:
                if name not in self._arrays:
                    self._arrays[name] = self._made(name)
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def is_text(self, name: str) -> bool:
        """Whether a column holds text, and its array codes."""
        return bool(pa.types.is_dictionary(self._table.schema.field(name).type))

    def categories(self, name: str) -> tuple[str, ...]:
        """What the codes of a column of text stand for."""
        _ = self[name]
        return self._categories[name]

    def text(self, name: str, row: int) -> str | None:
        """The text of one row."""
        code = int(self[name][row])
        return None if code == UNKNOWN_CODE else self._categories[name][code]

    def row(self, row: int) -> dict[str, Any]:
        """All values of one row, None where they are unknown."""
        content: dict[str, Any] = self._table.slice(row, 1).to_pylist()[0]
        return content

    def _made(self, name: str) -> NDArray[Any]:
        column = self._table[name]
        if self.is_text(name):
            column = column.unify_dictionaries().combine_chunks()
            if isinstance(column, pa.ChunkedArray):  # more than one chunk of codes, or none
                column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
            self._categories[name] = tuple(column.dictionary.to_pylist())
            array = column.indices.fill_null(UNKNOWN_CODE).to_numpy(zero_copy_only=False)
        elif pa.types.is_integer(column.type) and column.null_count:
            array = column.cast(pa.float64()).to_numpy()
        else:
            array = column.to_numpy()
        array = np.ascontiguousarray(array).view()
        array.flags.writeable = False
        return array
