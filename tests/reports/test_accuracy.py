from dataclasses import replace

import numpy as np
import pytest

from oddqso.reports.accuracy import measure_accuracy
from oddqso.reports.reconstruction import line_errors, reconstruction_of


def views(view_of, n, snr=5.0):
    return [view_of(1.5, snr, target_id=1000 + i) for i in range(n)]


def test_a_perfect_model_is_accurate_and_its_errors_are_honest(view_of):
    exact = [replace(view, model_sigma=np.zeros_like(view.model)) for view in views(view_of, 30)]
    found = measure_accuracy(exact, [5.0] * 30, np.random.default_rng(0))
    first = found.bins[0]
    assert first["accuracy"] > 0.97
    assert first["accuracy_low"] <= first["accuracy"] <= first["accuracy_high"]
    assert first["within_1_sigma"] == pytest.approx(0.6827, abs=0.01)
    assert first["within_3_sigma"] == pytest.approx(0.9973, abs=0.002)
    assert first["chi_width"] == pytest.approx(1, abs=0.03)
    assert np.nanmedian(found.observed) == pytest.approx(1, abs=0.05)


def test_a_model_that_is_off_by_a_tenth_is_found_off_by_a_tenth(view_of):
    off = [replace(view, model=(view.model / 1.1).astype(np.float32)) for view in views(view_of, 20, snr=40.0)]
    found = measure_accuracy(off, [40.0] * 20, np.random.default_rng(0))
    assert 1 - found.bins[0]["accuracy"] == pytest.approx(0.1 / 1.1, rel=0.1)


def test_accuracy_does_not_depend_on_the_unit_of_flux(view_of):
    view = view_of(1.5, 5.0, "bal")
    scaled = replace(
        view, flux=view.flux * 4, ivar=view.ivar / 16, model=view.model * 4, model_sigma=view.model_sigma * 4
    )
    one, four = reconstruction_of(view), reconstruction_of(scaled)
    assert one.error == pytest.approx(four.error, rel=1e-5)
    assert one.chi_width == pytest.approx(four.chi_width, rel=1e-5)


def test_the_forest_does_not_count(view_of):
    view = view_of(3.0, 20.0)
    forest = view.rest < 1210
    spoiled = replace(view, flux=np.where(forest, 0, view.flux).astype(np.float32))
    assert reconstruction_of(view).error == reconstruction_of(spoiled).error


def test_pixels_without_ivar_do_not_count(view_of):
    view = view_of(1.5, 20.0)
    hole = slice(3000, 4000)
    ivar, flux = view.ivar.copy(), view.flux.copy()
    ivar[hole] = 0
    flux[hole] = np.nan
    assert np.isfinite(reconstruction_of(replace(view, ivar=ivar, flux=flux)).error)


def test_a_spectrum_with_few_pixels_is_left_out(view_of):
    view = view_of(1.5, 5.0)
    blind = replace(view, ivar=np.zeros_like(view.ivar))
    assert reconstruction_of(blind) is None
    found = measure_accuracy([blind, view], [5.0, 5.0], np.random.default_rng(0))
    assert found.target_id.tolist() == [view.target_id]


def test_each_spectrum_falls_into_the_bin_of_its_snr(view_of):
    found = measure_accuracy(views(view_of, 4), [1.5, 3.0, 7.0, 20.0], np.random.default_rng(0))
    assert [b["n"] for b in found.bins] == [3, 1, 1, 1, 1]


@pytest.mark.parametrize(("n_spec", "known"), [(19, False), (20, True)])
def test_of_few_spectra_no_interval_is_given(view_of, n_spec, known):
    first = measure_accuracy(views(view_of, n_spec), [5.0] * n_spec, np.random.default_rng(0)).bins[0]
    assert 0.9 < first["accuracy"] <= 1
    assert (first["accuracy_low"] is not None, first["accuracy_high"] is not None) == (known, known)


def test_no_spectra_give_empty_bins():
    assert [b["n"] for b in measure_accuracy([], [], np.random.default_rng(0)).bins] == [0] * 5


def test_a_line_that_is_off_is_named(view_of):
    view = view_of(1.5, 30.0)
    before = line_errors(view)
    assert {"C III] 1909", "Mg II 2799"} <= set(before)
    near = np.abs(view.rest / 2798.75 - 1) < 0.01
    after = line_errors(replace(view, model=np.where(near, 0.7 * view.model, view.model).astype(np.float32)))
    assert after["Mg II 2799"] > 0.2
    assert {name: error for name, error in after.items() if "Mg II" not in name} == {
        name: error for name, error in before.items() if "Mg II" not in name
    }


def test_each_line_has_its_own_accuracy(view_of):
    def spoiled(view):
        near = np.abs(view.rest / 1908.73 - 1) < 0.01
        return replace(view, model=np.where(near, 0.8 * view.model, view.model).astype(np.float32))

    seen = [spoiled(view) for view in views(view_of, 30, snr=40.0)]
    found = measure_accuracy(seen, [40.0] * 30, np.random.default_rng(0)).lines
    by_name = {row["line"]: row for row in found}
    worst = min(found, key=lambda row: row["accuracy"])
    assert worst["line"].startswith("C III]")
    assert 1 - worst["accuracy"] == pytest.approx(0.2, abs=0.05)
    assert all(row["accuracy_low"] <= row["accuracy"] <= row["accuracy_high"] for row in found)
    assert all(row["n"] == 30 and row["accuracy"] > 0.95 for name, row in by_name.items() if name != worst["line"])
    places = [float(name.rsplit(" ", 1)[1]) for name in by_name]
    assert places == sorted(places)
    assert measure_accuracy(seen[:19], [40.0] * 19, np.random.default_rng(0)).lines == []
    assert measure_accuracy(seen, [1.5] * 30, np.random.default_rng(0)).lines == []
