from dataclasses import replace

import numpy as np
import pytest

from oddqso.reports.results import TrueFlux
from oddqso.reports.truth_error import TruthErrors, truth_bins, truth_error, truth_errors


def test_the_truth_error_knows_no_noise_and_no_unit(view_of):
    view = view_of(1.5, 3.0)
    assert truth_error(view, view.model) == 0
    truth = (0.9 * view.model).astype(np.float32)
    noisier = replace(view, flux=view.flux + np.float32(3))
    scaled = replace(view, model=4 * view.model, ivar=view.ivar / 16)
    assert truth_error(view, truth) == truth_error(noisier, truth)
    assert truth_error(scaled, 4 * truth) == pytest.approx(truth_error(view, truth), rel=1e-5)
    assert 0.1 < truth_error(view, truth) < 0.13
    assert truth_error(replace(view, ivar=0 * view.ivar), truth) is None


def test_errors_of_the_flux_calibration_tell_the_two_truths_apart(view_of):
    view = view_of(1.5, 30.0)
    light = view.model / np.float32(1.02)  # the instrument delivers two hundredths too much, and the model fits that
    found = truth_errors(view, TrueFlux(without_noise=view.model, light=light))
    assert found.error == 0
    assert found.light == found.calibration == pytest.approx(0.02, abs=0.004)
    undone = truth_errors(replace(view, model=light), TrueFlux(without_noise=view.model, light=light))
    assert undone.light == 0
    assert undone.error == pytest.approx(0.02, abs=0.004)
    assert truth_errors(replace(view, ivar=0 * view.ivar), TrueFlux(view.model, light)) is None


def test_bins_hold_medians_with_intervals_and_few_spectra_make_none():
    rng = np.random.default_rng(4)
    error = rng.uniform(0.01, 0.03, 400)
    off = [TruthErrors(one, 2 * one, 0.5) for one in error.tolist()]
    snr = np.where(np.arange(400) < 10, 1.5, 3.0)
    (row,) = truth_bins(snr, off, rng)
    assert (row["snr_min"], row["snr_max"], row["n"]) == (2.0, 5.0, 390)
    assert row["error"] == np.median(error[10:])
    assert 0.01 < row["error_low"] < row["error"] < row["error_high"] < 0.03
    assert row["light"] == pytest.approx(2 * row["error"])
    assert row["calibration_low"] == row["calibration_high"] == 0.5
    assert truth_bins(snr[:0], [], rng) == []
