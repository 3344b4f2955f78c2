from dataclasses import replace

import numpy as np
import pytest

from oddqso.reports.words import (
    QUALITY_WORDS,
    describe,
    fired_names,
    peak_words,
    significance_words,
    sky_links,
    tail_words,
)  # fmt: skip
from oddqso.spectra import Quality


@pytest.fixture
def row(world):
    return next(r for r in world.catalog.to_pylist() if r["RANK"] is not None and r["P_VALUE"] is not None)


def test_every_quality_bit_has_words():
    assert set(QUALITY_WORDS) == set(Quality)


def test_every_candidate_can_be_described(world):
    rows = world.catalog.to_pylist()
    for row in rows[:20] + rows[-10:]:
        words = describe(row, world.spectra([row["TARGETID"]])[0])
        assert str(row["TARGETID"]) in words[0]
        assert all(text.endswith(".") and "None" not in text and "nan" not in text for text in words)


def test_a_missing_p_value_is_explained(row):
    assert "taught the model" in significance_words(row | {"P_VALUE": None, "SPLIT": "FIT"})
    assert "made from" in significance_words(row | {"P_VALUE": None, "SPLIT": "CALIBRATION"})
    assert "not scored" in significance_words(row | {"P_VALUE": None, "SCORE": None})
    assert "p = 0.0123, q = 0.5 " in significance_words(row | {"P_VALUE": 0.0123, "Q_VALUE": 0.5})


def test_the_strongest_detector_is_named_first(row):
    tails = {name: 0.0 for name in row if name.startswith("TAIL_")} | {"TAIL_GMM": 2.5, "TAIL_BROAD": 5.0}
    assert fired_names(row | tails) == ["BROAD", "GMM"]


def test_a_peak_is_told_in_both_frames_with_its_width(view_of):
    view = view_of(1.0, 20.0)
    peak = {"PEAK_NARROW_WAVE": 5597.5, "PEAK_NARROW_SCALE": 2, "PEAK_NARROW_SIGN": -1, "PEAK_NARROW_SIGMA": 8.04}
    text = peak_words(peak, view, "NARROW")
    assert "deficit of 8.0 sigma at 5598 Å observed, 2798.8 Å rest, 4 Å wide (200 km/s FWHM)" in text
    assert "on Mg II 2799" in text


def test_a_broad_feature_at_the_same_place_is_not_told_twice(view_of):
    view = view_of(1.0, 20.0)
    peak = {f"PEAK_{k}_{n}": v for k in ("NARROW", "BROAD") for n, v in
            {"WAVE": 5000.0, "SCALE": 8, "SIGN": -1, "SIGMA": 8.0}.items()}  # fmt: skip
    assert peak_words(peak, view, "BROAD").endswith("the same as the narrow one.")
    assert "the same" not in peak_words(peak | {"PEAK_BROAD_SIGN": 1}, view, "BROAD")


def test_tail_probabilities_are_told_as_one_in_so_many():
    assert tail_words(0.0).startswith("about 1 in 1 ")
    assert tail_words(40.0).startswith("about 1 in 1,000,000,000,000 ")


def test_links_lead_to_the_position_unless_the_target_is_simulated(row):
    real = row | {"TARGETID": 39_627_568_982_000_001, "RA": 10.5, "DEC": -3.25}
    assert sky_links(row) == {}
    assert "ra=10.500000&dec=-3.250000" in sky_links(real)["Legacy Surveys"]
    assert "%2B3.25" in sky_links(real | {"DEC": 3.25})["SIMBAD"]


def test_negative_light_is_a_flaw_of_the_data(view_of):
    view = view_of(1.0, 30.0)
    peak = {"PEAK_NARROW_WAVE": 6000.0, "PEAK_NARROW_SCALE": 2, "PEAK_NARROW_SIGN": -1, "PEAK_NARROW_SIGMA": 50.0}
    hole = replace(view, flux=np.where(np.abs(view.wave - 6000) < 4, -view.flux, view.flux).astype(np.float32))
    assert "suspect a flaw" in peak_words(peak, hole, "NARROW")
    assert "suspect a flaw" not in peak_words(peak, view, "NARROW")
