import numpy as np
import pytest

from oddqso.errors import ConfigError, DataError, StageError
from oddqso.score import pyod
from oddqso.score.compute import compute_scores
from oddqso.score.examples import make_evidence, make_training
from oddqso.score.fit import fit_scores, load_fit, save_fit
from oddqso.score.params import DetectorParams, FitParams, ScoreParams
from oddqso.score.registry import scores_of


class Honest:
    """As PyOD's detectors are: fitted, then asked for a decision."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, x):
        self.center = x.mean(axis=0)

    def decision_function(self, x):
        return ((x - self.center) ** 2).sum(axis=1)


class Ranks(Honest):
    def decision_function(self, x):
        return super().decision_function(x).argsort().argsort().astype(float)


class Crowd(Honest):
    def decision_function(self, x):
        if len(x) < 2:
            raise ValueError("needs company")
        return super().decision_function(x)


class Moody(Honest):
    def fit(self, x):
        self.center = np.random.default_rng().normal(size=x.shape[1])


KINDS = {"Honest": Honest, "Ranks": Ranks, "Crowd": Crowd, "Moody": Moody}


@pytest.fixture
def package(monkeypatch):
    """A package in PyOD's place."""
    monkeypatch.setattr(pyod, "_detector", KINDS.__getitem__)
    monkeypatch.setattr(pyod, "_version", lambda: "2.0")


def settings(*names):
    return DetectorParams(fit=FitParams(forest_trees=5, pyod=names, pyod_reference=60))


def fit(*names):
    return fit_scores(make_training(100, seed=1), settings(*names), np.random.default_rng(0))


def test_a_detector_gets_its_column(package):
    table = compute_scores(make_evidence(5), fit("Honest"), ScoreParams())
    assert len(np.unique(table["SCORE_PYOD_HONEST"].to_numpy())) == 5


def test_stored_and_restored_it_gives_the_same(package, tmp_path):
    fitted = fit("Honest")
    save_fit(tmp_path, fitted)
    evidence = make_evidence(6)
    one, other = (compute_scores(evidence, arrays, ScoreParams()) for arrays in (fitted, load_fit(tmp_path)))
    assert one.equals(other)


def test_nothing_that_is_stored_is_a_pickle(package):
    arrays = fit("Honest")["PYOD_HONEST"]
    assert all(array.dtype != object for array in arrays.values())
    assert arrays["reference"].shape[0] == 60


@pytest.mark.parametrize(("name", "words"), [
    ("Ranks", "depend on the batch"), ("Crowd", "cannot score a spectrum alone"), ("Moody", "scores differently"),
])  # fmt: skip
def test_what_breaks_a_promise_is_refused_with_the_reason(package, name, words):
    with pytest.raises(ConfigError, match=words):
        fit(name)


def test_another_version_is_refused(package, monkeypatch):
    fitted = fit("Honest")
    monkeypatch.setattr(pyod, "_version", lambda: "3.0")
    with pytest.raises(DataError, match=r"PyOD 2\.0, found 3\.0; run the stage fit"):
        compute_scores(make_evidence(1), fitted, ScoreParams())


def test_the_same_detector_twice_is_refused(package):
    with pytest.raises(ConfigError, match="twice"):
        scores_of(FitParams(pyod=("Honest", "Honest")))


def test_unfitted_it_says_so(package):
    with pytest.raises(StageError, match="not fitted"):
        pyod.pyod_score("Honest").make(FitParams(), ScoreParams())(make_evidence(1))


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyod", None)
    with pytest.raises(ConfigError, match=r"oddqso\[pyod\]"):
        scores_of(FitParams(pyod=("LOF",)))


def test_the_real_ones():
    pytest.importorskip("pyod")
    table = compute_scores(make_evidence(5), fit("LOF", "HBOS", "KNN"), ScoreParams())
    assert {"SCORE_PYOD_LOF", "SCORE_PYOD_HBOS", "SCORE_PYOD_KNN"} <= set(table.column_names)
    for name in ("ECOD", "COPOD"):
        with pytest.raises(ConfigError, match="depend on the batch"):
            fit(name)
    with pytest.raises(ConfigError, match="no detector 'Nobody'"):
        scores_of(FitParams(pyod=("Nobody",)))
