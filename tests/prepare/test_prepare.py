from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oddqso.errors import DataError
from oddqso.prepare.normalize import continuum
from oddqso.prepare.params import PrepareParams
from oddqso.prepare.prepare import prepare
from oddqso.spectra import UNSCORABLE, Quality
from oddqso.spectra.grid import model_grid
from oddqso.testing import make_spectra

PARAMS = PrepareParams()


def changed(spectra, **arrays):
    return replace(spectra, **{k: np.asarray(v, getattr(spectra, k).dtype) for k, v in arrays.items()})


def test_dust_and_brightness_drop_out(make_native):
    prepared, snr, coverage = prepare(make_native(scale=5.0, snr=100), PARAMS)
    np.testing.assert_allclose(prepared.scale, 5, rtol=0.01)
    for flux, z in zip(prepared.flux, prepared.z, strict=True):
        assert np.median(np.abs(flux / continuum(z) - 1)) < 0.02
    np.testing.assert_allclose(snr, 100, rtol=0.02)
    assert (coverage == 1).all()
    assert not prepared.quality.any()
    np.testing.assert_array_equal(prepared.wave, model_grid())


@given(st.floats(1e-3, 1e4), st.integers(0, 100))
@settings(max_examples=20, deadline=None)
def test_signal_to_noise_is_kept_and_the_scale_follows_the_flux(factor, seed):
    spectra = make_spectra_native(seed)
    before, snr_before, _ = prepare(spectra, PARAMS)
    after, snr_after, _ = prepare(changed(spectra, flux=spectra.flux * factor, ivar=spectra.ivar / factor**2), PARAMS)
    np.testing.assert_allclose(after.scale, factor * before.scale, rtol=1e-4)
    np.testing.assert_allclose(after.flux, before.flux, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(snr_after, snr_before, rtol=1e-4)
    np.testing.assert_allclose(after.flux**2 * after.ivar, before.flux**2 * before.ivar, rtol=2e-3, atol=1e-4)
    np.testing.assert_array_equal(after.quality, before.quality)


def make_spectra_native(seed=0):
    """The synthetic quasars of `oddqso.testing`, put on the native grid."""
    from oddqso.spectra.grid import native_grid

    model = make_spectra(n_spec=3, seed=seed, snr=4)
    flux = np.stack([np.interp(native_grid(), model.wave, f) for f in model.flux])
    return replace(model, wave=native_grid(), flux=flux.astype(np.float32), ivar=np.full(flux.shape, 16, np.float32))


def test_flux_times_scale_is_the_dereddened_flux(make_native):
    spectra = make_native(ebv=0.0)
    prepared, _, _ = prepare(spectra, PARAMS)
    from oddqso.prepare.rebin import native_to_model, rebin

    flux, ivar = rebin(spectra.flux, spectra.ivar, native_to_model())
    np.testing.assert_allclose(prepared.flux * prepared.scale[:, None], flux, rtol=1e-5)
    np.testing.assert_allclose(prepared.ivar / prepared.scale[:, None] ** 2, ivar, rtol=1e-5)


def test_rows_depend_on_neither_order_nor_company(make_native):
    spectra = make_native(12, snr=2)
    order = np.random.default_rng(4).permutation(12)[:7]
    together, alone = prepare(spectra, PARAMS), prepare(spectra[order], PARAMS)
    for name in ("flux", "ivar", "scale", "quality"):
        np.testing.assert_array_equal(getattr(together[0], name)[order], getattr(alone[0], name))
    np.testing.assert_array_equal(together[1][order], alone[1])
    np.testing.assert_array_equal(together[2][order], alone[2])


def test_masked_pixels_carry_nothing(make_native):
    spectra = make_native()
    ivar = spectra.ivar * (np.random.default_rng(0).random(spectra.ivar.shape) > 0.3)
    clean = prepare(changed(spectra, ivar=ivar, flux=np.where(ivar > 0, spectra.flux, 0)), PARAMS)
    wild = prepare(changed(spectra, ivar=ivar, flux=np.where(ivar > 0, spectra.flux, 1e30)), PARAMS)
    nans = prepare(changed(spectra, ivar=ivar, flux=np.where(ivar > 0, spectra.flux, np.nan)), PARAMS)
    for other in (wild, nans):
        np.testing.assert_array_equal(clean[0].flux, other[0].flux)
        np.testing.assert_array_equal(clean[0].ivar, other[0].ivar)
        np.testing.assert_array_equal(clean[0].scale, other[0].scale)
        np.testing.assert_array_equal(clean[1], other[1])
    assert (nans[0].quality == Quality.NONFINITE).all()
    assert np.isfinite(clean[0].flux).all()


def test_what_is_not_finite_or_negative_is_flagged_and_left_out(make_native):
    spectra = make_native(4)
    flux, ivar = spectra.flux.copy(), spectra.ivar.copy()
    flux[0, 5], flux[1, 6], ivar[2, 7], ivar[3, 8] = np.nan, np.inf, np.inf, -1
    prepared, snr, _ = prepare(changed(spectra, flux=flux, ivar=ivar), PARAMS)
    assert prepared.quality.tolist() == [*[Quality.NONFINITE] * 3, Quality.NEGATIVE_IVAR]
    assert np.isfinite(prepared.flux).all()
    assert np.isfinite(prepared.ivar).all()
    assert np.isfinite(snr).all()


def test_nothing_at_all_is_flagged_not_raised(make_native):
    spectra = make_native(2)
    zero = prepare(changed(spectra, flux=spectra.flux * 0, ivar=spectra.ivar * 0), PARAMS)
    words = Quality.NO_DATA | Quality.FEW_PIXELS | Quality.NO_CONTINUUM
    words |= Quality.MISSING_B | Quality.MISSING_R | Quality.MISSING_Z
    assert zero[0].quality.tolist() == [words] * 2
    assert zero[0].scale.tolist() == [1, 1]
    assert zero[1].tolist() == zero[2].tolist() == [0, 0]
    assert not zero[0].ivar.any()
    flat = prepare(changed(spectra, flux=spectra.flux * 0), PARAMS)[0]
    assert flat.quality.tolist() == [Quality.LOW_SIGNAL] * 2


def test_without_continuum_ivar_is_zero(make_native):
    spectra = make_native(1, z=4.0)
    ivar = spectra.ivar * (spectra.wave < 1216 * 5)
    prepared, _, _ = prepare(changed(spectra, ivar=ivar), PARAMS)
    assert prepared.quality[0] & UNSCORABLE == Quality.NO_CONTINUUM
    assert not prepared.ivar.any()
    assert prepared.scale.tolist() == [1]


def test_a_faint_spectrum_is_scaled_by_its_noise(make_native):
    spectra = make_native(1, z=1.0)
    noise = np.random.default_rng(0).normal(0, 2, spectra.flux.shape)
    faint = changed(spectra, flux=noise - 0.3, ivar=np.full(noise.shape, 0.25))
    prepared, _, _ = prepare(faint, PARAMS)
    assert prepared.quality[0] == Quality.LOW_SIGNAL
    assert 0 < prepared.scale[0] < 2
    tripled, _, _ = prepare(changed(faint, flux=faint.flux * 3, ivar=faint.ivar / 9), PARAMS)
    np.testing.assert_allclose(tripled.scale, 3 * prepared.scale, rtol=1e-5)


@pytest.mark.parametrize(
    ("bits", "good"),
    [(Quality.MISSING_B, lambda w: w > 5800.4), (Quality.MISSING_R, lambda w: (w < 5760.4) | (w > 7619.6)),
     (Quality.MISSING_Z, lambda w: w < 7520), (Quality.MISSING_B | Quality.MISSING_R, lambda w: w > 7620.4),
     (Quality.MISSING_R | Quality.MISSING_Z | Quality.FEW_PIXELS, lambda w: w < 4500)],
)  # fmt: skip
def test_missing_arms_are_flagged_and_one_may_be_missing(make_native, bits, good):
    spectra = make_native(1, z=1.0)
    prepared, _, coverage = prepare(changed(spectra, ivar=spectra.ivar * good(spectra.wave)), PARAMS)
    assert Quality(int(prepared.quality[0])) == bits
    assert coverage[0] == pytest.approx(good(spectra.wave).mean())
    assert prepared.scale[0] == pytest.approx(5, rel=0.05)


@pytest.mark.parametrize("z", [-0.01, 0.0, 0.049, 6.01, 50.0, np.nan, np.inf, -3.0])
def test_redshifts_out_of_range_are_flagged(make_native, z):
    prepared, snr, _ = prepare(changed(make_native(1, z=1.0), z=[z]), PARAMS)
    assert prepared.quality[0] & Quality.Z_RANGE
    assert np.isfinite(prepared.flux).all()
    assert np.isfinite(snr).all()


@pytest.mark.parametrize("z", [0.05, 0.5, 1.2, 2.5, 3.6, 5.0, 6.0])
def test_every_redshift_in_range_has_a_scale(make_native, z):
    prepared, _, _ = prepare(make_native(1, z=z), PARAMS)
    assert prepared.quality[0] == 0
    assert prepared.scale[0] == pytest.approx(5, rel=0.02)


def test_unknown_reddening_is_none(make_native):
    spectra = make_native(2, ebv=0.0)
    for ebv in (np.nan, np.inf):
        np.testing.assert_array_equal(
            prepare(changed(spectra, ebv=[ebv] * 2), PARAMS)[0].flux, prepare(spectra, PARAMS)[0].flux
        )


def test_bits_are_added_and_none_is_taken_away(make_native):
    spectra = changed(make_native(1), quality=[Quality.ZWARN | Quality.SEVERAL_COADDS])
    assert prepare(spectra, PARAMS)[0].quality.tolist() == [Quality.ZWARN | Quality.SEVERAL_COADDS]
    assert spectra.quality.tolist() == [Quality.ZWARN | Quality.SEVERAL_COADDS]


def test_a_table_of_read_only_arrays_prepares_the_same(make_native):
    spectra = make_native(3)
    again = type(spectra).from_table(spectra.to_table())
    np.testing.assert_array_equal(prepare(spectra, PARAMS)[0].flux, prepare(again, PARAMS)[0].flux)


def test_no_rows_stay_no_rows(make_native):
    prepared, snr, coverage = prepare(make_native(2)[:0], PARAMS)
    assert (len(prepared), len(snr), len(coverage)) == (0, 0, 0)


def test_another_grid_is_refused():
    with pytest.raises(DataError, match="needs the native grid of 7781 pixels, the spectra have 4000"):
        prepare(make_spectra(), PARAMS)
