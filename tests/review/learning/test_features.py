"""What the learning knows of objects: from the catalog, from the spectra, and kept in a file."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from oddqso.errors import StageError, StoreError
from oddqso.review.learning.feature_file import compute_features, read_features
from oddqso.review.learning.features import catalog_features, feature_words
from oddqso.review.learning.windows import NAMES, OBSERVED_WINDOWS, REST_WINDOWS, window_residuals
from oddqso.review.source import open_source
from oddqso.runs.files import read_json, read_table, write_json, write_table
from oddqso.spectra.columns import matrix_column, wave_metadata
from oddqso.spectra.grid import model_grid

WAVE = model_grid()


def _windows(flux, ivar=None, z=1.0, model=None):
    row = np.ones((1, len(WAVE)), np.float32)
    return window_residuals(
        flux, row if ivar is None else ivar, row if model is None else model, 0 * row, WAVE, np.array([z])
    )[0]


@pytest.mark.parametrize("z", [0.8, 1.9, 2.4])
def test_a_line_in_the_rest_frame_is_seen_in_its_window(z):
    flux = np.ones((1, len(WAVE)), np.float32)
    flux[0, np.abs(WAVE / (1 + z) - 2800) < 15] += 3
    found = _windows(flux, z=z)
    assert NAMES[int(np.nanargmax(found[: len(REST_WINDOWS)]))] == "rest Mg II"


def test_sign_and_size_follow_the_residual():
    flux = np.ones((1, len(WAVE)), np.float32)
    assert np.nanmax(np.abs(_windows(flux))) < 1e-6
    up, down = _windows(flux * 1.2), _windows(flux * 0.8)
    np.testing.assert_allclose(up, -down, rtol=1e-4)
    strong = np.sinh(_windows(flux * 1.2, ivar=4 * flux).astype(float))
    np.testing.assert_allclose(strong, 2 * np.sinh(up.astype(float)), rtol=1e-3)  # sigma as the root of ivar


def test_a_scale_common_to_all_changes_nothing():
    flux = 1 + 0.1 * np.random.default_rng(1).normal(size=(1, len(WAVE))).astype(np.float32)
    one = np.ones_like(flux)
    np.testing.assert_allclose(_windows(flux), _windows(7 * flux, one / 49, model=7 * one), rtol=1e-3, atol=1e-4)


def test_where_nothing_is_known_it_is_nan():
    flux, ivar = np.ones((1, len(WAVE)), np.float32), np.ones((1, len(WAVE)), np.float32)
    ivar[0, WAVE > 9200] = 0
    found = _windows(flux, ivar)
    assert np.isnan(found[NAMES.index("seen red end")])
    assert np.isnan(found[NAMES.index("rest O VI")])  # blueward of the grid at z = 1


def test_there_are_16_rest_and_10_observed_windows():
    assert (len(REST_WINDOWS), len(OBSERVED_WINDOWS)) == (16, 10)
    for windows in (REST_WINDOWS, OBSERVED_WINDOWS):
        edges = [edge for _, low, high in windows for edge in (low, high)]
        assert edges == sorted(edges)


def test_the_catalog_gives_what_it_has():
    columns = {
        "SCORE": np.array([1.0, np.nan]), "Z": np.array([1.0, 2.0]), "PEAK_NARROW_WAVE": np.array([6000.0, np.nan]),
        "PEAK_NARROW_SCALE": np.array([4, np.nan]), "PEAK_NARROW_SIGN": np.array([-1, np.nan]),
        "PEAK_NARROW_SIGMA": np.array([9.0, np.nan]), "PEAK_NARROW_DEPTH": np.array([0.3, np.nan]),
    }  # fmt: skip
    found = catalog_features(columns)
    row = dict(zip(found.names, found.values[0].tolist(), strict=True))
    assert row["NARROW scale"] == 2
    assert row["NARROW sigma"] < 0
    assert row["NARROW rest"] == 0  # 3000 Angstrom
    assert np.isnan(found.values[1, 2:]).all()


def test_no_two_features_have_the_same_words():
    names = [*NAMES, "SCORE", "Z", "TAIL_GMM", "NARROW rest", "NARROW observed", "BROAD rest", "latent 1", "latent 2"]
    assert len({feature_words(name) for name in names}) == len(names)


@pytest.fixture
def run(mapped_run, tmp_path, made_views):
    """The mapped run with prepared spectra and reconstructions, to write into."""
    import shutil

    folder = tmp_path / "run"
    shutil.copytree(mapped_run, folder, ignore=shutil.ignore_patterns("review"))  # as before anybody reviewed it
    (folder / "prepare").mkdir()
    shards = read_json(folder / "embed/manifest.json")["shards"]
    write_json(folder / "prepare/manifest.json", {"stage": "prepare", "fingerprint": "aa", "shards": shards})
    metadata = wave_metadata(WAVE)
    for shard in shards:
        table = read_table(folder / f"embed/{shard['name']}.arrow")
        ones = matrix_column(np.ones((table.num_rows, len(WAVE)), np.float32))
        z = 0.5 + (table["TARGETID"].to_numpy() % 7) / 4
        spectra = {"TARGETID": table["TARGETID"], "Z": pa.array(z), "FLUX": ones, "IVAR": ones}
        write_table(folder / f"prepare/{shard['name']}.arrow", pa.table(spectra).replace_schema_metadata(metadata))
        half = matrix_column(np.full((table.num_rows, len(WAVE)), 0.1, np.float16))
        table = table.append_column("MODEL", ones).append_column("MODEL_SIGMA", half)
        write_table(folder / f"embed/{shard['name']}.arrow", table)
    return open_source(folder, made_views)


def test_features_are_computed_once_and_stand_in_the_order_of_the_catalog(run, latents_of):
    assert read_features(run) is None
    told = []
    computed = compute_features(run, told.append)
    kept = read_features(run)
    assert kept.names == computed.names
    np.testing.assert_array_equal(kept.values, computed.values)
    assert told == sorted(told)
    assert told[-1] == 1
    first = kept.names.index("latent 0")
    for row in (0, 60, 119):
        expected = latents_of[int(run.target_id[row])]
        np.testing.assert_allclose(kept.values[row, first : first + 4], expected, atol=0.01)
    assert [path.suffix for path in sorted((run.directory.root / "review").iterdir())] == [".json", ".npy"]


def test_another_model_has_other_features(run):
    compute_features(run)
    manifest = run.directory.stage("fit") / "manifest.json"
    write_json(manifest, read_json(manifest) | {"fingerprint": "other"})
    assert read_features(run) is None
    compute_features(run)
    assert len(list((run.directory.root / "review").glob("*.npy"))) == 1  # the old ones are gone


def test_an_interrupted_computation_leaves_nothing(run):
    def stop(share):
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        compute_features(run, stop)
    assert list((run.directory.root / "review").iterdir()) == []


def test_damaged_features_are_refused(run):
    compute_features(run)
    path = next((run.directory.root / "review").glob("*.npy"))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StoreError, match="delete it"):
        read_features(run)


def test_a_run_without_reconstructions_is_refused(source):
    with pytest.raises(StageError):
        compute_features(SimpleNamespace(directory=source.directory, columns=source.columns, n=source.n))
