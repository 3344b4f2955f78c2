import numpy as np
import pytest

from oddqso.reports.results import SpectrumView
from oddqso.simulation.injections import injection_named
from oddqso.spectra.grid import native_grid
from oddqso.validation.probing import at_its_place

WAVE = native_grid()


def answers(name, sigma, n=150, *, model_error=0.0, seed=1):
    """What the fitting filter says of noise with a probe of this significance, and of the noise alone."""
    rng = np.random.default_rng(seed)
    model = np.ones(len(WAVE), np.float32)
    ivar = np.full(len(WAVE), 4.0, np.float32)
    told = []
    for _ in range(n):
        probe = injection_named(name)
        draws = probe.draws(rng, 1.0, sigma)
        noise = rng.normal(1, 0.5, len(WAVE))
        flux, _ = probe.pixels(WAVE, noise, ivar.astype(float), draws)
        views = [
            SpectrumView(1, 1.0, WAVE, f.astype(np.float32), ivar, model, model_error * model) for f in (flux, noise)
        ]
        told.append([at_its_place(view, draws, 0.2) for view in views])
    return np.array(told).T


@pytest.mark.parametrize("name", ["broad_feature", "narrow_feature"])
def test_a_probe_of_n_sigma_is_answered_with_n_sigma(name):
    planted, alone = answers(name, 5.0)
    assert planted.mean() == pytest.approx(5.0, abs=0.4)
    assert alone.mean() == pytest.approx(0.0, abs=0.3)
    assert alone.std() == pytest.approx(1.0, abs=0.2)
    assert planted.std() == pytest.approx(1.0, abs=0.2)


def test_a_model_that_is_unsure_of_itself_is_less_impressed():
    sure, unsure = answers("broad_feature", 5.0, 40), answers("broad_feature", 5.0, 40, model_error=0.3)
    assert unsure[0].mean() < sure[0].mean()


def test_without_a_good_pixel_there_is_no_answer():
    nothing = np.zeros(len(WAVE), np.float32)
    view = SpectrumView(1, 1.0, WAVE, nothing, nothing, nothing + 1, nothing)
    assert np.isnan(at_its_place(view, {"place": 0.5, "width_px": 2.0, "sign": 1.0}, 0.2))
