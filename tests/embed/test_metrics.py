import numpy as np
import pytest

from oddqso.embed.metrics import accuracy


def test_a_model_that_is_right_but_for_noise_is_accurate(rng):
    truth = np.ones((200, 3000), np.float32)
    flux = (truth + rng.normal(0, 0.3, truth.shape)).astype(np.float32)
    assert np.median(accuracy(flux, truth / 0.09, truth, truth > 0)) > 0.98


@pytest.mark.parametrize("off", [0.05, 0.2])
def test_a_wrong_model_is_as_inaccurate_as_it_is_wrong(rng, off):
    truth = np.ones((50, 3000), np.float32)
    flux = (truth + rng.normal(0, 0.1, truth.shape)).astype(np.float32)
    found = np.median(accuracy(flux, truth / 0.01, (1 + off) * truth, truth > 0))
    assert abs(1 - found - off) < 0.01


def test_without_pixels_there_is_no_division_by_zero():
    zero = np.zeros((1, 10), np.float32)
    assert np.isfinite(accuracy(zero, zero, zero, zero > 0)).all()
