"""A simulated survey: plan, files, catalog, truth."""

import hashlib
import json
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy import units
from astropy.io import fits
from astropy_healpix import lonlat_to_healpix

from oddqso.desi.survey import SurveyParams, plan_survey, write_catalogs, write_pixel
from oddqso.errors import DataError
from oddqso.spectra.grid import arm_grid

PARAMS = SurveyParams(n_target=100, seed=5, resolution=True, anomaly_fraction=0.3, spectra_fraction=0.05)


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    out = tmp_path_factory.mktemp("survey")
    plans = plan_survey(PARAMS)
    records = [write_pixel(plan, out, PARAMS) for plan in plans]
    write_catalogs(out, PARAMS, plans)
    return out, plans, records


def catalog(out):
    return fits.getdata(out / "spectro/redux/mock/zcatalog/v1/zall-pix-mock.fits", "ZCATALOG")


def truth(out):
    return pq.read_table(out / "truth.parquet").to_pydict()


@pytest.mark.parametrize("n_target", [100, 2000, 50_000, 1_000_000])
def test_a_plan_has_as_many_targets_as_asked_and_no_pixel_twice(n_target):
    plans = plan_survey(SurveyParams(n_target=n_target))
    assert sum(plan.n_target for plan in plans) == n_target
    assert len({(plan.survey, plan.program, plan.healpix) for plan in plans}) == len(plans)
    bright = [plan for plan in plans if plan.program == "bright"]
    assert [plan.healpix for plan in bright] == [plans[0].healpix]
    assert set(bright[0].shared) < set(plans[0].indices.tolist())
    assert len(pickle.dumps(plans[-1])) < 2000


def test_shares_that_are_more_than_all_are_refused():
    with pytest.raises(ValueError, match=r"add up to 1\.25"):
        SurveyParams(quasar_fraction=0.985)


def test_other_seeds_are_other_pixels():
    one, two = (plan_survey(SurveyParams(seed=seed))[0].healpix for seed in (1, 2))
    assert one != two


def test_the_same_seed_gives_the_same_bytes_in_any_order_and_from_any_worker(tree, tmp_path):
    out, plans, _ = tree
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        list(pool.map(write_pixel, plans[::-1], [tmp_path] * len(plans), [PARAMS] * len(plans)))
    write_catalogs(tmp_path, PARAMS, plans)
    assert digests(tmp_path) == digests(out)
    assert not (tmp_path / ".parts").exists()


def test_coadds_have_the_hdus_and_row_widths_of_dr1(tree):
    out, _, records = tree
    arms = [f"{arm}_{part}" for arm in "BRZ" for part in ("WAVELENGTH", "FLUX", "IVAR", "MASK", "RESOLUTION")]
    for record in records:
        with fits.open(out / record.coadd, checksum=True) as file:
            file.verify("exception")
            assert [hdu.name for hdu in file] == ["PRIMARY", "FIBERMAP", "EXP_FIBERMAP", *arms, "SCORES"]
            widths = [file[name].header["NAXIS1"] for name in ("FIBERMAP", "EXP_FIBERMAP", "SCORES")]
            assert widths == [317, 162, 172]
            n = record.n_target
            assert file["Z_RESOLUTION"].shape == (n, 11, 2881)
            for arm in "BRZ":
                np.testing.assert_allclose(file[f"{arm}_WAVELENGTH"].data, arm_grid(arm), atol=1e-4)
                flux, ivar, mask = (file[f"{arm}_{part}"].data for part in ("FLUX", "IVAR", "MASK"))
                assert flux.shape == ivar.shape == mask.shape
                assert np.isfinite(flux).all()
                assert (ivar >= 0).all()
                assert (ivar[mask != 0] == 0).all()
            np.testing.assert_array_equal(file["SCORES"].data["TARGETID"], file["FIBERMAP"].data["TARGETID"])
            exposed = file["EXP_FIBERMAP"].data["TARGETID"]
            np.testing.assert_array_equal(
                exposed[np.r_[True, np.diff(exposed) != 0]], file["FIBERMAP"].data["TARGETID"]
            )


def test_redrock_is_matched_to_the_coadd_row_by_row(tree):
    out, _, records = tree
    for record in records:
        path = Path(record.coadd)
        with (
            fits.open(out / path) as coadd,
            fits.open(out / path.with_name(path.name.replace("coadd", "redrock"))) as redrock,
        ):
            assert [hdu.name for hdu in redrock] == ["PRIMARY", "REDSHIFTS", "FIBERMAP", "EXP_FIBERMAP", "TSNR2"]
            table = redrock["REDSHIFTS"].data
            assert redrock["REDSHIFTS"].header["NAXIS1"] == 170
            np.testing.assert_array_equal(table["TARGETID"], coadd["FIBERMAP"].data["TARGETID"])
            quasar = table["SPECTYPE"] == "QSO"
            assert set(table["SUBTYPE"][quasar]) <= {"LOZ", "HIZ"}
            assert (table["NCOEFF"][quasar] == 4).all()


def test_about_four_in_a_thousand_pixels_are_masked(tree):
    out, _, records = tree
    with fits.open(out / records[0].coadd) as file:
        mask = np.concatenate([file[f"{arm}_MASK"].data.ravel() for arm in "BRZ"])
    assert 0.002 < np.mean(mask != 0) < 0.006


def test_one_target_lacks_an_arm_and_one_has_no_data_at_all(tree):
    out, _, records = tree
    with fits.open(out / records[0].coadd) as file:
        status = file["FIBERMAP"].data["COADD_FIBERSTATUS"]
        good = {arm: (file[f"{arm}_IVAR"].data > 0).any(axis=1) for arm in "BRZ"}
    assert status[0] == 1 << 22
    assert (good["B"][0], good["R"][0], good["Z"][0]) == (False, True, True)
    assert not any(good[arm][1] for arm in "BRZ")


def test_targetids_bear_the_mock_bit_or_are_negative(tree):
    ids = catalog(tree[0])["TARGETID"].astype(np.int64)
    assert (((ids >> 58) & 1 == 1) | (ids < 0)).all()
    assert (ids[ids > 0] < 2**62).all()


def test_targets_lie_in_their_pixel_and_on_their_brick(tree):
    rows = catalog(tree[0])
    pixel = lonlat_to_healpix(rows["TARGET_RA"] * units.deg, rows["TARGET_DEC"] * units.deg, 64, order="nested")
    np.testing.assert_array_equal(pixel, rows["HEALPIX"])
    ids = rows["TARGETID"].astype(np.int64)
    light = ids > 0
    np.testing.assert_array_equal(((ids >> 22) & 0xFFFFF)[light], rows["BRICKID"][light])


def test_the_catalog_holds_every_row_once_and_one_primary_row_a_target(tree):
    out, plans, records = tree
    rows = catalog(out)
    assert len(rows) == PARAMS.n_target == sum(record.n_target for record in records)
    assert len(rows.dtype) == 136
    ids = rows["TARGETID"]
    assert rows["ZCAT_PRIMARY"].sum() == len(np.unique(ids))
    shared = np.isin(rows["TARGETID"], ids[(rows["PROGRAM"] == "bright")]) & (rows["PROGRAM"] == "dark") & (ids > 0)
    assert shared.sum() == len(plans[-1].shared)
    assert (rows["ZCAT_NSPEC"][shared] == 2).all()


def test_a_target_in_two_programs_is_one_object_seen_twice(tree):
    out, plans, records = tree
    with fits.open(out / records[0].coadd) as dark, fits.open(out / records[-1].coadd) as bright:
        rank = plans[-1].shared[0]
        one, two = dark["FIBERMAP"].data[rank], bright["FIBERMAP"].data[0]
        assert one["TARGETID"] == two["TARGETID"]
        assert one["TARGET_RA"] == two["TARGET_RA"]
        assert one["EBV"] == two["EBV"]
        assert (dark["R_FLUX"].data[rank] != bright["R_FLUX"].data[0]).any()
    z = {row["PROGRAM"]: row["Z"] for row in catalog(out) if row["TARGETID"] == one["TARGETID"]}
    assert z["dark"] == z["bright"] or abs(z["dark"] - z["bright"]) > 0.01  # unless one was misread


def test_the_truth_tells_of_every_target_once(tree):
    out, _, records = tree
    table = truth(out)
    positive = [t for t in table["TARGETID"] if t > 0]
    assert len(positive) == len(set(positive))
    rows = catalog(out)
    assert set(table["TARGETID"]) == set(rows["TARGETID"].tolist())
    assert set(table["KIND"]) >= {"quasar", "galaxy", "star"}
    classes = [name for name in table["CLASS"] if name]
    assert len(classes) == sum(record.n_anomaly for record in records)
    for name, text, amplitude in zip(table["CLASS"], table["PARAMS"], table["AMPLITUDE"], strict=True):
        draws = json.loads(text)
        assert not name or any(
            value == pytest.approx(amplitude, rel=1e-5) for value in draws.values() if isinstance(value, float)
        )


def test_exposures_add_up_to_the_coadd(tree):
    out, plans, _ = tree
    folder = out / plans[0].folder
    with (
        fits.open(folder / f"coadd-{plans[0].name}.fits") as coadd,
        fits.open(folder / f"spectra-{plans[0].name}.fits.gz") as spectra,
    ):
        assert [hdu.name for hdu in spectra][:2] == ["PRIMARY", "FIBERMAP"]
        assert spectra[-1].name == "SCORES"
        target = coadd["FIBERMAP"].data["TARGETID"][2]
        rows = spectra["FIBERMAP"].data["TARGETID"] == target
        assert rows.sum() == 2
        flux, ivar = spectra["R_FLUX"].data[rows], spectra["R_IVAR"].data[rows]
        weight = ivar.sum(axis=0)
        mean = np.divide((flux * ivar).sum(axis=0), weight, out=np.zeros_like(weight), where=weight > 0)
        np.testing.assert_allclose(coadd["R_FLUX"].data[2], mean, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(coadd["R_IVAR"].data[2], weight, rtol=1e-5)


def test_without_resolution_the_files_are_smaller(tree, tmp_path):
    plan = plan_survey(PARAMS)[-1]
    record = write_pixel(plan, tmp_path, PARAMS.model_copy(update={"resolution": False}))
    with fits.open(tmp_path / record.coadd) as file:
        assert "B_RESOLUTION" not in [hdu.name for hdu in file]
    assert (tmp_path / record.coadd).stat().st_size < 0.3 * (tree[0] / record.coadd).stat().st_size


def test_catalogs_of_an_unfinished_survey_are_refused(tmp_path):
    with pytest.raises(DataError, match="write that pixel again"):
        write_catalogs(tmp_path, PARAMS, plan_survey(PARAMS))


def test_signal_to_noise_is_that_of_desi(tree):
    out, plans, _ = tree
    snr = []
    for plan in plans[:-1]:
        with fits.open(out / plan.folder / f"coadd-{plan.name}.fits") as file:
            quasar = file["FIBERMAP"].data["OBJTYPE"] == "TGT"
            value = file["R_FLUX"].data[quasar] * np.sqrt(file["R_IVAR"].data[quasar])
            snr += np.median(value, axis=1).tolist()
    assert 1.0 < np.median(snr) < 4.0
