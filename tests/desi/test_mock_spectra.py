import numpy as np
import pytest

from oddqso.desi.ingest import ingest
from oddqso.desi.mock_spectra import pixel_spectra, pixel_truth
from oddqso.desi.params import IngestParams, SampleParams
from oddqso.desi.paths import find_inputs
from oddqso.desi.sample import make_sample
from oddqso.desi.survey import SurveyParams, plan_survey, write_catalogs, write_pixel
from oddqso.spectra import Quality, Spectra

SURVEY = SurveyParams(n_target=60, targets_per_pixel=30, seed=4, resolution=False)


@pytest.fixture(scope="module")
def plans():
    return plan_survey(SURVEY)


def test_they_are_what_a_run_reads_from_the_files(plans, tmp_path):
    for plan in plans:
        write_pixel(plan, tmp_path, SURVEY)
    write_catalogs(tmp_path, SURVEY, plans)
    sample, _ = make_sample(find_inputs(tmp_path), SampleParams())
    read = Spectra.from_table(ingest(tmp_path, sample, IngestParams()))
    place = {int(target_id): row for row, target_id in enumerate(read.target_id)}
    strict_read = sample["STRICT"].to_numpy()
    n_seen = 0
    for plan in plans:
        made, strict = pixel_spectra(plan, SURVEY, SampleParams(), IngestParams())
        rows = np.array([place.get(int(target_id), -1) for target_id in made.target_id])
        assert (rows >= 0).all()
        for name in ("z", "ebv", "flux", "ivar"):
            np.testing.assert_array_equal(getattr(made, name), getattr(read, name)[rows])
        of_sample = np.uint32(Quality.SEVERAL_COADDS | Quality.ZWARN)  # bits of the sample, not of the spectrum
        np.testing.assert_array_equal(made.quality, read.quality[rows] & ~of_sample)
        np.testing.assert_array_equal(strict, strict_read[rows])
        n_seen += len(rows)
    assert n_seen == len(read)
    assert 0 < strict_read.sum() < len(read)


def test_no_target_comes_twice(plans):
    assert any(plan.shared for plan in plans)
    made = [pixel_spectra(plan, SURVEY, SampleParams(), IngestParams())[0] for plan in plans]
    everyone = np.concatenate([one.target_id for one in made])
    assert len(np.unique(everyone)) == len(everyone)


def test_what_is_neither_truth_nor_calibration_is_noise(plans):
    made, strict, truth = pixel_truth(plans[0], SURVEY, SampleParams(), IngestParams())
    plain = [one.injection is None and kept for one, kept in zip(truth.targets, strict, strict=True)]
    seen = (made.ivar > 0) & np.array(plain)[:, None]
    chi = (made.flux - truth.flux * truth.calibration) * np.sqrt(made.ivar)
    assert 0.97 < np.diff(np.percentile(chi[seen], (15.865, 84.135)))[0] / 2 < 1.03
    bright = np.argmax(np.where(plain, np.median(made.flux * np.sqrt(made.ivar), axis=1), 0))
    means = [
        np.abs(np.mean(one[bright, :7600].reshape(-1, 400), axis=1)).mean()
        for one in (chi, (made.flux - truth.flux) * np.sqrt(made.ivar))
    ]
    assert means[0] < 0.08
    assert means[1] > 2 * means[0]
