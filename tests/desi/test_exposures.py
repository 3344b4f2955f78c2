"""Single exposures, in files written as DESI writes them."""

import numpy as np
import pytest

from oddqso.desi.exposures import read_exposures, spectra_file
from oddqso.desi.formats import SPECTRA_FIBERMAP, record_dtype
from oddqso.desi.write import image_hdu, primary_hdu, table_hdu, write_fits
from oddqso.errors import DataError
from oddqso.spectra.grid import ARMS, arm_grid

ID = 39_627_000_000_000_001


def write(path, target_ids, arms=ARMS, mask=True, n_cut=0):
    n = len(target_ids)
    fibermap = np.zeros(n, record_dtype(SPECTRA_FIBERMAP))
    fibermap["TARGETID"], fibermap["EXPID"] = target_ids, 100 + np.arange(n)
    fibermap["MJD"], fibermap["EXPTIME"] = 59_000.5 - np.arange(n), 900
    fibermap["NIGHT"], fibermap["TILEID"], fibermap["FIBER"] = 20210505, 7, 11
    hdus = [primary_hdu("main", "dark", 1), table_hdu("FIBERMAP", SPECTRA_FIBERMAP, fibermap)]
    for arm in arms:
        shape = (n, len(arm_grid(arm)))
        flux = np.arange(n, dtype=np.float32)[:, None] + np.zeros(shape, np.float32)
        bad = np.zeros(shape, np.int32)
        bad[:, 5] = 4
        hdus.append(image_hdu(f"{arm}_WAVELENGTH", arm_grid(arm)[n_cut:]))
        hdus += [image_hdu(f"{arm}_FLUX", flux), image_hdu(f"{arm}_IVAR", np.full(shape, 4, np.float32))]
        hdus += [image_hdu(f"{arm}_MASK", bad)] if mask else []
    write_fits(path, hdus)


@pytest.mark.parametrize("name", ["spectra-main-dark-1.fits", "spectra-main-dark-1.fits.gz"])
def test_exposures_of_a_target_come_in_order_of_time(tmp_path, name):
    write(tmp_path / name, [ID, -5, ID, ID + 1])
    found = read_exposures(tmp_path / "coadd-main-dark-1.fits", ID)
    assert [one.exposure for one in found] == [102, 100]  # the later row is the earlier night
    assert [float(one.flux["R"][0]) for one in found] == [2, 0]
    assert (found[0].night, found[0].tile, found[0].fiber, found[0].seconds) == (20210505, 7, 11, 900)
    assert found[0].mjd == 58_998.5
    assert list(found[0].wave) == list(ARMS)
    np.testing.assert_array_equal(found[0].wave["Z"], arm_grid("Z"))


def test_a_masked_pixel_has_no_weight(tmp_path):
    write(tmp_path / "spectra-main-dark-1.fits", [ID])
    ivar = read_exposures(tmp_path / "coadd-main-dark-1.fits", ID)[0].ivar["B"]
    assert ivar[5] == 0
    assert (np.delete(ivar, 5) == 4).all()


def test_negative_targets_arms_that_are_missing_and_files_without_masks(tmp_path):
    write(tmp_path / "spectra-main-dark-1.fits", [-5], arms=("R",), mask=False)
    (found,) = read_exposures(tmp_path / "coadd-main-dark-1.fits.gz", -5)
    assert list(found.flux) == ["R"]
    assert (found.ivar["R"] == 4).all()


def test_there_may_be_no_file_or_not_this_target(tmp_path):
    coadd = tmp_path / "coadd-main-dark-1.fits"
    assert spectra_file(coadd) is None
    assert read_exposures(coadd, ID) == []
    write(tmp_path / "spectra-main-dark-1.fits", [ID])
    assert read_exposures(coadd, ID + 1) == []
    assert spectra_file(tmp_path / "other.fits") is None


def test_other_wavelengths_are_refused(tmp_path):
    write(tmp_path / "spectra-main-dark-1.fits", [ID], n_cut=3)
    with pytest.raises(DataError, match="B_WAVELENGTH has 2748 pixels"):
        read_exposures(tmp_path / "coadd-main-dark-1.fits", ID)


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "spectra-main-dark-1.fits"
    write(path, [ID])
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(DataError, match="cut short"):
        read_exposures(tmp_path / "coadd-main-dark-1.fits", ID)
