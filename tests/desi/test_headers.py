import gzip

import numpy as np
import pytest
from astropy.io import fits

from oddqso.desi.headers import FitsFile
from oddqso.errors import DataError


def test_the_walk_finds_what_astropy_finds(tmp_path, write_coadd):
    write_coadd(tmp_path / "c.fits", [1, 2, 3])
    with FitsFile(tmp_path / "c.fits") as ours, fits.open(tmp_path / "c.fits") as theirs:
        assert list(ours.hdus) == [hdu.name for hdu in theirs]
        for hdu in theirs[1:]:
            assert ours.hdu(hdu.name).offset == hdu.fileinfo()["datLoc"]
            if hdu.is_image:
                np.testing.assert_array_equal(ours.image(hdu.name), hdu.data)
            else:
                table = ours.table(hdu.name, tuple(hdu.columns.names))
                for name in hdu.columns.names:
                    np.testing.assert_array_equal(table[name], np.array(hdu.data[name]).astype(table[name].dtype))


def test_rows_are_read_in_native_byte_order_wherever_they_lie(tmp_path):
    image = np.random.default_rng(0).normal(size=(40, 7)).astype(">f4")
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(image, name="X")]).writeto(tmp_path / "x.fits")
    for rows in ([0], [39], [0, 1, 2, 7, 8, 30], list(range(40)), []):
        with FitsFile(tmp_path / "x.fits") as file:
            read = file.image_rows("X", np.array(rows, np.int64))
        assert read.dtype == np.dtype("f4")
        assert read.dtype.isnative
        np.testing.assert_array_equal(read, image[rows])


def test_unsigned_masks_scaled_images_and_logicals_mean_what_they_mean(tmp_path):
    mask = np.array([[0, 1, 2**31 + 5], [4, 0, 2**32 - 1]], np.uint32)
    flags = fits.BinTableHDU.from_columns(
        [
            fits.Column("GOOD", "L", array=[True, False]),
            fits.Column("BITS", "12X", array=np.zeros((2, 12), bool)),
            fits.Column("U", "J", bzero=2**31, array=np.array([0, 2**31 + 1], np.uint32)),
            fits.Column("T", "5A", array=["ab", ""]),
            fits.Column("V", "3E", array=np.arange(6.0).reshape(2, 3)),
        ],
        name="FLAGS",
    )
    scaled = fits.ImageHDU(np.arange(6.0).reshape(2, 3), name="S")
    scaled.scale("int16", bscale=0.5, bzero=1)
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(mask, name="M"), scaled, flags]).writeto(tmp_path / "m.fits")
    with FitsFile(tmp_path / "m.fits") as file:
        np.testing.assert_array_equal(file.image_rows("M", np.array([0, 1])), mask)
        np.testing.assert_allclose(file.image("S"), np.arange(6.0).reshape(2, 3))
        table = file.table("FLAGS", ("GOOD", "U", "T", "V", "ABSENT"))
        assert table["GOOD"].tolist() == [True, False]
        assert table["U"].tolist() == [0, 2**31 + 1]
        assert table["T"].tolist() == [b"ab", b""]
        np.testing.assert_array_equal(table["V"], np.arange(6.0).reshape(2, 3))
        assert "ABSENT" not in table


def test_compressed_images_are_left_to_astropy(tmp_path):
    image = np.random.default_rng(0).integers(0, 4, (30, 50)).astype(np.int32)
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(image, name="B_MASK")]).writeto(tmp_path / "z.fits")
    with FitsFile(tmp_path / "z.fits") as file:
        np.testing.assert_array_equal(file.image_rows("B_MASK", np.array([3, 9])), image[[3, 9]])
        np.testing.assert_array_equal(file.image("B_MASK"), image)


def test_a_gzipped_file_reads_the_same(tmp_path, write_coadd):
    write_coadd(tmp_path / "c.fits", [1, 2, 3])
    (tmp_path / "c.fits.gz").write_bytes(gzip.compress((tmp_path / "c.fits").read_bytes()))
    with FitsFile(tmp_path / "c.fits") as plain, FitsFile(tmp_path / "c.fits.gz") as zipped:
        assert list(plain.hdus) == list(zipped.hdus)
        np.testing.assert_array_equal(plain.image("Z_FLUX"), zipped.image("Z_FLUX"))
        np.testing.assert_array_equal(plain.image("B_FLUX"), zipped.image("B_FLUX"))


def test_a_file_cut_anywhere_is_refused_by_name(tmp_path, write_coadd):
    write_coadd(tmp_path / "whole.fits", [1, 2])
    content = (tmp_path / "whole.fits").read_bytes()
    cut = tmp_path / "coadd-cut.fits"
    for n_bytes in (2881, 5000, 9000, len(content) // 2, len(content) - 30_000, len(content) - 1):
        cut.write_bytes(content[:n_bytes])
        with pytest.raises(DataError, match=r"coadd-cut\.fits is cut short.*fetch it again"), FitsFile(cut):
            pass
    cut_gz = tmp_path / "coadd-cut.fits.gz"
    cut_gz.write_bytes(gzip.compress(content)[:-20_000])
    with pytest.raises(DataError, match=r"coadd-cut\.fits\.gz is a damaged gzip file"), FitsFile(cut_gz):
        pass


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89HDF\r\n\x1a\n" + b"\0" * 4000])
def test_what_is_not_fits_is_refused(tmp_path, content):
    path = tmp_path / "coadd-x.fits"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"coadd-x\.fits is (not a FITS file|cut short)"), FitsFile(path):
        pass


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"gone\.fits does not exist"):
        FitsFile(tmp_path / "gone.fits")
    with pytest.raises(DataError, match="cannot be read"):
        FitsFile(tmp_path)


def test_a_missing_hdu_says_what_is_there(tmp_path, write_coadd):
    write_coadd(tmp_path / "c.fits", [1])
    with FitsFile(tmp_path / "c.fits") as file:
        with pytest.raises(DataError, match=r"has no HDU Q_FLUX \(found FIBERMAP, B_WAVELENGTH"):
            file.image("Q_FLUX")
        with pytest.raises(DataError, match="is an image, expected a table"):
            file.table("B_FLUX", ("TARGETID",))
        with pytest.raises(DataError, match="is a table, expected an image"):
            file.image("FIBERMAP")


def test_targetids_that_went_through_floats_are_refused(tmp_path, write_catalog):
    write_catalog(tmp_path / "QSO_cat_x.fits", TARGETID=np.array([39627568982263324.0]), Z=[1.0])
    with (
        FitsFile(tmp_path / "QSO_cat_x.fits") as file,
        pytest.raises(DataError, match=r"stored as .f8, expected 64-bit"),
    ):
        file.table("ZCATALOG", ("TARGETID", "Z"))
