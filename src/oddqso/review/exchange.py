r"""Verdicts as tables: CSV, Parquet, VOTable and FITS, out and in.

A table holds what stands now: of each reviewer and object the last verdict that was not taken back, and settlements.
It comes back as it went, but for TIME, which is that of the import. Undone entries stay behind; `oddqso store backup`
keeps those, too. TARGETID is int64 throughout and never passes through a float.

In CSV, text that a spreadsheet would work out as a formula has an apostrophe before it, which goes when it is read.
In FITS, text is ASCII: other characters are written as ``\xe9`` or ``\u2013``, and read back.
"""

import csv
import io
import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from oddqso.errors import DataError
from oddqso.review.foreign import check_fits, check_rows, check_votable, guarded, parquet_rows, without_guard
from oddqso.review.store.records import StoredVerdict


class Format(StrEnum):
    """How verdicts are written."""

    CSV = "csv"
    PARQUET = "parquet"
    VOTABLE = "votable"
    FITS = "fits"
    DESI_VI = "desi-vi"

    @property
    def suffix(self) -> str:
        """The end of a file's name."""
        return {"votable": "vot", "desi-vi": "vi.csv"}.get(self.value, self.value)

    @property
    def media_type(self) -> str:
        """As browsers are told."""
        return {
            "parquet": "application/vnd.apache.parquet",
            "votable": "application/x-votable+xml",
            "fits": "application/fits",
        }.get(self.value, "text/csv; charset=utf-8")


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its kind is str, int16, int64, float32, float64 or bool."""

    name: str
    kind: str
    description: str
    unit: str = ""
    ucd: str = ""


COLUMNS: Final = (
    Column("TARGETID", "int64", "DESI object id", ucd="meta.id;meta.main"),
    Column("REVIEWER", "str", "Who says so", ucd="meta.curation"),
    Column("VERDICT", "str", "ANOMALY, KNOWN, ARTIFACT, WRONG_REDSHIFT, ORDINARY or UNSURE", ucd="meta.code.class"),
    Column("SUBTYPE", "str", "Finer class within the verdict", ucd="meta.code.class"),
    Column("INTEREST", "int16", "0 (dull) to 5", ucd="meta.code.qual"),
    Column("CONFIDENCE", "int16", "1 (a guess) to 3", ucd="meta.code.qual"),
    Column("Z", "float64", "Corrected redshift", ucd="src.redshift"),
    Column("COMMENT", "str", "In the reviewer's words", ucd="meta.note"),
    Column("TAGS", "str", "Free tags, a JSON list", ucd="meta.note"),
    Column("FLAGGED", "bool", "Whether somebody should come back to it", ucd="meta.code"),
    Column("SETTLES", "bool", "Whether a lead decided a disagreement by it", ucd="meta.code"),
    Column("QUEUE", "str", "Where the reviewer met it", ucd="meta.id"),
    Column("SECONDS", "float64", "How long it was looked at", "s", "time.duration"),
    Column("TIME", "str", "When it was stored, UTC, ISO 8601", ucd="time.epoch"),
    Column("CLIENT_ID", "str", "Name of the entry: one that is known is not taken in again", ucd="meta.id"),
)
PREDICTED: Final = (
    Column("INTEREST_PREDICTED", "float32", "Interest as learned from verdicts, 0 to 5", ucd="stat.value"),
    Column("INTEREST_SIGMA", "float32", "Uncertainty of the predicted interest", ucd="stat.error"),
)

Predictions = Mapping[int, tuple[float | None, float | None]]


def standing(entries: Iterable[StoredVerdict]) -> list[StoredVerdict]:
    """What stands of a log: of each reviewer and object the last entry, settlements apart; by TARGETID."""
    last: dict[tuple[int, str, bool], StoredVerdict] = {}
    for entry in entries:
        if entry.undoes is None and not entry.undone:
            last[entry.target_id, entry.reviewer, entry.settles] = entry
    return sorted(last.values(), key=lambda entry: (entry.target_id, entry.id))


def write_verdicts(entries: Sequence[StoredVerdict], format: Format, predicted: Predictions | None = None) -> bytes:
    """Verdicts as the bytes of a file; `oddqso.review.inspection` writes ``desi-vi``.

    Parameters
    ----------
    entries : sequence of StoredVerdict
        See `standing`.
    predicted : mapping, optional
        Predicted interest and its uncertainty by TARGETID; adds two columns.

    Examples
    --------
    >>> said = StoredVerdict(client_id="0b6f4c1e-7f3c", target_id=39627, verdict="KNOWN", id=1, reviewer="ada", time="")
    >>> write_verdicts([said], Format.CSV).decode().splitlines()[1]
    '39627,ada,KNOWN,,,,,,[],false,false,,,,0b6f4c1e-7f3c'
    """
    columns = COLUMNS if predicted is None else COLUMNS + PREDICTED
    rows = [_row(entry, predicted) for entry in entries]
    if format is Format.CSV:
        return _csv(columns, rows)
    if format is Format.PARQUET:
        return _parquet(columns, rows)
    return astropy_bytes(columns, rows, format, "verdicts")


def read_table(content: bytes, format: Format) -> list[tuple[str, dict[str, Any]]]:
    """The rows of a file, each with where it stands; None where there is nothing.

    Raises
    ------
    DataError
        If it is no such file.
    """
    if format in (Format.CSV, Format.DESI_VI):
        return csv_rows(content)
    try:
        if format is Format.PARQUET:
            rows = parquet_rows(content)
        else:
            (check_votable if format is Format.VOTABLE else check_fits)(content)
            rows = _astropy_rows(content, format)
        return [(f"row {k}", row) for k, row in enumerate(rows, start=1)]
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, IndexError, MemoryError) as error:
        raise DataError(
            f"this is no {format} file ({str(error).splitlines()[0] if str(error) else error!r})"
        ) from error


def csv_rows(content: bytes) -> list[tuple[str, dict[str, Any]]]:
    """The rows of a CSV file; blank lines are passed over.

    Prospect writes a comma within a field as ``","``, without quotes around the field; that is read, too.

    Raises
    ------
    DataError
        With the line, if it is no UTF-8, or a line has more or fewer fields than the heading.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"this is no UTF-8 text ({error.reason} at byte {error.start})") from error
    if "\0" in text:
        raise DataError("this is no CSV file: it has a NUL character")
    lines = list(io.StringIO(text, newline=""))  # `splitlines` would end a line at U+2028, too
    head = next(csv.reader(lines[:1]), [])
    names = [name.strip() for name in head]
    rows, at = [], 1
    while at < len(lines):
        cells, taken = _record(lines, at, len(names))
        if any(cells):
            if len(cells) != len(names):
                raise DataError(f"line {at + 1}: {len(cells)} fields, but the heading has {len(names)}")
            values = {name: without_guard(cell) or None for name, cell in zip(names, cells, strict=True)}
            rows.append((f"line {at + 1}", values))
        at += taken
    return rows


def _record(lines: list[str], at: int, n: int) -> tuple[list[str], int]:
    """The fields of the record that begins on a line, and how many lines it takes."""
    bare = lines[at].rstrip("\r\n")
    if '","' in bare:
        joined = [cell.replace("\0", ",").replace('""', '"') for cell in bare.replace('","', "\0").split(",")]
        if len(joined) == n and not any(cell.startswith('"') for cell in joined):
            return joined, 1
    reader = csv.reader(lines[k] for k in range(at, len(lines)))
    try:
        return next(reader, []), max(reader.line_num, 1)
    except csv.Error as error:
        raise DataError(f"line {at + 1}: {error}") from error


def _row(entry: StoredVerdict, predicted: Predictions | None) -> dict[str, Any]:
    row = {
        "TARGETID": entry.target_id, "REVIEWER": entry.reviewer, "VERDICT": str(entry.verdict),
        "SUBTYPE": entry.subtype, "INTEREST": entry.interest, "CONFIDENCE": entry.confidence, "Z": entry.z,
        "COMMENT": entry.comment, "TAGS": json.dumps(list(entry.tags), ensure_ascii=False), "FLAGGED": entry.flagged,
        "SETTLES": entry.settles, "QUEUE": entry.queue, "SECONDS": entry.seconds, "TIME": entry.time,
        "CLIENT_ID": entry.client_id,
    }  # fmt: skip
    if predicted is not None:
        value, sigma = predicted.get(entry.target_id, (None, None))
        row |= {"INTEREST_PREDICTED": value, "INTEREST_SIGMA": sigma}
    return row


def _csv(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> bytes:
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, lineterminator="\r\n")  # as RFC 4180 has it; with it a bare \r is quoted, too
    writer.writerow([column.name for column in columns])
    for row in rows:
        values = [guarded(row[column.name]) for column in columns]
        writer.writerow(["" if v is None else str(v).lower() if isinstance(v, bool) else v for v in values])
    return sink.getvalue().encode("utf-8")


def _parquet(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> bytes:
    kinds = {"str": pa.string(), "bool": pa.bool_()}
    fields, arrays = [], []
    for column in columns:
        kind = kinds.get(column.kind) or pa.type_for_alias(column.kind)
        about = {"description": column.description, "unit": column.unit, "ucd": column.ucd}
        fields.append(pa.field(column.name, kind, metadata=about))
        arrays.append(pa.array([row[column.name] for row in rows], kind))
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), sink)
    return sink.getvalue()


def astropy_bytes(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], format: Format, name: str) -> bytes:
    """Rows as the bytes of a VOTable (BINARY2) or FITS file."""
    from astropy.table import MaskedColumn, Table

    table = Table()
    for column in columns:
        values = [row[column.name] for row in rows]
        plain: Any
        mask: Any
        if column.kind == "str":
            words = [value or "" for value in values]
            if format is Format.FITS:
                words = [word.encode("unicode_escape").decode("ascii") for word in words]
            plain, mask = np.array(words, dtype=np.str_ if words else "U1"), False
        else:
            empty = np.nan if column.kind.startswith("float") else 0
            plain = np.array([empty if value is None else value for value in values], dtype=column.kind)
            mask = np.array([value is None for value in values], bool)
        meta = {"ucd": column.ucd} if column.ucd else {}
        table[column.name] = MaskedColumn(
            plain, mask=mask, unit=column.unit or None, description=column.description, meta=meta
        )
    sink = io.BytesIO()
    if format is Format.FITS:
        table.write(sink, format="fits")
        return _with_descriptions(sink.getvalue(), columns, name)
    from astropy.io.votable import from_table

    made = from_table(table)
    made.get_first_table().name = name
    for column, made_field in zip(columns, made.get_first_table().fields, strict=True):
        made_field.ucd = column.ucd or None
        if column.kind == "int16":
            made_field.values.null = -32768
    made.get_first_table().format = "binary2"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The unit '.*' has been deprecated")  # programs know it all the same
        made.to_xml(sink)
    return sink.getvalue()


def _with_descriptions(content: bytes, columns: Sequence[Column], name: str) -> bytes:
    from astropy.io import fits

    with fits.open(io.BytesIO(content)) as opened:
        opened[1].name = name.upper()
        for k, column in enumerate(columns, start=1):
            opened[1].header[f"TCOMM{k}"] = column.description
        sink = io.BytesIO()
        opened.writeto(sink)
    return sink.getvalue()


def _astropy_rows(content: bytes, format: Format) -> list[dict[str, Any]]:
    from astropy.table import Table

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of files that others wrote; what matters is checked row by row
        table = Table.read(io.BytesIO(content), format=str(format))
    check_rows(len(table))
    return [{name: _plain(row[name], format) for name in table.colnames} for row in table]


def _plain(value: Any, format: Format) -> Any:
    if value is np.ma.masked or (isinstance(value, float | np.floating) and np.isnan(value)):
        return None
    plain = value.item() if isinstance(value, np.generic) else value
    text = plain.decode("utf-8", "replace") if isinstance(plain, bytes) else plain
    if not isinstance(text, str):
        return text
    if format is Format.FITS and "\\" in text:
        text = text.encode("ascii", "backslashreplace").decode("unicode_escape")
    return text or None
