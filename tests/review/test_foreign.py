"""Files made to do harm."""

import csv
import gzip
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from oddqso.errors import DataError
from oddqso.review import exchange
from oddqso.review.exchange import Format, csv_rows, read_table, write_verdicts
from oddqso.review.foreign import MOST_ROWS
from oddqso.review.importing import _tags
from oddqso.review.inspection import inspected, write_inspection
from oddqso.review.store.records import StoredVerdict

FIELDS = '<FIELD name="TARGETID" datatype="char" arraysize="20"/><FIELD name="VERDICT" datatype="char" arraysize="8"/>'

EMPTY = '<FIELD name="A" datatype="char" arraysize="0"/>'


def votable(data: str, fields: str = FIELDS, table: str = "<TABLE>", head: str = "") -> bytes:
    begin = f'<?xml version="1.0"?>{head}<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">'
    return f"{begin}<RESOURCE>{table}{fields}<DATA>{data}</DATA></TABLE></RESOURCE></VOTABLE>".encode()


def parquet(**columns) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


@pytest.mark.parametrize("kind", ["BINARY", "BINARY2", "FITS", "PARQUET"])
@pytest.mark.parametrize("prefix", ["", "x:"])
def test_no_votable_has_another_file_read(tmp_path, kind, prefix):
    secret = tmp_path / "secret"
    secret.write_text("a secret of the server" * 10)
    stream = f'<{prefix}STREAM xmlns:x="x" {prefix}href="file://{secret}"/>'
    with pytest.raises(DataError) as refused:
        read_table(votable(f"<{kind}>{stream}</{kind}>"), Format.VOTABLE)
    assert "secret of" not in str(refused.value)


@pytest.mark.parametrize("content", [
    votable('<BINARY><STREAM encoding="base64">AAAA</STREAM></BINARY>', EMPTY),
    votable('<BINARY2><STREAM encoding="base64">AAAA</STREAM></BINARY2>', ""),
    votable('<BINARY2><STREAM encoding="base64">AAAA</STREAM></BINARY2>', table='<TABLE nrows="2000000000">'),
    votable('<BINARY2><STREAM encoding="base64">AAAA</STREAM></BINARY2>', table='<TABLE nrows="+2_000_000_000">'),
    votable("<TABLEDATA></TABLEDATA>", head='<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'),
    votable(f"<TABLEDATA>{'<TR/>' * (MOST_ROWS + 1)}</TABLEDATA>"),
    gzip.compress(votable("<TABLEDATA></TABLEDATA>")),
], ids=["no length", "no fields", "many rows", "many rows, oddly", "entities", "many lines", "packed"])  # fmt: skip
def test_no_votable_grows_without_end(content):
    with pytest.raises(DataError):
        read_table(content, Format.VOTABLE)


@pytest.mark.parametrize("content", [
    parquet(TARGETID=pa.array(np.zeros(MOST_ROWS + 1, np.int64))),
    parquet(COMMENT=pa.DictionaryArray.from_arrays(pa.array([0] * 10_000, pa.int32()), ["x" * 10**6])),
    parquet(TAGS=pa.array([["a"]])),
], ids=["many rows", "one text ten thousand times", "nested"])  # fmt: skip
def test_no_small_parquet_file_fills_the_memory(content):
    assert len(content) < 100_000
    with pytest.raises(DataError):
        read_table(content, Format.PARQUET)


def test_no_packed_fits_is_unpacked():
    with pytest.raises(DataError, match="unpack it"):
        read_table(gzip.compress(b"SIMPLE  =                    T"), Format.FITS)


def test_many_lines_take_no_longer_each_than_few(monkeypatch):
    read = []
    reader = exchange.csv.reader

    def counting(lines):
        for line in lines:
            read.append(line)
            yield line

    monkeypatch.setattr(exchange.csv, "reader", lambda lines: reader(counting(lines)))
    monkeypatch.setattr(exchange, "list", _Uncopied, raising=False)
    assert len(csv_rows(b"A,B\n" + b"1,2\n" * 100)) == 100
    assert len(read) == 101


class _Uncopied(list):
    """Lines of which no rest is copied for each record."""

    def __getitem__(self, place):
        assert isinstance(place, int) or place == slice(None, 1)
        return super().__getitem__(place)


@pytest.mark.parametrize("comment", [
    "=HYPERLINK(1)", "'=1", "+1", "-1", "@a", "\tq", "\r=1", "''-", "a\u2028b", "a\x85b", "a\x0bb", "a\rb", "a\r\nb",
    "a\x1cb", 'a","b', " a ", "'s",
])  # fmt: skip
@pytest.mark.parametrize("format", [Format.CSV, Format.DESI_VI])
def test_no_text_is_a_formula_and_every_text_comes_back(comment, format):
    name = comment if comment.isprintable() else "ada"
    said = StoredVerdict(
        client_id="0b6f4c1e-7f3c", target_id=39627, verdict="KNOWN", id=1, reviewer=name, time="", comment=comment
    )
    content = write_verdicts([said], format) if format is Format.CSV else write_inspection([said], {})
    cells = next(row for row in csv.reader(io.StringIO(content.decode(), newline="")) if row[0] == "39627")
    assert [cell for cell in cells if cell[:1] in set("=+-@\t\r") and cell != "-1"] == []
    ((_, row),) = read_table(content, format)
    read = inspected(row) if format is Format.DESI_VI else row
    assert (read["COMMENT"], read["REVIEWER"]) == (comment, name)


def test_a_number_that_is_too_long_is_refused_in_words():
    row = {"TARGETID": "39", "VI_scanner": "ada", "VI_quality": "4", "VI_comment": f"[ANOMALY i{'9' * 5000}]"}
    with pytest.raises(DataError, match="which oddqso does not write"):
        inspected(row)


def test_tags_that_are_too_deep_are_refused_in_words():
    with pytest.raises(DataError, match="no JSON list"):
        _tags("[" * 100_000)
