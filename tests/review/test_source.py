"""What a run shows: the catalog's own values, spectra, neighbors."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from oddqso.errors import DataError, StageError
from oddqso.review.source import RunSource, open_source


@pytest.fixture(scope="module")
def source(mapped_run, made_views) -> RunSource:
    return open_source(mapped_run, made_views)


@pytest.fixture(scope="module")
def catalog(mapped_run) -> list[dict]:
    return pq.read_table(mapped_run / "release/catalog.parquet").to_pylist()


def test_facts_are_those_of_the_catalog(source, catalog):
    for row in catalog[::7]:
        facts = source.facts(row["TARGETID"])
        assert facts["TARGETID"] == str(row["TARGETID"])
        assert {k: v for k, v in facts.items() if k != "TARGETID"} == {k: v for k, v in row.items() if k != "TARGETID"}
        json.dumps(facts, allow_nan=False)


def test_columns_are_those_of_the_catalog(source, catalog):
    for name in ("TARGETID", "SCORE", "Z", "SNR", "QUALITY"):
        assert source.columns[name].tolist() == [row[name] for row in catalog]
    assert source.n == len(catalog)


def test_rows_are_found_in_any_order_and_the_unknown_is_said(source, catalog):
    ids = [row["TARGETID"] for row in catalog]
    some = [5, 119, 0, 64]
    assert source.rows_of([ids[i] for i in some]).tolist() == some
    assert source.rows_of([ids[0], -1, 2**62, ids[3]]).tolist() == [0, -1, -1, 3]
    assert source.rows_of([]).tolist() == []
    for unknown in (0, -ids[0], ids[-1] + 1, 2**63, -(2**70)):
        for ask in (source.row_of, source.facts, source.spectrum, source.neighbors, source.exposures, source.links):
            with pytest.raises(DataError, match="not in the catalog"):
                ask(unknown)


def test_negative_targets_are_targets(made_run, made_views, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(made_run, run)
    table = pq.read_table(run / "release/catalog.parquet")
    ids = -table["TARGETID"].to_numpy()
    pq.write_table(table.set_column(0, "TARGETID", [ids]), run / "release/catalog.parquet")
    source = open_source(run, made_views)
    assert [source.row_of(int(one)) for one in ids[:5]] == [0, 1, 2, 3, 4]
    assert source.facts(int(ids[3]))["TARGETID"] == str(ids[3])
    assert source.spectrum(int(ids[3])).target_id == ids[3]


def test_a_spectrum_is_that_of_the_files(source, made_views, catalog):
    target_id = catalog[4]["TARGETID"]
    (view,), payload = made_views([target_id]), source.spectrum(target_id)
    good = view.ivar > 0
    np.testing.assert_allclose(payload.wave, view.wave, atol=1e-6)
    np.testing.assert_array_equal(payload.flux[good], view.flux[good])
    np.testing.assert_allclose(payload.sigma[good] ** -2, view.ivar[good], rtol=1e-6)
    np.testing.assert_array_equal(np.isnan(payload.flux), ~good)
    np.testing.assert_array_equal(np.isnan(payload.chi), ~good)
    assert payload.masks == ((view.wave[100] - 0.4, view.wave[109] + 0.4),)
    assert [(arm.name, arm.seen) for arm in payload.arms] == [("B", True), ("R", True), ("Z", True)]
    content = payload.as_json()
    json.dumps(content)
    assert len(content["arrays"]["flux"]) == 4 * -(-4 * payload.n // 3)
    lines = payload.as_csv().splitlines()
    assert len(lines) == 1 + payload.n
    assert lines[101] == f"{view.wave[100]:.2f},,,2,0.2,"


def test_a_percentile_is_the_share_that_is_less_odd(source, catalog):
    scores = [row["SCORE"] for row in catalog]
    for row in (0, 60, 119):
        less = sum(score < scores[row] for score in scores)
        assert source.percentiles(catalog[row]["TARGETID"])["SCORE"] == pytest.approx(
            100 * less / len(scores), abs=1e-3
        )


def test_neighbors_are_the_nearest_of_their_kind(source, catalog, latents_of):
    ids = [row["TARGETID"] for row in catalog]  # by score, the oddest first
    kinds = {"odd": ids[:20], "ordinary": ids[60:]}
    for row in (0, 10, 40, 80, 119):
        found = source.neighbors(ids[row], 4)
        for kind, members in kinds.items():
            others = [one for one in members if one != ids[row]]
            distance = {one: float(np.linalg.norm(latents_of[one] - latents_of[ids[row]])) for one in others}
            nearest = sorted(others, key=distance.__getitem__)[:4]
            assert [one["target_id"] for one in found[kind]] == [str(one) for one in nearest]
            assert [one["distance"] for one in found[kind]] == pytest.approx([distance[i] for i in nearest], abs=1e-3)


def test_latents_are_in_the_catalog_s_order(source, latents_of):
    expected = np.array([latents_of[one] for one in source.target_id.tolist()])
    np.testing.assert_allclose(source.latents, expected, atol=1e-5)


def test_links_carry_the_position(source, catalog):
    row = {name: value for name, value in catalog[0].items() if name in ("RA", "DEC")}
    found = source.links(catalog[0]["TARGETID"])
    assert set(found) == {"legacy", "simbad", "ned"}
    assert all(f"{row['RA']:.6f}" in address and f"{row['DEC']:.6f}" in address for address in found.values())


def test_there_are_no_exposures_where_the_input_has_none(source, catalog):
    assert source.exposures(catalog[0]["TARGETID"]) == []


def test_a_run_that_is_not_complete_is_refused(made_run, made_views, tmp_path):
    shutil.copytree(made_run, tmp_path / "run")
    (tmp_path / "run/release/manifest.json").unlink()
    with pytest.raises(StageError, match="stage release"):
        open_source(tmp_path / "run", made_views)


def test_an_object_without_latents_is_said(made_run, made_views, catalog):
    with pytest.raises(DataError, match="no latent vector"):
        open_source(made_run, made_views).neighbors(catalog[0]["TARGETID"])


def test_warming_up_never_fails(source, made_run, made_views):
    source.warm()
    open_source(made_run, made_views).warm()
