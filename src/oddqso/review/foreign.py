"""Files that others bring, looked at before they are read: how large they become, and what they would have us fetch."""

import io
import re
from collections.abc import Mapping
from typing import Any, Final
from xml.parsers import expat

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from oddqso.errors import DataError

MOST_ROWS: Final = 250_000
_MOST_BYTES: Final = 2**29
_LONGEST_TEXT: Final = 100_000
_UNREAD: Final = frozenset({"BINARY", "FITS", "PARQUET"})
_COUNT: Final = re.compile("[0-9]{1,18}")
_FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")


def guarded(value: Any) -> Any:
    """A cell of a CSV file; text that a spreadsheet would work out as a formula gets an apostrophe before it.

    Examples
    --------
    >>> guarded("=1+1"), guarded("'=1+1"), guarded("1+1"), guarded(-1.5)
    ("'=1+1", "''=1+1", '1+1', -1.5)
    """
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def without_guard(cell: str) -> str:
    """The text of a cell as it was before `guarded`.

    Examples
    --------
    >>> [without_guard(guarded(text)) for text in ("=1+1", "'=1+1", "'s", "-")]
    ['=1+1', "'=1+1", "'s", '-']
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def check_rows(n: int) -> None:
    """See that a table is no longer than `MOST_ROWS`.

    Raises
    ------
    DataError
        If it is.
    """
    if n > MOST_ROWS:
        raise DataError(f"the file has {n:,} rows; at most {MOST_ROWS:,} are taken in at once, cut it into parts")


def check_votable(content: bytes) -> None:
    """See that a VOTable holds all that it says, and is plain.

    A VOTable may name another file or address for its data, and astropy would read that. Rows of no length are read
    for ever; of the kinds of data only TABLEDATA and BINARY2 cannot have them.

    Raises
    ------
    DataError
        If it is no XML, has a document type, or data elsewhere or of another kind.

    Examples
    --------
    >>> check_votable(b'<VOTABLE><STREAM href="file:///etc/passwd"/></VOTABLE>')
    Traceback (most recent call last):
        ...
    oddqso.errors.DataError: this VOTable keeps its data elsewhere; write them into the file
    """
    parser, n_rows, n_fields = expat.ParserCreate(), 0, 0

    def begin(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal n_rows, n_fields
        element = name.rpartition(":")[2]
        if element == "STREAM" and any(one.rpartition(":")[2] == "href" for one in attributes):
            raise DataError("this VOTable keeps its data elsewhere; write them into the file")
        if element in _UNREAD:
            raise DataError(f"this VOTable keeps its data as {element}; write it as TABLEDATA or BINARY2")
        if element == "DATA" and not n_fields:
            raise DataError("this VOTable has data without fields")
        n_fields = 0 if element == "TABLE" else n_fields + (element == "FIELD")
        n_rows += element == "TR"
        told = attributes.get("nrows", "0")
        if not _COUNT.fullmatch(told):
            raise DataError(f"this VOTable has nrows={told!r:.40}, which is no number of rows")
        check_rows(max(n_rows, int(told)))

    def document_type(*_: object) -> None:
        raise DataError("this VOTable has a document type; leave it out")

    parser.StartElementHandler = begin
    parser.StartDoctypeDeclHandler = document_type
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise DataError(f"this is no VOTable: {error}") from None


def check_fits(content: bytes) -> None:
    """See that a FITS file is unpacked, and that its tables are no longer than `MOST_ROWS`.

    Raises
    ------
    DataError
        If they are, or it is packed.
    """
    from astropy.io import fits

    if not content.startswith(b"SIMPLE  ="):
        raise DataError("this is no FITS file: it does not begin with SIMPLE; unpack it, if it is packed")
    with fits.open(io.BytesIO(content), lazy_load_hdus=False) as opened:
        for part in opened[1:]:
            check_rows(part.header.get("NAXIS2", 0))


def parquet_rows(content: bytes) -> list[dict[str, Any]]:
    """The rows of a Parquet file; a small file can stand for more than there is memory.

    Raises
    ------
    DataError
        If it is too long, or too large when unpacked.
    """
    told = pq.ParquetFile(pa.BufferReader(content))
    check_rows(told.metadata.num_rows)
    size = sum(told.metadata.row_group(k).total_byte_size for k in range(told.metadata.num_row_groups))
    if size > _MOST_BYTES:
        raise DataError(f"the file is larger than {_MOST_BYTES // 2**20:,} MiB when unpacked; cut it into parts")
    texts = [field.name for field in told.schema_arrow if _is_text(field.type)]
    table = pq.ParquetFile(pa.BufferReader(content), read_dictionary=texts).read()
    for field in table.schema:
        if pa.types.is_dictionary(field.type):  # a text that is repeated is there once
            lengths = [pc.max(pc.binary_length(chunk.dictionary)).as_py() or 0 for chunk in table[field.name].chunks]
            if max(lengths, default=0) > _LONGEST_TEXT:
                raise DataError(f"{field.name} has more than {_LONGEST_TEXT:,} characters in a row; shorten it")
        elif not (pa.types.is_primitive(field.type) or pa.types.is_null(field.type)):
            raise DataError(f"{field.name} is {field.type}; write it as text or as a number")
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
