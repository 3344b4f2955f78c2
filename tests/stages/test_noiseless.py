import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from oddqso.api import simulate
from oddqso.desi.mock_spectra import pixel_truth
from oddqso.desi.params import IngestParams, SampleParams
from oddqso.desi.survey import SurveyParams, plan_survey
from oddqso.runs.files import read_json
from oddqso.stages.noiseless import noiseless_flux


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    folder = tmp_path_factory.mktemp("survey")
    simulate(folder, n_target=40, seed=5)
    return folder


@pytest.fixture(scope="module")
def truth(survey):
    return pq.read_table(survey / "truth.parquet")


@pytest.fixture(scope="module")
def quasars(survey):
    """What the simulation itself says."""
    params = SurveyParams.model_validate(read_json(survey / "survey.json")["params"])
    spectra, _, known = pixel_truth(plan_survey(params)[0], params, SampleParams(), IngestParams())
    return dict(zip(spectra.target_id.tolist(), zip(known.flux, known.calibration, strict=True), strict=True))


@pytest.fixture(scope="module")
def found(survey, truth, quasars):
    return noiseless_flux(survey, truth, list(quasars))


def test_the_true_flux_is_that_of_the_simulation(found, quasars):
    assert found.keys() == quasars.keys()
    for one, true in found.items():
        light, calibration = quasars[one]
        np.testing.assert_allclose(true.light, light, rtol=1e-6)
        np.testing.assert_allclose(true.without_noise, light * calibration, rtol=1e-6)


def test_of_strangers_nothing_is_known(survey, truth):
    assert noiseless_flux(survey, truth, [12345]) == {}


def test_without_a_description_of_the_survey_there_is_none(truth, quasars, tmp_path):
    assert noiseless_flux(tmp_path, truth, list(quasars)) == {}


def test_where_another_survey_would_be_made_there_is_none(survey, truth, quasars, tmp_path):
    fainter = pa.compute.add(truth["R_MAG"], 0.01).cast(truth["R_MAG"].type)
    changed = truth.set_column(truth.column_names.index("R_MAG"), "R_MAG", fainter)
    assert noiseless_flux(survey, changed, list(quasars)) == {}
    shutil.copy(survey / "survey.json", tmp_path)
    content = (tmp_path / "survey.json").read_text().replace('"params"', '"other"')
    (tmp_path / "survey.json").write_text(content)
    assert noiseless_flux(tmp_path, truth, list(quasars)) == {}
