"""A detector of another package, installed as packages are: found by its entry point, made with the settings."""

import numpy as np
import pytest

from oddqso.config import make_settings
from oddqso.errors import DataError
from oddqso.score.compute import compute_scores
from oddqso.score.examples import make_evidence, make_training
from oddqso.score.fit import fit_scores
from oddqso.score.params import ScoreParams

SOURCE = """
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Brightness:
    name = "BRIGHTNESS"
    clip: float = 0.0
    learned: float = 0.0

    @classmethod
    def make(cls, fit, score):
        return cls(score.chi_clip)

    def fit(self, training, rng):
        return Brightness(self.clip, self.clip)

    def __call__(self, evidence):
        return (self.learned + evidence.flux.mean(axis=1, dtype=np.float64)).astype(np.float32)

    def to_arrays(self):
        return {"learned": np.array(self.learned)}

    def from_arrays(self, arrays):
        return Brightness(self.clip, float(arrays["learned"]))
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    (tmp_path / "brightness_of_spectra.py").write_text(SOURCE)
    folder = tmp_path / "brightness_of_spectra-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: brightness-of-spectra\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[oddqso.scores]\nbrightness = brightness_of_spectra:Brightness\n")
    monkeypatch.syspath_prepend(str(tmp_path))


def fit(**sections):
    content = {"fit": {"forest_trees": 5, "plugins": True}} | sections
    params = make_settings(content).of_stages()["fit"]
    return fit_scores(make_training(60), params, np.random.default_rng(0))


def test_it_is_fitted_and_gets_its_column(package):
    evidence = make_evidence(3)
    table = compute_scores(evidence, fit(), ScoreParams())
    expected = ScoreParams().chi_clip + evidence.flux.mean(axis=1, dtype=np.float64)
    np.testing.assert_allclose(table["SCORE_BRIGHTNESS"].to_numpy(), expected, rtol=1e-6)


def test_it_is_fitted_with_the_settings_of_the_user(package):
    assert float(fit(score={"chi_clip": 7.0})["BRIGHTNESS"]["learned"]) == 7.0


def test_without_being_asked_for_it_is_not_used(package):
    assert "BRIGHTNESS" not in fit(fit={"forest_trees": 5})


def test_once_it_is_gone_its_fit_is_refused(package, monkeypatch):
    fitted = fit()
    monkeypatch.undo()
    with pytest.raises(DataError, match="BRIGHTNESS is not installed"):
        compute_scores(make_evidence(1), fitted, ScoreParams())
