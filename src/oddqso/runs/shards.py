"""`Shards`: the tables of a finished map stage."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from oddqso.runs.files import read_table


@dataclass(frozen=True, slots=True)
class Shards:
    """The tables of a map stage, by shard, opened one at a time.

    Parameters
    ----------
    folder : Path
        The stage's folder.
    names : tuple of str
        Its shards, in order.
    """

    folder: Path
    names: tuple[str, ...]

    def read(self, name: str) -> pa.Table:
        """The table of one shard, memory-mapped."""
        return read_table(self.folder / f"{name}.arrow")

    def __iter__(self) -> Iterator[pa.Table]:
        return (self.read(name) for name in self.names)

    def columns(self, *names: str) -> pa.Table:
        """Some (small) columns of all shards, as one table."""
        return pa.concat_tables([table.select(names).replace_schema_metadata(None) for table in self]).combine_chunks()
