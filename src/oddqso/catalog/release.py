"""The catalog as files: Parquet, FITS and VOTable with the same rows, from one declaration of the columns.

The files hold no date and no path: the same catalog gives the same bytes. FITS and VOTable are packed and written
chunk by chunk, so the memory does not grow with the catalog.
"""

import base64
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from oddqso.catalog.columns import DETECTORS, Column, catalog_columns
from oddqso.catalog.params import ReleaseParams
from oddqso.catalog.rows import Layout, layout_of, null_integer, packed_rows
from oddqso.errors import DataError, StoreError

_TFORM: Final = {"int32": "J", "int64": "K", "float32": "E", "float64": "D", "bool": "L"}
_VOTYPE: Final = {"int32": "int", "int64": "long", "float32": "float", "float64": "double", "bool": "boolean"}
_FITS_BLOCK: Final = 2880
_BASE64_BYTES: Final = 57 * 4096  # a multiple of 57, which makes lines of 76 characters


def write_release(
    table: pa.Table, out: Path, metadata: Mapping[str, str], params: ReleaseParams = ReleaseParams()
) -> None:
    """Write ``catalog.parquet``, ``catalog.fits`` and ``catalog.vot`` into the folder ``out``.

    Parameters
    ----------
    table : pa.Table
        A catalog made by `oddqso.catalog.assemble.assemble`.
    out : Path
        The folder, made if needed.
    metadata : mapping of str to str
        What is known of the run; stands in the head of each file.
    params : ReleaseParams
        Which files.

    Raises
    ------
    DataError
        If a column of the table is not declared.
    StoreError
        If a file cannot be written.
    """
    columns = declared_columns(table)
    layout = layout_of(table, columns)
    try:
        out.mkdir(parents=True, exist_ok=True)
        _write_parquet(table, columns, out / "catalog.parquet", metadata)
        if params.fits:
            with (out / "catalog.fits").open("wb") as file:
                _write_fits(table, layout, file, metadata)
        if params.votable:
            with (out / "catalog.vot").open("wb") as file:
                _write_votable(table, layout, file, metadata)
    except OSError as error:
        raise StoreError(f"cannot write the catalog into {out}: {error}; is the disk full or read-only?") from error


def declared_columns(table: pa.Table) -> tuple[Column, ...]:
    """The declarations of a table's columns, in the table's order."""
    names = table.column_names
    extra = [n.removeprefix("SCORE_") for n in names if n.startswith("SCORE_")]
    known = {column.name: column for column in catalog_columns(dict.fromkeys([*DETECTORS, *extra]))}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise DataError(f"the catalog has undeclared columns: {', '.join(unknown)}; declare them in catalog/columns.py")
    return tuple(known[name] for name in names)


def _write_parquet(table: pa.Table, columns: tuple[Column, ...], path: Path, metadata: Mapping[str, str]) -> None:
    schema = pa.schema(
        [
            table.schema.field(c.name).with_metadata({"unit": c.unit, "ucd": c.ucd, "description": c.description})
            for c in columns
        ],
        metadata=dict(metadata),
    )
    pq.write_table(table.cast(schema), path, compression="zstd", row_group_size=100_000)


def _write_fits(table: pa.Table, layout: Layout, file: BinaryIO, metadata: Mapping[str, str]) -> None:
    from astropy.io import fits  # slow to import

    primary = fits.Header([("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True)])
    for key, value in metadata.items():
        primary.add_history(_plain(f"{key} = {value}"))
    file.write(primary.tostring().encode("ascii"))
    header = fits.Header()
    header["XTENSION"] = "BINTABLE"
    header["BITPIX"], header["NAXIS"] = 8, 2
    header["NAXIS1"], header["NAXIS2"] = layout.dtype.itemsize, table.num_rows
    header["PCOUNT"], header["GCOUNT"], header["TFIELDS"] = 0, 1, len(layout.columns)
    header["EXTNAME"] = "CATALOG"
    for i, (column, width) in enumerate(zip(layout.columns, layout.widths, strict=True), start=1):
        header[f"TTYPE{i}"] = column.name
        header[f"TFORM{i}"] = f"{width}A" if width else f"1{_TFORM[column.dtype]}"
        if column.unit:
            header[f"TUNIT{i}"] = _fits_unit(column.unit)
        if column.nullable:
            header[f"TNULL{i}"] = null_integer(column)
        header[f"TUCD{i}"] = column.ucd
        header[f"TCOMM{i}"] = _plain(column.description)
    file.write(header.tostring().encode("ascii"))
    written = 0
    for records, _ in packed_rows(table, layout):
        file.write(records.tobytes())
        written += records.nbytes
    file.write(b"\0" * (-written % _FITS_BLOCK))


def _fits_unit(unit: str) -> str:
    """A unit as the FITS standard writes it: only the power of ten in front differs from VOUnits."""
    return re.sub(r"^1e(-?\d+)", r"10**\1 ", unit)


def _plain(text: str) -> str:
    return " ".join(text.encode("ascii", "replace").decode().split())


def _write_votable(table: pa.Table, layout: Layout, file: BinaryIO, metadata: Mapping[str, str]) -> None:
    head = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">',
        "<RESOURCE>",
        '<COOSYS ID="icrs" system="ICRS"/>',
        *(f"<INFO name={quoteattr(key)} value={quoteattr(value)}/>" for key, value in metadata.items()),
        f'<TABLE name="catalog" nrows="{table.num_rows}">',
        *(_field(column, width) for column, width in zip(layout.columns, layout.widths, strict=True)),
        '<DATA><BINARY2><STREAM encoding="base64">',
    ]
    file.write("\n".join(head).encode() + b"\n")
    waiting = b""
    for records, null in packed_rows(table, layout):
        flags = np.packbits(null, axis=1)  # (n, ceil(n_columns / 8)), highest bit first as BINARY2 wants it
        body = np.concatenate([flags, records.view(np.uint8).reshape(len(records), -1)], axis=1)
        waiting += body.tobytes()
        whole = len(waiting) - len(waiting) % _BASE64_BYTES
        file.write(base64.encodebytes(waiting[:whole]))
        waiting = waiting[whole:]
    file.write(base64.encodebytes(waiting))
    file.write(b"</STREAM></BINARY2></DATA>\n</TABLE>\n</RESOURCE>\n</VOTABLE>\n")


def _field(column: Column, width: int) -> str:
    attributes: dict[str, Any] = {"name": column.name, "ID": column.name, "ucd": column.ucd}
    attributes |= {"datatype": "char", "arraysize": width} if width else {"datatype": _VOTYPE[column.dtype]}
    if column.unit:
        attributes["unit"] = column.unit
    if column.name in ("RA", "DEC"):
        attributes["ref"] = "icrs"
    words = " ".join(f"{key}={quoteattr(str(value))}" for key, value in attributes.items())
    null = f'<VALUES null="{null_integer(column)}"/>' if column.nullable else ""
    return f"<FIELD {words}><DESCRIPTION>{escape(column.description)}</DESCRIPTION>{null}</FIELD>"
