"""The card's figures are not measured on the spectra that set the error."""

import numpy as np
import pytest

from oddqso.embed import training
from oddqso.embed.scratch import TrainingSet
from oddqso.embed.weights import load_model
from oddqso.testing import make_spectra


def _measured(trained, params, monkeypatch, n_held_out):
    """The figures, and the spectra that calibrated and those that were measured."""
    spectra = make_spectra(n_held_out + 20, seed=17, snr=8.0)
    held_out = np.zeros(len(spectra), bool)
    held_out[np.random.default_rng(2).permutation(len(spectra))[:n_held_out]] = True
    data = TrainingSet(
        spectra.flux, spectra.ivar, spectra.z, np.full(len(spectra), 8.0), held_out,
        spectra.scale.astype(np.float64), np.arange(len(spectra)),
    )  # fmt: skip
    seen = {}
    for name in ("calibrate_rest_error", "measure"):

        def noted(vae, batches, *more, name=name, function=getattr(training, name), **named):
            seen[name] = set(batches.index.tolist())
            return function(vae, batches, *more, **named)

        monkeypatch.setattr(training, name, noted)
    figures = training._calibrated(load_model(trained).vae, data, params, 1, measured=False)
    return figures, seen["calibrate_rest_error"], seen["measure"], set(np.flatnonzero(held_out).tolist())


@pytest.mark.parametrize("most", [80, 8000])
def test_what_sets_the_error_is_not_what_it_is_measured_on(trained, small_params, monkeypatch, most):
    params = small_params.model_copy(update={"max_em_spectra": most})
    figures, calibrators, measured, held_out = _measured(trained, params, monkeypatch, 60)
    assert not calibrators & measured
    assert calibrators | measured == held_out
    assert len(calibrators) == min(most // 4, 30)
    assert figures["calibration"]["n_spec"] == len(calibrators)
    assert figures["calibration"]["measured_on_others"]
    assert figures["held_out"]["n_spec"] == 60
    assert figures["held_out"]["n_measured"] == sum(one["n_spec"] for one in figures["held_out"]["snr_bins"])


def test_of_few_spectra_all_do_both_and_the_card_says_so(trained, small_params, monkeypatch):
    figures, calibrators, measured, held_out = _measured(trained, small_params, monkeypatch, 39)
    assert calibrators == measured == held_out
    assert figures["calibration"] == figures["calibration"] | {"n_spec": 39, "measured_on_others": False}
