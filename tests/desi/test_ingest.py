import numpy as np
import pyarrow as pa
import pytest
from astropy.io import fits

from oddqso.desi.ingest import ingest
from oddqso.desi.params import IngestParams, SampleParams
from oddqso.desi.paths import find_inputs
from oddqso.desi.sample import make_sample
from oddqso.errors import DataError
from oddqso.spectra import Quality, Spectra
from oddqso.spectra.grid import native_grid

PARAMS = IngestParams()


def rows(ids, files, **columns):
    n = len(ids)
    given = {"TARGETID": np.array(ids, np.int64), "FILE": pa.array(files, pa.string()), "Z": np.full(n, 2.0),
             "EBV": np.full(n, np.nan, np.float32), "QUALITY": np.zeros(n, np.uint32)}  # fmt: skip
    return pa.table(given | columns)


def read(root, table):
    return Spectra.from_table(ingest(root, table, PARAMS))


def test_rows_come_in_the_order_of_the_sample_from_any_files(tmp_path, write_coadd):
    one = write_coadd(tmp_path / "a/coadd-1.fits", [10, 20, 30], seed=1)
    two = write_coadd(tmp_path / "b/coadd-2.fits", [40, 50], seed=2)
    spectra = read(
        tmp_path, rows([50, 10, 40, 30], ["b/coadd-2.fits", "a/coadd-1.fits", "b/coadd-2.fits", "a/coadd-1.fits"])
    )
    assert spectra.target_id.tolist() == [50, 10, 40, 30]
    np.testing.assert_array_equal(spectra.wave, native_grid())
    np.testing.assert_array_equal(
        spectra.flux[:, :2700], np.stack([f["B"][i, :2700] for f, i in ((two, 1), (one, 0), (two, 0), (one, 2))])
    )
    assert not spectra.quality.any()


def test_a_row_does_not_feel_its_company(tmp_path, write_coadd):
    write_coadd(tmp_path / "coadd.fits", np.arange(1, 20))
    together = read(tmp_path, rows(range(1, 20), ["coadd.fits"] * 19))
    for i in (0, 7, 18):
        alone = read(tmp_path, rows([i + 1], ["coadd.fits"]))
        np.testing.assert_array_equal(alone.flux[0], together.flux[i])
        np.testing.assert_array_equal(alone.ivar[0], together.ivar[i])


def test_reddening_is_the_catalogs_then_the_files_then_flagged(tmp_path, write_coadd):
    write_coadd(tmp_path / "with.fits", [1, 2])
    write_coadd(tmp_path / "without.fits", [3], fibermap={"EBV": None})
    table = rows([1, 2, 3], ["with.fits", "with.fits", "without.fits"], EBV=np.array([0.5, np.nan, np.nan], np.float32))
    spectra = read(tmp_path, table)
    np.testing.assert_allclose(spectra.ebv, [0.5, 0.03, 0])
    assert spectra.quality.tolist() == [0, 0, Quality.NO_EBV]


def test_bad_pixels_are_flagged_and_carry_nothing(tmp_path, write_coadd):
    bad = {(0, 100): np.nan, (1, 200): np.inf, (2, 300): -np.inf}

    def spoil_flux(flux):
        flux = flux.copy()
        for place, value in bad.items():
            flux[place] = value
        return flux

    def spoil_ivar(ivar):
        ivar = ivar.copy()
        ivar[3, 400], ivar[4, 500], ivar[5] = np.nan, -1.0, 0.0
        return ivar

    write_coadd(tmp_path / "coadd.fits", range(1, 7), change={"B_FLUX": spoil_flux, "B_IVAR": spoil_ivar})
    spectra = read(tmp_path, rows(range(1, 7), ["coadd.fits"] * 6))
    assert spectra.quality.tolist() == [*[Quality.NONFINITE] * 4, Quality.NEGATIVE_IVAR, Quality.MISSING_B]
    assert np.isfinite(spectra.flux).all()
    assert (spectra.ivar >= 0).all()
    for i, j in enumerate((100, 200, 300, 400, 500)):
        assert spectra.flux[i, j] == spectra.ivar[i, j] == 0
        assert (spectra.ivar[i] == 0).sum() == 1


def test_masked_pixels_are_left_out_whatever_their_ivar(tmp_path, write_coadd):
    mask = np.zeros((1, 2326), np.int32)
    mask[0, 0], mask[0, 1000] = 1, 256
    flux = write_coadd(tmp_path / "coadd.fits", [1], change={"R_MASK": mask})
    spectra = read(tmp_path, rows([1], ["coadd.fits"]))
    assert spectra.ivar[0, 3700] == 0
    assert spectra.flux[0, 2700] == flux["B"][0, 2700], "in the overlap the other arm stands alone"


def test_a_spectrum_of_zeros_has_no_data(tmp_path, write_coadd):
    zero = {f"{arm}_{kind}": np.zeros_like for arm in "BRZ" for kind in ("FLUX", "IVAR")}
    write_coadd(tmp_path / "coadd.fits", [1], change=zero)
    quality = Quality(int(read(tmp_path, rows([1], ["coadd.fits"])).quality[0]))
    assert quality == Quality.NO_DATA | Quality.MISSING_B | Quality.MISSING_R | Quality.MISSING_Z


def test_a_missing_arm_is_flagged(tmp_path, write_coadd):
    write_coadd(tmp_path / "coadd.fits", [1], arms="BZ")
    spectra = read(tmp_path, rows([1], ["coadd.fits"]))
    assert spectra.quality.tolist() == [Quality.MISSING_R]
    assert not spectra.ivar[0, 2751:4900].any()
    assert spectra.ivar[0, :2751].all()


def test_targets_without_spectrum_go_on_flagged(tmp_path, write_coadd):
    write_coadd(tmp_path / "coadd.fits", [1])
    table = rows(
        [1, 2, 3], ["coadd.fits", "coadd.fits", "gone.fits"], QUALITY=np.array([0, 0, Quality.NO_SPECTRUM], np.uint32)
    )
    spectra = read(tmp_path, table)
    nothing = Quality.NO_SPECTRUM | Quality.NO_DATA
    assert [q & nothing for q in spectra.quality.tolist()] == [0, nothing, nothing]
    assert not spectra.ivar[1:].any()


def test_all_bad_files_are_named_at_once(tmp_path, write_coadd):
    write_coadd(tmp_path / "coadd-good.fits", [1])
    write_coadd(tmp_path / "coadd-cut.fits", [2])
    (tmp_path / "coadd-cut.fits").write_bytes((tmp_path / "coadd-good.fits").read_bytes()[:50_000])
    write_coadd(tmp_path / "coadd-hdu.fits", [3], edit=lambda hdus: hdus.pop(hdus.index_of("Z_IVAR")))
    with pytest.raises(DataError) as caught:
        ingest(
            tmp_path,
            rows([1, 2, 3, 4], ["coadd-good.fits", "coadd-cut.fits", "coadd-hdu.fits", "coadd-gone.fits"]),
            PARAMS,
        )
    lines = str(caught.value).splitlines()
    assert [line.split("coadd-")[1].split(" ")[0] for line in lines] == ["cut.fits", "gone.fits", "hdu.fits"]


def test_no_rows_make_an_empty_table(tmp_path):
    assert len(read(tmp_path, rows([], []))) == 0


@pytest.mark.real
def test_every_early_file_is_read_or_refused_with_reason(real_data):
    root = real_data / "desi-edr"
    inputs = find_inputs(root)
    table, steps = make_sample(inputs, SampleParams())
    assert {s.name: s.n_out for s in steps if not s.strict} == {
        "rows found": 18, "redshift known": 8, "TARGETID > 0": 8, "target": 8, "quasar": 7, "ZWARN 0 or 4": 7,
        "fiber status": 7, "in the folder": 7, "coadd present": 7, "one coadd a target": 7}  # fmt: skip
    spectra = read(root, table)
    assert spectra.quality.tolist() == [Quality.NO_EBV] * 7
    snr = np.median(spectra.flux * np.sqrt(spectra.ivar), axis=1)
    np.testing.assert_allclose(snr, [0.998, 1.640, 3.155, 4.638, 14.409, 1.424, 1.530], atol=2e-3)
    assert table["SHARD"].to_pylist() == ["sv3-dark-571"] * 2 + ["tile-none-508"] * 5

    everyone = {
        "coadd-1-80693-thru20210204.fits": 5, "coadd-5-169-thru20210419.fits": 5, "coadd-special-dark-27247.fits": 1,
        "coadd-sv3-dark-26065.fits": 5, "coadd-sv3-dark-9144.fits": 2}  # fmt: skip
    from oddqso.desi.headers import FitsFile

    assert {c.file for c in inputs.coadds} == set(everyone)
    for name, n_targets in everyone.items():
        with FitsFile(root / name) as file:
            ids = file.table("FIBERMAP", ("TARGETID",))["TARGETID"]
        assert len(ids) == n_targets
        all_rows = read(root, rows(ids.tolist(), [name] * n_targets))
        assert not (all_rows.quality & Quality.NO_SPECTRUM).any()
        assert np.isfinite(all_rows.flux).all()


@pytest.mark.real
def test_catalogs_and_redrock_files_are_no_coadds(real_data):
    for name in ("redrock-special-dark-27247.fits", "QSO_cat_fuji_dark_tile.fits"):
        with pytest.raises(DataError, match=rf"{name} has no (arm|HDU FIBERMAP).*is it"):
            ingest(real_data / "desi-edr", rows([39089837499744649], [name]), PARAMS)


@pytest.mark.real
def test_real_spectra_come_out_whole(real_data):
    root = real_data / "sdss-desi-layout"
    table, _ = make_sample(find_inputs(root), SampleParams())
    spectra = read(root, table)
    assert spectra.target_id.tolist() == table["TARGETID"].to_pylist()
    assert {int(q) for q in spectra.quality} == {0, int(Quality.ZWARN)}
    assert abs((spectra.ivar > 0).mean() - 0.9377) < 1e-3


def test_a_file_whose_bytes_were_damaged_is_refused_by_its_own_sums(tmp_path, write_coadd):
    """Values that cannot be are flagged if they were written so, and refused if the file was damaged since."""
    path = tmp_path / "coadd.fits"
    write_coadd(path, [1, 2, 3], change={"B_FLUX": lambda flux: np.where(np.arange(2751) == 200, np.nan, flux)})
    with fits.open(path) as hdus:
        hdus.writeto(tmp_path / "summed.fits", checksum=True)
    assert read(tmp_path, rows([2], ["summed.fits"])).quality.tolist() == [Quality.NONFINITE]
    with fits.open(tmp_path / "summed.fits") as hdus:
        place = hdus["R_FLUX"].fileinfo()["datLoc"]
    with (tmp_path / "summed.fits").open("r+b") as file:
        file.seek(place)
        file.write(b"\xff" * 64)
    with pytest.raises(DataError, match=r"summed\.fits is damaged: the data of R_FLUX add up to \d+, but its DATASUM"):
        read(tmp_path, rows([1, 2], ["summed.fits", "summed.fits"]))
