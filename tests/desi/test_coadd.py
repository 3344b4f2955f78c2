import gzip

import numpy as np
import pytest
from astropy.io import fits

from oddqso.desi.coadd import read_coadd
from oddqso.errors import DataError
from oddqso.spectra import Quality


def ids(*numbers):
    return np.array(numbers, np.int64)


def test_rows_are_found_by_targetid_in_any_order(tmp_path, write_coadd):
    in_file = ids(50, -3, 10, 40, 20)
    flux = write_coadd(tmp_path / "coadd.fits", in_file)
    for wanted in (ids(10, 20), ids(20, 10, 50), ids(50), in_file):
        rows = read_coadd(tmp_path / "coadd.fits", wanted)
        for arm in "BRZ":
            expected = [flux[arm][list(in_file).index(t)] for t in wanted]
            np.testing.assert_array_equal(rows.flux[arm], expected)
            assert rows.flux[arm].dtype.isnative
        assert rows.found.all()
        assert not rows.quality.any()


def test_an_absent_target_is_flagged_and_the_others_are_read(tmp_path, write_coadd):
    flux = write_coadd(tmp_path / "coadd.fits", ids(10, 20))
    rows = read_coadd(tmp_path / "coadd.fits", ids(15, 20, 99))
    assert rows.quality.tolist() == [Quality.NO_SPECTRUM, 0, Quality.NO_SPECTRUM]
    np.testing.assert_array_equal(rows.flux["R"][1], flux["R"][1])
    assert not rows.ivar["R"][[0, 2]].any()


def test_the_first_of_repeated_targetids_is_taken_and_flagged(tmp_path, write_coadd):
    flux = write_coadd(tmp_path / "coadd.fits", ids(10, 20, 10, 20, 30))
    rows = read_coadd(tmp_path / "coadd.fits", ids(20, 30, 10))
    assert rows.quality.tolist() == [Quality.DUPLICATE_ROW, 0, Quality.DUPLICATE_ROW]
    np.testing.assert_array_equal(rows.flux["B"], flux["B"][[1, 4, 0]])


def test_asking_twice_for_a_target_gives_it_twice(tmp_path, write_coadd):
    flux = write_coadd(tmp_path / "coadd.fits", ids(10, 20))
    np.testing.assert_array_equal(read_coadd(tmp_path / "coadd.fits", ids(20, 20)).flux["B"], flux["B"][[1, 1]])


def test_a_missing_arm_and_missing_masks_are_no_error(tmp_path, write_coadd):
    write_coadd(tmp_path / "coadd.fits", ids(10, 20), arms="BZ", change={"B_MASK": None, "Z_MASK": None})
    rows = read_coadd(tmp_path / "coadd.fits", ids(10))
    assert (set(rows.flux), rows.mask) == ({"B", "Z"}, {})


def test_masks_of_some_arms_only_mean_damage(tmp_path, write_coadd):
    write_coadd(tmp_path / "coadd.fits", ids(10, 20), change={"Z_MASK": None})
    with pytest.raises(DataError, match="has no HDU Z_MASK, but masks of other arms"):
        read_coadd(tmp_path / "coadd.fits", ids(10))


def test_optional_columns_may_be_missing(tmp_path, write_coadd):
    only = dict.fromkeys(("COADD_FIBERSTATUS", "TARGET_RA", "TARGET_DEC", "OBJTYPE", "EBV", "COADD_NUMEXP"))
    write_coadd(tmp_path / "coadd.fits", ids(10, 20), fibermap=only)
    assert np.isnan(read_coadd(tmp_path / "coadd.fits", ids(10)).ebv).all()


def test_signed_unsigned_and_compressed_masks_are_the_same(tmp_path, write_coadd):
    mask = np.zeros((2, 2751), np.int32)
    mask[1, 5], mask[0, 9] = 1, 256

    def compress(hdus):
        hdus["B_MASK"] = fits.CompImageHDU(mask, name="B_MASK")

    read = []
    for i, how in enumerate(
        ({"change": {"B_MASK": mask}}, {"change": {"B_MASK": mask.astype(np.uint32)}}, {"edit": compress})
    ):
        write_coadd(tmp_path / f"coadd{i}.fits", ids(10, 20), **how)
        read.append(read_coadd(tmp_path / f"coadd{i}.fits", ids(20, 10)).mask["B"])
        np.testing.assert_array_equal(read[-1], mask[::-1])


def test_gzip_makes_no_difference(tmp_path, write_coadd):
    write_coadd(tmp_path / "coadd.fits", ids(10, 20, 30))
    (tmp_path / "coadd.fits.gz").write_bytes(gzip.compress((tmp_path / "coadd.fits").read_bytes()))
    plain, zipped = (read_coadd(tmp_path / name, ids(30, 10)) for name in ("coadd.fits", "coadd.fits.gz"))
    for arm in "BRZ":
        np.testing.assert_array_equal(plain.flux[arm], zipped.flux[arm])
        np.testing.assert_array_equal(plain.ivar[arm], zipped.ivar[arm])


def test_float64_and_scaled_images_become_float32(tmp_path, write_coadd):
    flux = write_coadd(tmp_path / "coadd.fits", ids(10, 20), change={"R_FLUX": lambda f: f.astype(np.float64)})
    rows = read_coadd(tmp_path / "coadd.fits", ids(10, 20))
    assert rows.flux["R"].dtype == np.float32
    np.testing.assert_array_equal(rows.flux["R"], flux["R"])


@pytest.mark.parametrize("hdu", ["FIBERMAP", "B_IVAR", "R_FLUX", "Z_WAVELENGTH"])
def test_a_missing_hdu_is_named(tmp_path, write_coadd, hdu):
    write_coadd(tmp_path / "coadd-bad.fits", ids(10), edit=lambda hdus: hdus.pop(hdus.index_of(hdu)))
    with pytest.raises(DataError, match=rf"coadd-bad\.fits has no HDU {hdu} \(found "):
        read_coadd(tmp_path / "coadd-bad.fits", ids(10))


def test_a_file_without_arms_or_targetid_is_no_coadd(tmp_path, write_coadd, write_redrock):
    write_redrock(tmp_path / "coadd-redrock.fits", ids(10))
    with pytest.raises(DataError, match=r"has no arm \(found PRIMARY, REDSHIFTS"):
        read_coadd(tmp_path / "coadd-redrock.fits", ids(10))
    write_coadd(tmp_path / "coadd-no-id.fits", ids(10), fibermap={"TARGETID": None})
    with pytest.raises(DataError, match=r"no column TARGETID in FIBERMAP \(found COADD_FIBERSTATUS"):
        read_coadd(tmp_path / "coadd-no-id.fits", ids(10))


@pytest.mark.parametrize("wave", [lambda w: w + 0.4, lambda w: w * 1.0003, lambda w: w[:-1], lambda w: w * np.nan])
def test_another_wavelength_grid_is_refused(tmp_path, write_coadd, wave):
    write_coadd(tmp_path / "coadd-other.fits", ids(10), change={"R_WAVELENGTH": wave})
    with pytest.raises(
        DataError, match=r"coadd-other\.fits: R_WAVELENGTH has .* expected 2326 from 5760\.0 to 7620\.0"
    ):
        read_coadd(tmp_path / "coadd-other.fits", ids(10))


def test_images_that_do_not_fit_the_table_are_refused(tmp_path, write_coadd):
    write_coadd(tmp_path / "coadd-odd.fits", ids(10, 20), change={"Z_IVAR": lambda image: image[:1]})
    with pytest.raises(DataError, match=r"Z_IVAR has shape \(1, 2881\), but FIBERMAP has 2 rows"):
        read_coadd(tmp_path / "coadd-odd.fits", ids(10))
