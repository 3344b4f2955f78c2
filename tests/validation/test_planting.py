import json
from dataclasses import replace

import numpy as np
import pytest

from oddqso.prepare.redden import dimming
from oddqso.simulation.injection import Kind
from oddqso.simulation.injections import INJECTIONS, injection_named
from oddqso.simulation.population import draw_quasar
from oddqso.simulation.probes import PROBES, smooth_flux
from oddqso.simulation.quasar import make_parts
from oddqso.simulation.settings import PhysicsParams
from oddqso.spectra import Spectra
from oddqso.spectra.grid import native_grid
from oddqso.validation.planting import as_words, plant, turned

WAVE = native_grid()


def host(z=2.3, ebv=0.0, seed=0):
    rng = np.random.default_rng(seed)
    params = PhysicsParams(bal_fraction=0, lobal_fraction=0)
    flux = make_parts(WAVE, draw_quasar(rng, params, z=z, r_mag=20.0), rng, params)[0].total()
    flux = flux / np.median(flux)
    ivar = np.full(len(WAVE), 100.0)
    ivar[3000:3040] = 0
    noisy = (flux + 0.1 * rng.standard_normal(len(WAVE))).astype(np.float32)
    return Spectra(
        np.array([39]), np.array([z]), np.array([ebv], np.float32), np.ones(1, np.float32), np.zeros(1, np.uint32),
        WAVE, noisy[None], ivar.astype(np.float32)[None],
    )  # fmt: skip


def planted(injection, spectra, amplitude, key=7):
    return plant(spectra, [injection], np.array([amplitude]), np.array([key]))


@pytest.mark.parametrize("injection", [i for i in INJECTIONS if i.kind is Kind.LIGHT], ids=lambda i: i.name)
def test_light_is_changed_in_front_of_the_galaxys_dust(injection):
    """Dust, then planting, is planting, then dust: the anomaly does not know where the Galaxy's dust is."""
    z = float(np.clip(2.3, injection.z_min, injection.z_max))
    clean = host(z)
    dust = dimming(WAVE, 0.2)
    dusty = replace(
        clean,
        flux=(clean.flux / dust).astype(np.float32),
        ivar=(clean.ivar * dust**2).astype(np.float32),
        ebv=np.array([0.2], np.float32),
    )
    bare, dimmed = (planted(injection, s, injection.high)[0] for s in (clean, dusty))
    scale = np.abs(bare.flux).max()
    np.testing.assert_allclose(dimmed.flux * dust, bare.flux, rtol=1e-3, atol=1e-4 * scale)
    np.testing.assert_allclose(dimmed.ivar / dust**2, bare.ivar, rtol=1e-3)


@pytest.mark.parametrize("name", ["cosmic_ray", "amplifier_bias", "sky_residual"])
def test_the_instruments_faults_do_not_know_the_dust(name):
    injection, clean = injection_named(name), host()
    dusty = replace(clean, ebv=np.array([0.2], np.float32))
    np.testing.assert_array_equal(
        planted(injection, clean, injection.high)[0].flux, planted(injection, dusty, injection.high)[0].flux
    )


def test_a_wrong_redshift_changes_the_label_alone():
    clean = host()
    wrong, draws = planted(injection_named("wrong_redshift"), clean, 9000.0)
    np.testing.assert_array_equal(wrong.flux, clean.flux)
    np.testing.assert_array_equal(wrong.ivar, clean.ivar)
    assert abs(wrong.z[0] - 2.3) == pytest.approx(3.3 * 9000 / 299_792.458)
    assert draws[0]["dv_kms"] == 9000.0


def test_pixels_without_data_stay_without():
    for injection in (*INJECTIONS, *PROBES):
        if injection.z_min <= 2.3 <= injection.z_max:
            assert (planted(injection, host(), injection.high)[0].ivar[0, 3000:3040] == 0).all(), injection.name


def test_the_hosts_are_left_alone_and_keep_their_places():
    hosts = host()
    before = hosts.flux.copy()
    changed, _ = planted(injection_named("bal"), hosts, 0.9)
    np.testing.assert_array_equal(hosts.flux, before)
    assert changed.target_id.tolist() == [39]


def test_a_row_does_not_feel_its_batch():
    one = host()
    two = Spectra.from_table(one.to_table().take([0, 0]))
    pair = [injection_named("host"), injection_named("bal")]
    spectra = replace(two, z=np.array([1.0, 2.3]))
    both, _ = plant(spectra, pair, np.array([0.5, 0.9]), np.array([3, 7]))
    alone, _ = planted(injection_named("bal"), one, 0.9)
    np.testing.assert_array_equal(both.flux[1], alone.flux[0])


@pytest.mark.parametrize("probe", PROBES, ids=lambda p: p.name)
@pytest.mark.parametrize("sigma", [0.0, 3.0, 12.0])
def test_a_probe_is_as_significant_as_it_says(probe, sigma):
    """What an ideal filter of its own shape gains on the noiseless feature is its amplitude."""
    clean = host()
    for key in range(6):
        changed, _ = planted(probe, clean, sigma, key)
        feature = (changed.flux[0] - clean.flux[0]).astype(np.float64)
        assert np.sqrt((feature**2 * clean.ivar[0]).sum()) == pytest.approx(sigma, rel=1e-3, abs=1e-3)


def test_probes_are_as_wide_as_they_say():
    for probe, low, high in zip(PROBES, (16, 1), (256, 3), strict=True):
        width = [probe.draws(np.random.default_rng(k), 1.0, 5.0)["width_px"] for k in range(200)]
        assert low <= min(width) < max(width) <= high


def test_the_smooth_flux_is_positive_and_follows_the_light():
    spectra = host()
    smooth = smooth_flux(WAVE, spectra.flux[0].astype(float), spectra.ivar[0].astype(float))
    assert (smooth > 0).all()
    red = WAVE > 6000
    assert np.corrcoef(smooth[red], spectra.flux[0][red])[0, 1] > 0.8


def test_a_spectrum_without_data_is_left_as_it_is():
    empty = replace(host(), ivar=np.zeros((1, len(WAVE)), np.float32))
    for name in ("narrow_feature", "bal", "cosmic_ray"):
        assert (planted(injection_named(name), empty, 3.0 if name != "bal" else 0.9)[0].ivar == 0).all()


def test_upside_down_twice_is_as_before():
    spectra = host()
    model = np.ones_like(spectra.flux)
    model[0, :10] = np.nan
    twin = turned(spectra, model)
    np.testing.assert_allclose(turned(twin, model).flux, spectra.flux, atol=1e-6)
    np.testing.assert_array_equal(twin.flux[0, :10], spectra.flux[0, :10])
    np.testing.assert_array_equal(twin.ivar, spectra.ivar)


def test_drawn_parameters_are_json():
    for injection in INJECTIONS:
        draws = injection.draws(np.random.default_rng(1), max(injection.z_min, 0.5))
        assert injection.amplitude in json.loads(as_words(draws))
