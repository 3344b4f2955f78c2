import numpy as np
import pytest

from oddqso.errors import DataError
from oddqso.prepare.native import model_to_native
from oddqso.prepare.params import PrepareParams
from oddqso.prepare.prepare import prepare
from oddqso.prepare.redden import dimming
from oddqso.spectra.grid import model_grid, native_grid


def test_preparing_and_going_back_is_the_spectrum(make_native):
    spectra = make_native(5, snr=1e6)
    prepared, _, _ = prepare(spectra, PrepareParams())
    model, _ = model_to_native(prepared.flux, 0 * prepared.flux, prepared.scale, prepared.ebv)
    np.testing.assert_allclose(model[:, 3:-3], spectra.flux[:, 3:-3], rtol=5e-5)


def test_a_model_is_reddened_scaled_and_read_between_its_pixels():
    z = np.log(model_grid())
    model, sigma = model_to_native(
        np.tile(z, (2, 1)).astype(np.float32),
        np.full((2, 4000), 0.25, np.float16),
        np.float32([2, 10]),
        np.float32([0, 0.3]),
    )
    np.testing.assert_allclose(model[0], 2 * np.log(native_grid()), rtol=1e-6)
    np.testing.assert_allclose(model[1], 10 * np.log(native_grid()) / dimming(native_grid(), 0.3), rtol=1e-6)
    np.testing.assert_allclose(sigma, 0.25 * model, rtol=1e-6)


def test_errors_are_never_negative():
    _, sigma = model_to_native(
        -np.ones((1, 4000), np.float32), np.ones((1, 4000), np.float32), np.ones(1, np.float32), np.zeros(1, np.float32)
    )
    assert (sigma > 0).all()


def test_rows_depend_on_neither_order_nor_company():
    rng = np.random.default_rng(0)
    model, share = rng.normal(size=(6, 4000)).astype(np.float32), rng.random((6, 4000)).astype(np.float32)
    scale, ebv = rng.random(6).astype(np.float32), rng.random(6).astype(np.float32)
    pick = np.array([5, 0, 3])
    for a, b in zip(
        model_to_native(model, share, scale, ebv),
        model_to_native(model[pick], share[pick], scale[pick], ebv[pick]),
        strict=True,
    ):
        np.testing.assert_array_equal(a[pick], b)


def test_a_model_of_another_shape_is_refused():
    with pytest.raises(DataError, match=r"shape \(2, 4000\)"):
        model_to_native(
            np.ones((2, 4000), np.float32),
            np.ones((2, 4000), np.float32),
            np.ones(3, np.float32),
            np.ones(3, np.float32),
        )
