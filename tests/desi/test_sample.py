from itertools import pairwise

import numpy as np
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oddqso.desi.params import SampleParams
from oddqso.desi.paths import find_inputs, healpix_file
from oddqso.desi.sample import SPLITS, make_sample, split_of
from oddqso.errors import DataError
from oddqso.spectra import Quality

PARAMS = SampleParams()


def sample(root, params=PARAMS):
    table, steps = make_sample(find_inputs(root), params)
    for before, after in pairwise(steps):
        assert after.n_in == before.n_out, "a step must begin with what the one before left"
    return {row["TARGETID"]: row for row in table.to_pylist()}, {s.name: s for s in steps}, table


def test_every_row_of_the_input_is_accounted_for(tmp_path, write_coadd, write_catalog, zcatalog_columns):
    n = 12
    columns = zcatalog_columns(np.arange(1, n + 1), np.full(n, 7))
    columns["TARGETID"][0] = -5
    columns["OBJTYPE"] = np.array(["TGT", "SKY", *["TGT"] * 10])
    columns["SPECTYPE"] = np.array(["QSO", "QSO", "GALAXY", "STAR", *["QSO"] * 8])
    columns["ZWARN"][4:7] = 4, 5, 1
    columns["Z"][7] = np.nan
    columns["COADD_FIBERSTATUS"][8:11] = 1 << 23, 8, 1
    columns["DELTACHI2"][11] = 20.0
    write_coadd(tmp_path / healpix_file("main", "dark", 7), columns["TARGETID"])
    write_catalog(tmp_path / "zcatalog/v1/zall-pix-x.fits", **columns)
    rows, steps, table = sample(tmp_path)
    assert sorted(rows) == [5, 9, 10, 11, 12]
    assert [s.n_out for s in steps.values()][:6] == [12, 11, 10, 9, 7, 5]
    assert {t: rows[t]["QUALITY"] for t in rows} == {
        5: Quality.ZWARN, 9: 0, 10: Quality.BAD_FIBER, 11: Quality.BAD_FIBER, 12: 0}  # fmt: skip
    assert steps["fiber status"].n_flagged == 2
    assert not any(r["STRICT"] for r in rows.values())
    assert table.column_names == [
        "TARGETID", "SURVEY", "PROGRAM", "HEALPIX", "FILE", "RA", "DEC", "Z", "ZERR", "ZWARN", "SPECTYPE", "SUBTYPE",
        "DELTACHI2", "COADD_FIBERSTATUS", "EBV", "NUM_EXP", "STRICT", "SPLIT", "QUALITY", "SHARD"]  # fmt: skip


def test_the_strict_sample_is_cut_further_and_counted(tmp_path, write_coadd, write_catalog, zcatalog_columns):
    columns = zcatalog_columns(np.arange(1, 6), np.full(5, 7))
    columns["ZWARN"][0], columns["COADD_FIBERSTATUS"][1], columns["DELTACHI2"][2] = 4, 8, 25.0
    write_coadd(tmp_path / healpix_file("main", "dark", 7), columns["TARGETID"])
    write_catalog(tmp_path / "zcatalog/zall-pix-x.fits", **columns)
    rows, steps, _ = sample(tmp_path)
    assert [rows[t]["STRICT"] for t in range(1, 6)] == [False, False, False, True, True]
    assert [s.n_out for s in steps.values() if s.strict] == [5, 4, 3, 2]


def test_rows_are_sorted_by_shard_and_targetid(tmp_path, write_coadd, write_catalog, zcatalog_columns):
    write_coadd(tmp_path / healpix_file("main", "dark", 7), [1])
    write_coadd(tmp_path / healpix_file("main", "dark", 40), [1])
    write_catalog(tmp_path / "zcatalog/zall-pix-x.fits", **zcatalog_columns([30, 10, 20, 5], [7, 40, 7, 7]))
    _, _, table = sample(tmp_path)
    assert table["TARGETID"].to_pylist() == [5, 20, 30, 10]
    assert table["SHARD"].to_pylist() == [*["main-dark-0"] * 3, "main-dark-2"]


def test_redrock_files_serve_without_a_catalog(tmp_path, write_coadd, write_redrock):
    here = tmp_path / healpix_file("sv3", "bright", 123)
    write_coadd(here, [10, 20, 30])
    write_redrock(
        here.with_name("redrock-sv3-bright-123.fits"),
        [30, 20, 10],
        SPECTYPE=["QSO", "QSO", "GALAXY"],
        fibermap={"TARGETID": np.array([10, 20, 30]), "OBJTYPE": ["TGT", "SKY", "TGT"], "EBV": np.float32([1, 2, 3])},
    )
    rows, _, _ = sample(tmp_path)
    assert list(rows) == [30]
    assert (rows[30]["SURVEY"], rows[30]["PROGRAM"], rows[30]["HEALPIX"], rows[30]["EBV"]) == (
        "sv3",
        "bright",
        123,
        3.0,
    )


def test_coadds_that_the_catalog_does_not_cover_use_their_redrock_file(
    tmp_path, write_coadd, write_redrock, write_catalog, zcatalog_columns
):
    for survey, target in (("main", 1), ("sv3", 2)):
        here = tmp_path / healpix_file(survey, "dark", 7)
        write_coadd(here, [target])
        write_redrock(here.with_name(f"redrock-{survey}-dark-7.fits"), [target], Z=[3.0])
    write_catalog(tmp_path / "zcatalog/zall-pix-x.fits", **zcatalog_columns([1], [7]))
    rows, steps, _ = sample(tmp_path)
    assert {t: r["Z"] for t, r in rows.items()} == {1: 1.0, 2: 3.0}
    assert steps["rows found"].n_out == 2


def test_quasar_catalogs_serve_without_redrock_and_lend_their_redshift(
    tmp_path, write_coadd, write_redrock, write_catalog
):
    write_coadd(tmp_path / "coadd-5-169-thru2021.fits", [10, 20])
    write_coadd(tmp_path / "coadd-main-dark-9.fits", [30, 40])
    write_redrock(tmp_path / "redrock-main-dark-9.fits", [30, 40], Z=[1.0, 1.1], SPECTYPE=["GALAXY", "QSO"])
    write_catalog(tmp_path / "QSO_cat_x.fits", "QSO_CAT", TARGETID=np.array([20, 20, 30]), Z=[2.0, 2.5, 3.0])
    rows, steps, _ = sample(tmp_path)
    assert {t: r["Z"] for t, r in rows.items()} == {20: 2.0, 30: 3.0, 40: 1.1}
    assert steps["redshift known"].n_out == 3
    kept, _, _ = sample(tmp_path, SampleParams(qso_catalog_z=False))
    assert kept[30]["Z"] == 1.0


def test_a_coadd_per_tile_gets_the_sky_pixel_of_its_targets(tmp_path, write_coadd, write_redrock):
    write_coadd(tmp_path / "coadd-5-169-thru2021.fits", [10, 20])
    write_redrock(
        tmp_path / "redrock-5-169-thru2021.fits",
        [10, 20],
        fibermap={"TARGET_RA": np.array([83.633, np.nan]), "TARGET_DEC": np.array([22.0145, 0.0])},
    )
    rows, _, _ = sample(tmp_path)
    assert [(rows[t]["SURVEY"], rows[t]["PROGRAM"], rows[t]["HEALPIX"], rows[t]["SHARD"]) for t in (10, 20)] == [
        ("tile", "none", 24185, "tile-none-1511"), ("tile", "none", -1, "tile-none-none")]  # fmt: skip


def test_only_targetid_and_redshift_are_needed(tmp_path, write_coadd, write_redrock):
    write_coadd(tmp_path / "coadd-main-dark-9.fits", [10], fibermap=dict.fromkeys(["OBJTYPE", "EBV", "COADD_NUMEXP"]))
    write_redrock(
        tmp_path / "redrock-main-dark-9.fits", [10], fibermap=False, ZERR=None, ZWARN=None, SUBTYPE=None, DELTACHI2=None
    )
    rows, _, _ = sample(tmp_path)
    assert rows[10]["STRICT"]
    assert np.isnan(rows[10]["DELTACHI2"])


def test_one_coadd_a_target_the_primary_one(tmp_path, write_coadd, write_catalog, zcatalog_columns):
    for pixel in (7, 8):
        write_coadd(tmp_path / healpix_file("main", "dark", pixel), [1])
    columns = zcatalog_columns(
        [1, 1, 2], [7, 8, 8], ZCAT_PRIMARY=np.array([False, True, True]), ZWARN=np.array([0, 4, 0])
    )
    write_catalog(tmp_path / "zcatalog/zall-pix-x.fits", **columns)
    rows, steps, _ = sample(tmp_path)
    assert (rows[1]["HEALPIX"], rows[1]["QUALITY"] & Quality.SEVERAL_COADDS > 0) == (8, True)
    assert rows[2]["QUALITY"] == 0
    assert (
        steps["one coadd a target"].n_in,
        steps["one coadd a target"].n_out,
        steps["one coadd a target"].n_flagged,
    ) == (3, 2, 1)


@pytest.mark.parametrize(
    ("best", "how"),
    [
        (8, {"ZWARN": [4, 0]}),
        (8, {"tsnr2": [1.0, 9.0]}),
        (8, {"numexp": [1, 5]}),
        (7, {}),
        (7, {"ZWARN": [0, 4], "tsnr2": [1.0, 9.0]}),
    ],
)
def test_without_a_primary_column_the_best_coadd_is_taken(tmp_path, write_coadd, write_redrock, best, how):
    for i, pixel in enumerate((7, 8)):
        write_coadd(tmp_path / f"coadd-main-dark-{pixel}.fits", [1])
        write_redrock(
            tmp_path / f"redrock-main-dark-{pixel}.fits", [1], ZWARN=[how.get("ZWARN", [0, 0])[i]],
            tsnr2=[how["tsnr2"][i]] if "tsnr2" in how else None,
            fibermap={"COADD_NUMEXP": np.array([how.get("numexp", [1, 1])[i]], np.int16)},
        )  # fmt: skip
    rows, _, _ = sample(tmp_path)
    assert rows[1]["HEALPIX"] == best


def test_a_repeated_catalog_row_is_not_several_coadds(tmp_path, write_coadd, write_catalog, zcatalog_columns):
    write_coadd(tmp_path / healpix_file("main", "dark", 7), [1])
    write_catalog(tmp_path / "zcatalog/zall-pix-x.fits", **zcatalog_columns([1, 1], [7, 7]))
    rows, _, table = sample(tmp_path)
    assert len(table) == 1
    assert rows[1]["QUALITY"] == 0


def test_a_pixel_outside_the_folder_is_left_out_and_a_missing_coadd_is_flagged(
    tmp_path, write_coadd, write_catalog, zcatalog_columns
):
    write_coadd(tmp_path / healpix_file("main", "dark", 7), [1])
    (tmp_path / healpix_file("main", "dark", 8)).parent.mkdir(parents=True)
    write_catalog(tmp_path / "zcatalog/zall-pix-x.fits", **zcatalog_columns([1, 2, 3], [7, 8, 9]))
    rows, steps, _ = sample(tmp_path)
    assert {t: r["QUALITY"] for t, r in rows.items()} == {1: 0, 2: Quality.NO_SPECTRUM}
    assert rows[2]["FILE"] == healpix_file("main", "dark", 8)
    assert not rows[2]["STRICT"]
    assert (steps["in the folder"].n_in, steps["in the folder"].n_out, steps["coadd present"].n_flagged) == (3, 2, 1)


def test_productions_do_not_mix(tmp_path, write_coadd, write_catalog, zcatalog_columns):
    for production, target in (("fuji", 1), ("iron", 2)):
        top = tmp_path / "spectro/redux" / production
        write_coadd(top / healpix_file("main", "dark", 7), [target])
        write_catalog(top / f"zcatalog/v1/zall-pix-{production}.fits", **zcatalog_columns([target], [7]))
    rows, _, _ = sample(tmp_path)
    assert {t: r["FILE"].split("/")[2] for t, r in rows.items()} == {1: "fuji", 2: "iron"}


def test_the_order_of_rows_in_a_catalog_does_not_matter(tmp_path, write_coadd, write_catalog, zcatalog_columns):
    ids = np.arange(1, 40)
    columns = zcatalog_columns(ids, ids % 5, Z=ids / 20)
    for pixel in range(5):
        write_coadd(tmp_path / healpix_file("main", "dark", pixel), [1])
    order = np.random.default_rng(1).permutation(len(ids))
    write_catalog(tmp_path / "zcatalog/zall-pix-x.fits", **columns)
    before, _ = make_sample(find_inputs(tmp_path), PARAMS)
    write_catalog(tmp_path / "zcatalog/zall-pix-x.fits", **{k: v[order] for k, v in columns.items()})
    after, _ = make_sample(find_inputs(tmp_path), PARAMS)
    assert before.drop_columns(["ZERR", "EBV"]).equals(after.drop_columns(["ZERR", "EBV"]))


def test_an_empty_sample_is_refused_with_the_counts(tmp_path, write_coadd, write_redrock):
    write_coadd(tmp_path / "coadd-main-dark-9.fits", [10, 20])
    write_redrock(tmp_path / "redrock-main-dark-9.fits", [10, 20], SPECTYPE=["STAR", "STAR"])
    with pytest.raises(DataError, match=r"no quasar of .* is left .*rows found: 2, .*target: 2, quasar: 0"):
        make_sample(find_inputs(tmp_path), PARAMS)


def test_no_rows_at_all_is_an_empty_sample(tmp_path, write_coadd, write_redrock):
    write_coadd(tmp_path / "coadd-main-dark-9.fits", [])
    write_redrock(tmp_path / "redrock-main-dark-9.fits", [])
    with pytest.raises(DataError, match=r"rows found: 0"):
        make_sample(find_inputs(tmp_path), PARAMS)


def test_all_bad_redrock_files_are_named_at_once(tmp_path, write_coadd, write_redrock):
    for pixel in (7, 8, 9):
        write_coadd(tmp_path / f"coadd-main-dark-{pixel}.fits", [pixel])
        write_redrock(tmp_path / f"redrock-main-dark-{pixel}.fits", [pixel], **({"Z": None} if pixel == 8 else {}))
    cut = tmp_path / "redrock-main-dark-9.fits"
    cut.write_bytes(cut.read_bytes()[:4000])
    with pytest.raises(DataError) as caught:
        make_sample(find_inputs(tmp_path), PARAMS)
    assert "redrock-main-dark-8.fits has no table with TARGETID and Z (found REDSHIFTS: TARGETID" in str(caught.value)
    assert "redrock-main-dark-9.fits is cut short" in str(caught.value)


def test_a_catalog_that_names_no_pixel_is_refused(tmp_path, write_coadd, write_catalog, zcatalog_columns):
    write_coadd(tmp_path / healpix_file("main", "dark", 7), [1])
    write_catalog(tmp_path / "zcatalog/zall-pix-x.fits", **zcatalog_columns([1], [7], HEALPIX=None))
    with pytest.raises(DataError, match=r"zall-pix-x\.fits has no column HEALPIX"):
        make_sample(find_inputs(tmp_path), PARAMS)


@given(st.lists(st.integers(1, 2**62), min_size=1, max_size=50), st.text(max_size=8))
@settings(max_examples=50, deadline=None)
def test_the_split_hangs_on_targetid_and_salt_alone(ids, salt):
    params = SampleParams(salt=salt)
    together = split_of(np.array(ids, np.int64), params)
    alone = [split_of(np.array([i], np.int64), params)[0] for i in ids]
    assert together.tolist() == alone


def test_splits_have_their_shares_and_another_salt_splits_anew():
    ids = 39627568982000000 + np.arange(100_000)
    split = split_of(ids, SampleParams(fit_fraction=0.4, calibration_fraction=0.3))
    np.testing.assert_allclose(np.bincount(split) / len(ids), [0.4, 0.3, 0.3], atol=0.006)
    other = split_of(ids, SampleParams(fit_fraction=0.4, calibration_fraction=0.3, salt="other"))
    assert abs(np.mean(split == other) - 0.34) < 0.01
    grown = split_of(ids, SampleParams(fit_fraction=0.5, calibration_fraction=0.2))
    assert (grown[split == 0] == 0).all(), "raising FIT moves targets into it, none out of it"
    assert SPLITS == ("FIT", "CALIBRATION", "TEST")


def test_fractions_must_leave_something_to_test():
    with pytest.raises(ValueError, match="leave nothing to test"):
        SampleParams(fit_fraction=0.6, calibration_fraction=0.4)


def test_coadds_per_tile_left_aside_are_told(tmp_path, write_coadd, write_redrock):
    for name in ("healpix/main/dark/0/9/{}-main-dark-9.fits", "tiles/cumulative/80/2021/{}-0-80-thru2021.fits"):
        write_coadd(tmp_path / name.format("coadd"), [10])
        write_redrock(tmp_path / name.format("redrock"), [10])
    rows, steps, _ = sample(tmp_path)
    assert rows[10]["FILE"].startswith("healpix/")
    assert "1 coadds per tile repeat them" in steps["rows found"].description


@pytest.mark.real
def test_the_real_tree_gives_its_known_numbers(real_data):
    _, steps, table = sample(real_data / "sdss-desi-layout")
    assert [steps[name].n_out for name in ("rows found", "target", "quasar", "ZWARN 0 or 4")] == [432, 432, 393, 387]
    assert len(table) == 387
    assert pc.sum(table["STRICT"]).as_py() == 369
    assert pc.sum(pc.equal(table["QUALITY"], int(Quality.ZWARN))).as_py() == 18


@pytest.mark.real
def test_part_of_the_real_tree_uses_the_catalog_above(real_data):
    _, steps, table = sample(real_data / "sdss-desi-layout/spectro/redux/sdss/healpix/main/dark/60")
    assert (steps["in the folder"].n_in, steps["in the folder"].n_out, len(table)) == (387, 33, 33)
