from dataclasses import replace

import numpy as np
import pytest

from oddqso.embed import own
from oddqso.embed.own import measure_own
from oddqso.testing import make_spectra


@pytest.fixture(scope="module")
def spectra():
    scale = np.random.default_rng(2).lognormal(0, 1, 240).astype(np.float32)
    return replace(make_spectra(240, seed=17, snr=8.0), scale=scale)


def test_no_more_is_read_than_is_needed(model, spectra, monkeypatch):
    monkeypatch.setattr(own, "N_MOST", 100)
    read = []

    def batches():
        for first in range(0, 240, 40):
            read.append(first)
            yield spectra[first : first + 40]

    figures = measure_own(model, batches(), 1)
    assert read == [0, 40, 80]
    assert figures["n_encoded"] == 120
    assert figures["shift_consistency"]["n_spec"] <= 120


def test_how_they_come_in_batches_changes_nothing(model, spectra):
    whole = measure_own(model, [spectra], 1)
    assert whole == measure_own(model, [spectra[:70], spectra[70:71], spectra[71:]], 1)
    assert 0 < whole["active_units"] <= model.n_latent


def test_faint_spectra_and_few_say_nothing(model, spectra):
    nothing = {"active_units": None, "redshift_leakage": None, "shift_consistency": None}
    assert measure_own(model, [], 1) == {"n_encoded": 0, **nothing}
    assert measure_own(model, [spectra[:19]], 1) == {"n_encoded": 19, **nothing}
    faint = replace(spectra, flux=spectra.flux * np.float32(1e-3))
    assert measure_own(model, [faint], 1) == {"n_encoded": 0, **nothing}
