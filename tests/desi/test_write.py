import gzip
import warnings

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from oddqso.desi.checksum import encode_checksum, ones_complement
from oddqso.desi.formats import EXP_FIBERMAP, REDSHIFTS, record_dtype
from oddqso.desi.write import Block, Hdu, blocks_hdu, card, image_hdu, primary_hdu, table_hdu, write_fits
from oddqso.errors import StoreError

RNG = np.random.default_rng(0)


def records(n_row):
    table = np.zeros(n_row, record_dtype(REDSHIFTS))
    table["TARGETID"] = 39627568982263324 + np.arange(n_row)
    table["Z"] = RNG.uniform(0, 3, n_row)
    table["COEFF"] = RNG.normal(size=(n_row, 10))
    table["SPECTYPE"] = b"QSO"
    return table


def hdus(n_row=7):
    return [
        primary_hdu("main", "dark", 23040),
        table_hdu("REDSHIFTS", REDSHIFTS, records(n_row)),
        image_hdu("B_FLUX", RNG.normal(size=(n_row, 33)).astype(np.float32), "10**-17 erg/(s cm2 Angstrom)"),
        image_hdu("B_MASK", RNG.integers(0, 9, (n_row, 33)).astype(np.int32)),
        image_hdu("B_WAVELENGTH", np.linspace(3600, 5800, 33)),
    ]


@pytest.mark.parametrize("n_row", [1, 3, 8, 100])
def test_astropy_reads_back_what_was_written_and_agrees_with_every_checksum(tmp_path, n_row):
    path, written = tmp_path / "a.fits", hdus(n_row)
    write_fits(path, written)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(path, checksum=True) as file:
            file.verify("exception")
            assert [hdu.name for hdu in file] == ["PRIMARY", "REDSHIFTS", "B_FLUX", "B_MASK", "B_WAVELENGTH"]
            for hdu, one in zip(file[2:], written[2:], strict=True):
                np.testing.assert_array_equal(hdu.data, next(iter(one.blocks)).data)
            table, expected = file["REDSHIFTS"].data, next(iter(written[1].blocks)).data
            for name in expected.dtype.names:
                got = table[name]
                np.testing.assert_array_equal(got.astype("S") if got.dtype.kind in "SU" else got, expected[name])
            assert file[0].header["HPXNEST"] is True
            assert file["B_FLUX"].header["BUNIT"] == "10**-17 erg/(s cm2 Angstrom)"


def test_the_checksum_is_the_one_astropy_makes(tmp_path):
    path = tmp_path / "a.fits"
    write_fits(path, hdus())
    with fits.open(path) as file:
        for hdu in file:
            stated = hdu.header["CHECKSUM"], hdu.header["DATASUM"]
            hdu.add_checksum(when=" ")
            assert hdu.header["DATASUM"] == stated[1]
            assert hdu.verify_datasum() == 1


def test_no_card_holds_a_date(tmp_path):
    path = tmp_path / "a.fits"
    write_fits(path, hdus())
    with fits.open(path) as file:
        assert all("20" not in c.comment for hdu in file for c in hdu.header.cards)


def test_pieces_are_the_same_file_as_the_whole(tmp_path):
    data = RNG.normal(size=(6, 11, 40)).astype(np.float32)
    write_fits(tmp_path / "whole.fits", [primary_hdu("main", "dark", 1), image_hdu("B_RESOLUTION", data)])
    pieces = blocks_hdu("B_RESOLUTION", np.dtype("f4"), data.shape, (Block.of(row) for row in data))
    write_fits(tmp_path / "pieces.fits", [primary_hdu("main", "dark", 1), pieces])
    assert (tmp_path / "whole.fits").read_bytes() == (tmp_path / "pieces.fits").read_bytes()


def test_gzip_holds_the_same_bytes_every_time(tmp_path):
    data = np.arange(100, dtype=np.float32).reshape(10, 10)
    for name in ("a.fits", "b.fits.gz", "c.fits.gz"):
        write_fits(tmp_path / name, [primary_hdu("main", "dark", 1), image_hdu("B_FLUX", data)])
    assert gzip.decompress((tmp_path / "b.fits.gz").read_bytes()) == (tmp_path / "a.fits").read_bytes()
    assert (tmp_path / "b.fits.gz").read_bytes() == (tmp_path / "c.fits.gz").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.fits", "b.fits.gz", "c.fits.gz"]


def test_blocks_of_the_wrong_size_are_refused_and_leave_no_file(tmp_path):
    wrong = blocks_hdu("B_FLUX", np.dtype("f4"), (2, 5), [Block.of(np.zeros((1, 5), np.float32))])
    with pytest.raises(ValueError, match="B_FLUX hold 20 bytes"):
        write_fits(tmp_path / "a.fits", [Hdu(""), wrong])
    assert not (tmp_path / "a.fits").exists()


def test_records_of_another_table_are_refused():
    with pytest.raises(ValueError, match="EXP_FIBERMAP"):
        table_hdu("EXP_FIBERMAP", EXP_FIBERMAP, records(2))


def test_a_place_that_is_no_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot write .*a\.fits.*; make room or choose another folder"):
        write_fits(tmp_path / "file" / "a.fits", hdus())


def test_cards_are_80_letters_or_refused():
    assert len(card("KEY", 3.5)) == len(card("KEY", "it's")) == 80
    assert b"'it''s   '" in card("KEY", "it's")
    with pytest.raises(ValueError, match="too long"):
        card("KEY", "x" * 90)


@given(st.binary(max_size=500), st.integers(0, 100))
def test_sums_in_ones_complement_follow_their_definition(data, cut):
    words = np.frombuffer(data.ljust(-(-len(data) // 4) * 4, b"\0"), ">u4")
    total = int(words.astype(object).sum()) if len(words) else 0
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    assert ones_complement(data) == total
    cut = cut // 4 * 4
    assert ones_complement(data[cut:], ones_complement(data[:cut])) == total


@settings(max_examples=200)
@given(st.integers(0, 2**32 - 1))
def test_the_letters_of_a_checksum_bring_the_sum_to_all_ones(total):
    letters = encode_checksum(ones_complement(b"0" * 16, total))  # the header holds 16 zeros until then
    assert letters.isalnum()
    rotated = letters[1:] + letters[0]  # in a header the 16 letters begin one byte after a word
    assert ones_complement(rotated.encode(), total) in (0xFFFFFFFF, 0)
