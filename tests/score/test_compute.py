from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from oddqso.errors import ConfigError, DataError
from oddqso.score import registry
from oddqso.score.compute import compute_scores
from oddqso.score.evidence import Evidence
from oddqso.score.examples import make_evidence, make_templates, make_training
from oddqso.score.fit import fit_scores, load_fit, save_fit
from oddqso.score.kl import KlScore
from oddqso.score.params import DetectorParams, FitParams, ScoreParams
from oddqso.score.protocol import Training
from oddqso.spectra import Quality
from oddqso.testing import make_embedding

PARAMS = ScoreParams()
NAMES = ("CHI2", "NARROW", "BROAD", "JOIN", "LINES", "REDSHIFT", "GMM", "KNN", "FOREST", "KL", "ELBO")
FIT = DetectorParams(fit=FitParams(forest_trees=20))


@pytest.fixture(scope="module")
def fitted():
    return fit_scores(make_training(200, seed=1), FIT, np.random.default_rng(0))


def test_the_columns_and_their_types(fitted):
    table = compute_scores(make_evidence(3), fitted, PARAMS)
    peaks = {"WAVE": pa.float64(), "SCALE": pa.int16(), "SIGN": pa.int8(), "SIGMA": pa.float32(), "DEPTH": pa.float32()}
    expected = {"TARGETID": pa.int64()}
    expected |= {f"SCORE_{name}": pa.float32() for name in NAMES}
    expected |= {f"PEAK_{band}_{key}": kind for band in ("NARROW", "BROAD") for key, kind in peaks.items()}
    expected |= {"REDSHIFT_BEST_Z": pa.float32(), "REDSHIFT_DELTA_CHI2": pa.float32()}
    expected |= {"JOIN_STEP": pa.float32(), "JOIN_WAVE": pa.float32()}
    assert {field.name: field.type for field in table.schema} == expected


def test_unscorable_rows_are_null_and_others_are_not(fitted):
    evidence = make_evidence(4)
    quality = np.array([0, Quality.NO_CONTINUUM, Quality.MISSING_B, Quality.Z_RANGE | Quality.ZWARN], np.uint32)
    table = compute_scores(replace(evidence, quality=quality), fitted, PARAMS)
    for name in table.column_names[1:]:
        assert table[name].is_null().to_pylist() == [False, True, False, True]


def test_an_all_masked_row_has_no_residual_score(fitted):
    evidence = make_evidence(2)
    table = compute_scores(replace(evidence, ivar=0 * evidence.ivar), fitted, PARAMS)
    assert (
        table["SCORE_CHI2"].null_count == table["SCORE_NARROW"].null_count == table["PEAK_BROAD_WAVE"].null_count == 2
    )


def test_pieces_make_the_whole(fitted):
    evidence = make_evidence(7)
    pieces = [compute_scores(evidence[i : i + 3], fitted, PARAMS) for i in (0, 3, 6)]
    assert pa.concat_tables(pieces).equals(compute_scores(evidence, fitted, PARAMS))


def test_no_row_is_an_empty_table(fitted):
    empty = compute_scores(make_evidence(2)[:0], fitted, PARAMS)
    assert empty.num_rows == 0
    assert empty.schema == compute_scores(make_evidence(2), fitted, PARAMS).schema


def test_written_and_read_the_fit_is_the_same(fitted, tmp_path):
    save_fit(tmp_path, fitted)
    again = load_fit(tmp_path)
    assert again.keys() == fitted.keys()
    assert compute_scores(make_evidence(5), again, PARAMS).equals(compute_scores(make_evidence(5), fitted, PARAMS))


def test_a_folder_without_a_fit_is_refused(tmp_path):
    with pytest.raises(DataError, match="run the stage fit"):
        load_fit(tmp_path)


def test_a_missing_or_unknown_detector_is_refused(fitted):
    with pytest.raises(DataError, match="no fitted detector GMM"):
        compute_scores(make_evidence(1), {k: v for k, v in fitted.items() if k != "GMM"}, PARAMS)
    with pytest.raises(DataError, match="NOBODY is not installed"):
        compute_scores(make_evidence(1), fitted | {"NOBODY": {}}, PARAMS)


def test_the_order_of_the_rows_that_teach_does_not_move_the_standard():
    embedding, order = make_embedding(100), np.random.default_rng(2).permutation(100)
    one, other = (
        fit_scores(Training(e, make_templates()), FIT, np.random.default_rng(0)) for e in (embedding, embedding[order])
    )
    np.testing.assert_array_equal(one["GMM"]["center"], other["GMM"]["center"])


class _Point:
    name, value = "brightness", "elsewhere:Brightness"

    def __init__(self, loaded):
        self.loaded = loaded

    def load(self):
        if isinstance(self.loaded, Exception):
            raise self.loaded
        return self.loaded


class Brightness(KlScore):
    name = "BRIGHTNESS"

    def __call__(self, evidence):
        return evidence.flux.mean(axis=1)


def test_a_detector_of_another_package_gets_its_column(monkeypatch):
    monkeypatch.setattr(registry, "entry_points", lambda group: [_Point(Brightness)])
    fitted = fit_scores(
        make_training(50), DetectorParams(fit=FitParams(forest_trees=5, plugins=True)), np.random.default_rng(0)
    )
    table = compute_scores(make_evidence(3), fitted, PARAMS)
    np.testing.assert_array_equal(table["SCORE_BRIGHTNESS"], make_evidence(3).flux.mean(axis=1))


@pytest.mark.parametrize(
    ("loaded", "words"), [(KlScore, "named KL"), (ImportError("no such thing"), "cannot be loaded")]
)
def test_a_detector_that_cannot_be_used_is_refused(monkeypatch, loaded, words):
    monkeypatch.setattr(registry, "entry_points", lambda group: [_Point(loaded)])
    with pytest.raises(ConfigError, match=words):
        registry.plugin_scores()


def test_evidence_of_wrong_shape_is_refused():
    evidence = make_evidence(2)
    with pytest.raises(DataError, match=r"Evidence\.kl has shape \(1,\), expected \(2,\)"):
        replace(evidence, kl=evidence.kl[:1])
    assert isinstance(evidence[np.array([True, False])], Evidence)
