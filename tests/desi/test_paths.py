import os

import pytest

from oddqso.desi.paths import find_inputs, healpix_file, inventory
from oddqso.errors import DataError


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


PIXEL = "healpix/main/dark/50/5043"
TREE = [
    f"spectro/redux/iron/{PIXEL}/{kind}-main-dark-5043.fits" for kind in ("coadd", "redrock", "emline", "qso_qn")
] + [
    "spectro/redux/iron/zcatalog/v1/zall-pix-iron.fits",
    "spectro/redux/iron/zcatalog/v1/zpix-main-dark.fits",
    "spectro/redux/iron/zcatalog/v0/zall-pix-iron.fits",
    "spectro/redux/iron/zcatalog/v1/ztile-main-dark-cumulative.fits",
]


def test_a_release_is_understood(tmp_path):
    touch(tmp_path, *TREE)
    found = find_inputs(tmp_path)
    (coadd,) = found.coadds
    assert (coadd.survey, coadd.program, coadd.healpix) == ("main", "dark", 5043)
    assert coadd.file == f"spectro/redux/iron/{healpix_file('main', 'dark', 5043)}"
    assert coadd.redrock == coadd.file.replace("coadd", "redrock")
    assert found.zcatalogs == (("spectro/redux/iron/zcatalog/v1/zall-pix-iron.fits", "spectro/redux/iron"),)


@pytest.mark.parametrize(
    "below", ["spectro", "spectro/redux/iron", "spectro/redux/iron/healpix/main", f"spectro/redux/iron/{PIXEL}"]
)
def test_any_folder_inside_a_production_works_and_finds_its_catalog(tmp_path, below):
    touch(tmp_path, *TREE)
    root = tmp_path / below
    found = find_inputs(root)
    assert len(found.coadds) == len(found.zcatalogs) == 1
    assert (root / found.zcatalogs[0][0]).resolve() == (tmp_path / TREE[4]).resolve()


def test_catalogs_per_survey_serve_where_there_is_none_of_all(tmp_path):
    touch(
        tmp_path,
        *TREE[:4],
        "spectro/redux/iron/zcatalog/v1/zpix-main-dark.fits",
        "spectro/redux/iron/zcatalog/v1/zpix-sv3-dark.fits",
    )
    assert [f.rpartition("/")[2] for f, _ in find_inputs(tmp_path).zcatalogs] == [
        "zpix-main-dark.fits",
        "zpix-sv3-dark.fits",
    ]


def test_a_flat_folder_works(tmp_path):
    touch(
        tmp_path,
        "coadd-sv3-dark-9144.fits.gz",
        "redrock-sv3-dark-9144.fits",
        "coadd-1-80693-thru20210204.fits",
        "QSO_cat_fuji.fits",
        "notes.txt",
    )
    tile, pixel = find_inputs(tmp_path).coadds
    assert (tile.survey, tile.redrock) == (None, None)
    assert (pixel.healpix, pixel.redrock) == (9144, "redrock-sv3-dark-9144.fits")
    assert find_inputs(tmp_path).qso_catalogs == ("QSO_cat_fuji.fits",)


def test_coadds_per_tile_stand_back_behind_coadds_per_pixel(tmp_path):
    tiles = [
        "spectro/redux/iron/tiles/cumulative/80/2021/coadd-0-80-thru2021.fits",
        "spectro/redux/iron/tiles/cumulative/80/2021/redrock-0-80-thru2021.fits",
    ]
    touch(tmp_path, *tiles)
    alone = find_inputs(tmp_path)
    assert [c.file for c in alone.coadds] == tiles[:1]
    assert alone.coadds[0].redrock == tiles[1]
    touch(tmp_path, *TREE)
    both = find_inputs(tmp_path)
    assert [c.healpix for c in both.coadds] == [5043]
    assert both.n_tile_coadds_ignored == 1
    assert find_inputs(tmp_path / "spectro/redux/iron/tiles").zcatalogs == ()


def test_links_are_followed_and_circles_are_not(tmp_path):
    touch(tmp_path / "elsewhere", "coadd-sv3-dark-1.fits")
    (tmp_path / "input").mkdir()
    (tmp_path / "input/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/back").symlink_to(tmp_path / "input")
    assert [c.file for c in find_inputs(tmp_path / "input").coadds] == ["link/coadd-sv3-dark-1.fits"]


def test_a_folder_without_coadds_is_refused(tmp_path):
    with pytest.raises(DataError, match="does not exist; name a folder"):
        find_inputs(tmp_path / "nothing")
    touch(tmp_path, "readme.txt")
    with pytest.raises(DataError, match=r"holds 1 files, none of them a coadd; expected coadd-\*\.fits"):
        find_inputs(tmp_path)
    with pytest.raises(DataError, match="is a file, expected a folder"):
        find_inputs(tmp_path / "readme.txt")


def test_the_inventory_changes_with_the_input_and_only_then(tmp_path):
    touch(tmp_path, *TREE)
    before = inventory(find_inputs(tmp_path))
    touch(tmp_path, "spectro/unrelated.txt")
    assert inventory(find_inputs(tmp_path)) == before
    coadd = tmp_path / find_inputs(tmp_path).coadds[0].file
    os.utime(coadd, ns=(0, 1))
    later = inventory(find_inputs(tmp_path))
    assert later != before
    coadd.write_bytes(b"xy")
    assert inventory(find_inputs(tmp_path)) not in (before, later)
