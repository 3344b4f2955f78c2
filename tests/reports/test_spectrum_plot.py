import re
from dataclasses import replace

import numpy as np
import pytest

from oddqso.reports.binning import bin_pixels, pixels_for
from oddqso.reports.spectrum_plot import SpectrumSheet, chi_in_bins, plot_spectrum
from oddqso.reports.style import styled

ROW = {
    "RANK": 3, "SNR": 5.0, "PEAK_NARROW_WAVE": 5000.0, "PEAK_NARROW_SCALE": 2, "PEAK_BROAD_WAVE": 7000.0,
    "PEAK_BROAD_SCALE": 64,
}  # fmt: skip


def test_binning_keeps_the_light(view_of):
    view = view_of(1.5, 10.0)
    flat = replace(view, ivar=np.ones_like(view.ivar))
    n = 8 * (len(view.wave) // 8)
    assert bin_pixels(flat, 8).flux.mean() == pytest.approx(view.flux[:n].mean(), rel=1e-5)


def test_faint_spectra_are_smoothed_more(view_of):
    assert pixels_for(view_of(1.5, 30.0)) < pixels_for(view_of(1.5, 1.0))


def test_residuals_of_noise_stay_of_width_one_when_taken_together(view_of):
    view = view_of(1.5, 5.0)
    _, chi = chi_in_bins(replace(view, model_sigma=np.zeros_like(view.model)), 6)
    assert np.nanstd(chi) == pytest.approx(1, abs=0.1)


def test_what_stood_on_the_sheet_before_leaves_no_trace(view_of):
    first, second = view_of(0.8, 3.0, "bal"), view_of(2.6, 9.0, missing_arm=True)
    with styled():
        used, fresh = SpectrumSheet(), SpectrumSheet()
        used.fill(first, ROW)
        used.image()
        used.fill(second, {"RANK": None})
        fresh.fill(second, {"RANK": None})
        assert used.image() == fresh.image()


@pytest.mark.parametrize("spoil", ["no data", "no model", "all zero", "no peak"])
def test_a_broken_spectrum_can_still_be_drawn(view_of, spoil, tmp_path):
    view, row = view_of(1.5, 5.0), dict(ROW)
    nothing, blank = np.zeros_like(view.flux), np.full_like(view.flux, np.nan)
    if spoil == "no data":
        view = replace(view, flux=nothing, ivar=nothing)
    if spoil == "no model":
        view = replace(view, model=blank, model_sigma=blank)
    if spoil == "all zero":
        view = replace(view, flux=nothing, model=nothing, model_sigma=nothing)
    if spoil == "no peak":
        row = {"RANK": None, "PEAK_NARROW_WAVE": None}
    plot_spectrum(view, row, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_a_plot_for_a_paper_holds_no_date(view_of, tmp_path):
    plot_spectrum(view_of(1.5, 5.0), ROW, tmp_path / "plot.pdf")
    content = (tmp_path / "plot.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert not re.search(rb"CreationDate", content)
