from dataclasses import replace

import numpy as np
import pytest

from oddqso.errors import DataError
from oddqso.score.latents import ActiveUnits, active_units
from oddqso.score.params import FitParams
from oddqso.testing import make_embedding


def test_inactive_units_are_left_out():
    assert active_units(make_embedding(300, n_latent=8), FitParams()).unit.tolist() == [0, 1, 2, 3]


def test_the_most_active_unit_stays_if_none_passes():
    assert len(active_units(make_embedding(300), FitParams(active_kl_nat=1e6)).unit) == 1


def test_the_ordinary_are_centered_with_unit_width():
    embedding = make_embedding(4000, n_latent=4)
    moved = replace(embedding, latent=(3 * embedding.latent + 7).astype(np.float32))
    x = active_units(moved, FitParams())(moved.latent)
    np.testing.assert_allclose(np.median(x, axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(x.std(axis=0), 1, rtol=0.05)


def test_a_few_odd_ones_do_not_move_the_standard():
    embedding = make_embedding(1000)
    latent = embedding.latent.copy()
    latent[:10] = 500
    clean, spoiled = active_units(embedding, FitParams()), active_units(replace(embedding, latent=latent), FitParams())
    np.testing.assert_allclose(spoiled.width, clean.width, rtol=0.1)


def test_a_unit_that_never_moves_is_no_division_by_zero():
    embedding = make_embedding(50)
    still = replace(embedding, latent=np.full_like(embedding.latent, 5.0))
    assert np.isfinite(active_units(still, FitParams())(still.latent)).all()


def test_other_numbers_of_units_are_refused():
    units = active_units(make_embedding(50, n_latent=6), FitParams())
    with pytest.raises(DataError, match="5 units, the detectors were fitted to 6"):
        units(np.zeros((2, 5), np.float32))


def test_one_spectrum_is_refused():
    with pytest.raises(DataError, match="at least 2"):
        active_units(make_embedding(1), FitParams())


def test_arrays_and_back():
    units = active_units(make_embedding(50), FitParams())
    again = ActiveUnits.from_arrays(units.to_arrays())
    latent = make_embedding(5, seed=2).latent
    np.testing.assert_array_equal(again(latent), units(latent))
