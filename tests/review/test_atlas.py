"""The map as the review uses it: in place of UMAP, selections, files."""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from oddqso.errors import DataError
from oddqso.explore.map import LatentMap, MapParams, principal_map
from oddqso.explore.plane import Extent, Plane
from oddqso.review import atlas as atlas_module
from oddqso.review.atlas import Atlas, layer
from oddqso.review.map_file import map_path, read_map, write_map
from oddqso.review.source import open_source

WHOLE = [(-1e3, -1e3), (1e3, -1e3), (1e3, 1e3), (-1e3, 1e3)]


@pytest.fixture
def source(mapped_run, made_views, tmp_path):
    shutil.copytree(mapped_run, tmp_path / "run")
    return open_source(tmp_path / "run", made_views)


def drawn(source):
    xy = np.stack([np.arange(source.n), np.arange(source.n) % 7], axis=1).astype(np.float32)
    return LatentMap(xy, "UMAP")


def test_principal_components_stand_in(source):
    atlas = Atlas(source)
    atlas.start()  # too few objects for UMAP: nothing begins
    assert (atlas.status().kind, atlas.status().state) == ("PCA", "ready")
    np.testing.assert_array_equal(atlas.plane().xy, principal_map(source.latents).xy)


def test_a_kept_map_comes_back_in_the_catalog_s_order(source):
    params, kept = MapParams(), drawn(source)
    write_map(source.directory, params, source.target_id, kept)
    order = np.random.default_rng(0).permutation(source.n)
    found = read_map(source.directory, params, source.target_id[order])
    np.testing.assert_array_equal(found.xy, kept.xy[order])
    assert Atlas(source).status().kind == "UMAP"


def test_a_map_of_another_model_other_settings_or_other_objects_is_not_taken(source):
    params = MapParams()
    write_map(source.directory, params, source.target_id, drawn(source))
    assert read_map(source.directory, MapParams(seed=5), source.target_id) is None
    assert read_map(source.directory, params, source.target_id[1:]) is None
    manifest = source.directory.stage("embed") / "manifest.json"
    manifest.write_text(manifest.read_text().replace("fedcba", "abcdef"))
    assert read_map(source.directory, params, source.target_id) is None


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut"])
def test_a_damaged_map_is_made_again(source, content):
    map_path(source.directory).parent.mkdir(exist_ok=True)
    map_path(source.directory).write_bytes(content)
    assert read_map(source.directory, MapParams(), source.target_id) is None


def test_a_selection_is_what_lies_inside_and_outlives_the_server(source):
    write_map(source.directory, MapParams(), source.target_id, drawn(source))
    box = [(9.5, -1), (30.5, -1), (30.5, 3.5), (9.5, 3.5)]
    selection = Atlas(source).select(box)
    expected = [i for i in range(10, 31) if i % 7 < 4]
    assert selection.n == len(expected)
    again = Atlas(source)
    assert again.selected(selection.id).tolist() == expected
    assert again.select(box) == selection


def test_the_same_polygon_twice_at_once_is_one_selection(source):
    atlas = Atlas(source)
    atlas.plane()
    for k in range(20):
        box = [(-9.0 - k, -9.0), (9.0, -9.0), (9.0, 9.0), (-9.0, 9.0)]
        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(lambda _, box=box: atlas.select(box).id, range(8)))) == 1


def test_a_selection_on_principal_components_holds_when_umap_comes(source):
    before = Atlas(source)
    corners = before.plane().extent.polygon() * 0.5
    selection, members = before.select(corners), before.plane().inside(corners)
    write_map(source.directory, MapParams(), source.target_id, drawn(source))
    after = Atlas(source)
    assert after.status().kind == "UMAP"
    np.testing.assert_array_equal(after.selected(selection.id), members)


def test_a_selection_that_is_not_there_or_of_another_map_is_said(source):
    atlas = Atlas(source)
    for name in ("", "0" * 16, "../../run", "x" * 500):
        with pytest.raises(DataError, match="no selection"):
            atlas.selected(name)
    selection = atlas.select(WHOLE)
    manifest = source.directory.stage("embed") / "manifest.json"
    manifest.write_text(manifest.read_text().replace("fedcba", "abcdef"))
    with pytest.raises(DataError, match="another model"):
        Atlas(source).selected(selection.id)


def test_a_map_that_cannot_be_made_leaves_principal_components(source, monkeypatch):
    monkeypatch.setattr(atlas_module, "FEW", 2)
    monkeypatch.setattr(atlas_module.sys, "executable", "/bin/false")
    atlas = Atlas(source)
    atlas.start()
    assert atlas.wait(30).state == "failed"
    assert atlas.status().kind == "PCA"
    assert len(atlas.plane()) == source.n


def test_a_map_is_made_by_a_process_of_its_own(source, monkeypatch, tmp_path):
    """With few objects it keeps principal components, through the same file; what lies around is no part of it."""
    (tmp_path / "numpy.py").write_text("raise SystemExit('a stranger put this here')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(atlas_module, "FEW", 2)
    atlas = Atlas(source)
    atlas.start()
    assert atlas.wait(120).state == "ready"
    kept = read_map(source.directory, MapParams(), source.target_id)
    np.testing.assert_allclose(kept.xy, principal_map(source.latents).xy, atol=1e-5)


def test_closing_ends_what_works_in_the_background(source, monkeypatch):
    monkeypatch.setattr(atlas_module, "FEW", 2)
    atlas = Atlas(source)
    atlas.start()
    began = time.monotonic()
    atlas.close()
    assert time.monotonic() - began < 10
    assert atlas.status().state in ("failed", "ready")


@pytest.mark.parametrize("largest", [True, False])
def test_a_cell_shows_the_largest_or_the_mean_of_what_is_known(largest):
    plane = Plane.of(np.array([(0.1, 0.1), (0.2, 0.2), (0.3, 0.1), (0.9, 0.9), (0.9, 0.1)], np.float32))
    values = np.array([1, 4, np.nan, np.nan, 2], np.float32)
    counts, shown = layer(plane, Extent(0, 1, 0, 1), 2, 2, values, largest=largest)
    assert counts.tolist() == [[3, 1], [0, 1]]
    np.testing.assert_array_equal(shown, np.array([[4 if largest else 2.5, 2], [np.nan, np.nan]], np.float32))
