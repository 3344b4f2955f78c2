"""Files made to do harm."""

import gzip
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from oddqso.errors import DataError
from oddqso.review.exchange import Format, csv_rows, read_table
from oddqso.review.foreign import MOST_ROWS
from oddqso.review.importing import _tags
from oddqso.review.inspection import inspected

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


def test_many_lines_take_no_longer_each_than_few():
    class Lines(list):
        copied = 0

        def __getitem__(self, place):
            Lines.copied += isinstance(place, slice)
            return super().__getitem__(place)

    class Content(bytes):
        def decode(self, *_):
            return Text(super().decode())

    class Text(str):
        def splitlines(self, keepends=False):
            return Lines(super().splitlines(keepends))

    assert len(csv_rows(Content(b"A,B\n" + b"1,2\n" * 100))) == 100
    assert Lines.copied <= 1


def test_a_number_that_is_too_long_is_refused_in_words():
    row = {"TARGETID": "39", "VI_scanner": "ada", "VI_quality": "4", "VI_comment": f"[ANOMALY i{'9' * 5000}]"}
    with pytest.raises(DataError, match="which oddqso does not write"):
        inspected(row)


def test_tags_that_are_too_deep_are_refused_in_words():
    with pytest.raises(DataError, match="no JSON list"):
        _tags("[" * 100_000)
