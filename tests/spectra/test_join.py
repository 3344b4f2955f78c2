import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from oddqso.spectra import Quality
from oddqso.spectra.grid import ARMS, N_NATIVE, arm_grid, arm_start, native_grid
from oddqso.spectra.join import join_arms


def arms(n_spec=3, seed=0, bad=0.2):
    rng = np.random.default_rng(seed)
    shapes = {arm: (n_spec, len(arm_grid(arm))) for arm in ARMS}
    flux = {arm: rng.normal(1, 2, shape).astype(np.float32) for arm, shape in shapes.items()}
    ivar = {arm: (rng.uniform(0.1, 4, s) * (rng.random(s) > bad)).astype(np.float32) for arm, s in shapes.items()}
    mask = {arm: (rng.random(shape) < bad / 2).astype(np.uint32) for arm, shape in shapes.items()}
    return flux, ivar, mask


def plain_join(flux, ivar, mask):
    """The formula as it is written: weighted sums in float64."""
    n_spec = len(flux["B"])
    top, bottom = np.zeros((n_spec, N_NATIVE)), np.zeros((n_spec, N_NATIVE))
    for arm in ARMS:
        here = slice(arm_start(arm), arm_start(arm) + len(arm_grid(arm)))
        weight = ivar[arm].astype(np.float64) * (mask[arm] == 0)
        top[:, here] += weight * flux[arm]
        bottom[:, here] += weight
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0), bottom


def test_overlaps_are_means_weighted_by_ivar():
    flux, ivar, mask = arms()
    joined, weight, quality = join_arms(flux, ivar, mask, 3)
    expected, expected_weight = plain_join(flux, ivar, mask)
    np.testing.assert_allclose(joined, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(weight, expected_weight, rtol=1e-6)
    assert not quality.any()


def test_the_joined_pixels_lie_on_the_native_grid():
    wave = {arm: arm_grid(arm).astype(np.float32)[None] for arm in ARMS}
    ones = {arm: np.ones_like(w) for arm, w in wave.items()}
    joined, weight, _ = join_arms(wave, ones, {}, 1)
    np.testing.assert_allclose(joined[0], native_grid(), atol=1e-3)
    assert weight.sum() == 2751 + 2326 + 2881


@given(st.integers(0, 1000), st.floats(0.01, 100))
@settings(max_examples=20, deadline=None)
def test_signal_to_noise_is_kept_when_the_flux_is_scaled(seed, factor):
    flux, ivar, mask = arms(1, seed)
    before = join_arms(flux, ivar, mask, 1)
    scaled = {a: (f * np.float32(factor)) for a, f in flux.items()}
    after = join_arms(scaled, {a: (w / np.float32(factor) ** 2) for a, w in ivar.items()}, mask, 1)
    np.testing.assert_allclose(after[0] * np.sqrt(after[1]), before[0] * np.sqrt(before[1]), rtol=1e-4, atol=1e-5)


def test_what_stands_in_a_bad_pixel_does_not_matter():
    flux, ivar, mask = arms()
    clean = join_arms(flux, ivar, mask, 3)
    for arm in ARMS:
        flux[arm][(ivar[arm] == 0) | (mask[arm] != 0)] = 1e30
    dirty = join_arms(flux, ivar, mask, 3)
    for a, b in zip(clean, dirty, strict=True):
        np.testing.assert_array_equal(a, b)
    for arm in ARMS:
        flux[arm][ivar[arm] == 0] = np.nan
    dirtier = join_arms(flux, ivar, mask, 3)
    np.testing.assert_array_equal(clean[0], dirtier[0])
    assert (dirtier[2] & Quality.NONFINITE).all()


def test_each_missing_arm_has_its_bit():
    flux, ivar, mask = arms(1)
    for arm in ARMS:
        without = {a: f for a, f in flux.items() if a != arm}
        assert Quality(int(join_arms(without, ivar, mask, 1)[2][0])) == Quality[f"MISSING_{arm}"]
        dark = ivar | {arm: np.zeros_like(ivar[arm])}
        assert Quality(int(join_arms(flux, dark, mask, 1)[2][0])) == Quality[f"MISSING_{arm}"]


def test_rows_depend_on_neither_order_nor_company():
    flux, ivar, mask = arms(6)
    order = np.array([4, 1, 5])
    together = join_arms(flux, ivar, mask, 6)
    some = join_arms(*({a: x[order] for a, x in part.items()} for part in (flux, ivar, mask)), 3)
    for a, b in zip(together, some, strict=True):
        np.testing.assert_array_equal(a[order], b)
