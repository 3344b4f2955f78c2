import numpy as np
import pytest
import torch

from oddqso.api.pretraining import ordinary_survey
from oddqso.config import Settings
from oddqso.desi.mock_spectra import pixel_spectra
from oddqso.desi.survey import plan_survey
from oddqso.embed.fine import FineWidths
from oddqso.embed.metrics import measure
from oddqso.embed.starting import SHIPPED
from oddqso.embed.weights import load_model
from oddqso.prepare.prepare import prepare
from oddqso.spectra.grid import N_MODEL, model_grid

LOWEST, HIGHEST = 0.85, 1.27
"""What the page on the model states of bins of 4 Angstrom."""


def _found(factor):
    fine = FineWidths()
    chi = np.random.default_rng(3).normal(size=(600, N_MODEL)) * factor
    fine.add(chi, np.ones(chi.shape, bool))
    return fine.figures(np.where(factor != 1, 1.3, 1.0))


def test_without_lines_all_that_scatters_is_the_sample():
    found = _found(np.ones(N_MODEL))
    fine = found["chi_width_fine"]
    assert fine["low"] == pytest.approx(1 - 2.33 * fine["sampling_error"], abs=0.02)
    assert fine["high"] == pytest.approx(1 + 2.33 * fine["sampling_error"], abs=0.02)
    assert all(width is None or abs(width - 1) < 0.02 for width in found["chi_width_sky"].values())


@pytest.mark.parametrize(("factor", "end"), [(1.3, "highest"), (0.7, "lowest")])
def test_a_single_line_is_found_where_it_is(factor, end):
    wave = model_grid()
    line = (wave > 8824) & (wave < 8828)
    found = _found(np.where(line, factor, 1.0))
    assert found["chi_width_fine"][end] == pytest.approx(factor, rel=0.05)
    assert abs(found["chi_width_fine"][f"{end}_angstrom"] - 8826) < 3
    assert found["chi_width_sky"]["excess_noise"] == pytest.approx(factor, rel=0.05)


def test_what_is_not_used_is_not_counted():
    fine = FineWidths()
    fine.add(np.full((2, N_MODEL), np.nan), np.zeros((2, N_MODEL), bool))
    found = fine.figures(np.ones(N_MODEL))
    assert found["chi_width_fine"] is None
    assert set(found["chi_width_sky"].values()) == {None}


def test_sky_lines_and_joins_stand_out_no_more_than_stated():
    settings = Settings()
    survey = ordinary_survey(400, 4711)
    batches, ratios = [], []
    for plan in plan_survey(survey):
        spectra, snr, _ = prepare(pixel_spectra(plan, survey, settings.sample, settings.ingest)[0], settings.prepare)
        kept = snr >= settings.prepare.strict_snr_min
        flux, ivar = torch.from_numpy(spectra.flux[kept]), torch.from_numpy(spectra.ivar[kept])
        batches.append((torch.where(ivar > 0, flux, 0), ivar, spectra.z[kept]))
        ratios.append(snr[kept])
    found = measure(load_model(SHIPPED).vae, batches, np.concatenate(ratios), 1)
    sky, fine = found["chi_width_sky"], found["chi_width_fine"]
    assert all(0.93 < width < 1.07 for width in sky.values())
    assert fine["lowest"] > LOWEST * (1 - 3.5 * fine["sampling_error"])
    assert fine["highest"] < HIGHEST * (1 + 3.5 * fine["sampling_error"])
